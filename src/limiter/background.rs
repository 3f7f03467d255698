//! Work that outlives the calls that caused it: flights and flushes.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Mutex, Notify},
};

use super::waits::{Timeout, Waits};

/// Runs the limiter's tasks on its own runtime handle, and knows when none is left.
#[derive(Clone, Debug)]
pub(super) struct Background {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    runtime: Handle,
    active: AtomicUsize,
    idle: Notify,
    /// Differences that are to be written: of settlements before the last flush and after it, in turn.
    unwritten: [AtomicUsize; 2],
    written: Notify,
    /// One flush at a time.
    flushing: Mutex<()>,
    hurry: Notify,
    closed: AtomicBool,
    flushes: AtomicU64,
    waits: Arc<Waits>,
}

/// Counts a task, from before it is spawned until it is gone, however it goes.
struct Active(Arc<Shared>);

impl Active {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.active.fetch_add(1, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if self.0.active.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Background {
    pub(super) fn new(runtime: Handle) -> Self {
        Self {
            shared: Arc::new(Shared {
                waits: Arc::new(Waits::new(runtime.clone())),
                runtime,
                active: AtomicUsize::new(0),
                idle: Notify::new(),
                unwritten: [AtomicUsize::new(0), AtomicUsize::new(0)],
                written: Notify::new(),
                flushing: Mutex::new(()),
                hurry: Notify::new(),
                closed: AtomicBool::new(false),
                flushes: AtomicU64::new(0),
            }),
        }
    }

    /// Runs a task. On a runtime that is shutting down the task is dropped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let active = Active::new(&self.shared);
        self.shared.runtime.spawn(async move {
            let _active = active;
            task.await;
        });
    }

    /// A deadline that is hardly ever reached, wherever it is made.
    pub(super) fn deadline(&self, time: Duration) -> Timeout {
        self.shared.waits.timeout(time)
    }

    /// A timer of the runtime, wherever it is made.
    pub(super) fn timeout(&self, time: Duration) -> tokio::time::Sleep {
        let _runtime = self.shared.runtime.enter();
        tokio::time::sleep(time)
    }

    /// Waits for `time`, or until the limiter is flushed or shut down.
    pub(super) async fn pause(&self, time: Duration) {
        self.pause_since(self.flushes(), time).await;
    }

    /// How often the limiter was flushed.
    pub(super) fn flushes(&self) -> u64 {
        self.shared.flushes.load(Ordering::SeqCst)
    }

    /// As [`pause`](Self::pause); not at all if it was flushed more than `flushes` times.
    pub(super) async fn pause_since(&self, flushes: u64, time: Duration) {
        let hurry = self.shared.hurry.notified();
        tokio::pin!(hurry);
        hurry.as_mut().enable();
        if !self.is_closed() && self.flushes() == flushes {
            // Either way it is over.
            let _ = tokio::time::timeout(time, hurry).await;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// Ends all pauses, now and later, and waits until no task is left. False if the runtime does not run what is given
    /// to it for `patience`: nobody drives it.
    pub(super) async fn close(&self, patience: Duration) -> bool {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.hurry.notify_waiters();
        let drained = self.until(&self.shared.active, &self.shared.idle, patience).await;
        self.shared.waits.hurry();
        drained
    }

    /// Counts a difference that is to be written.
    pub(super) fn unwritten(&self) -> Unwritten {
        let turn = turn(self.flushes());
        self.shared.unwritten[turn].fetch_add(1, Ordering::SeqCst);
        Unwritten(self.shared.clone(), turn)
    }

    /// Ends all pauses, and waits until no difference is left that was to be written before. False as for
    /// [`close`](Self::close).
    pub(super) async fn flush(&self, patience: Duration) -> bool {
        let Shared { flushing, flushes, hurry, unwritten, written, .. } = &*self.shared;
        let _flushing = flushing.lock().await;
        let now = turn(flushes.load(Ordering::SeqCst));
        // What a flush that was given up has left behind comes first: nothing more is counted there.
        if !self.until(&unwritten[1 - now], written, patience).await {
            return false;
        }
        // What is settled from now on is counted there: under steady traffic, flushing ends all the same.
        flushes.fetch_add(1, Ordering::SeqCst);
        hurry.notify_waiters();
        self.until(&unwritten[now], written, patience).await
    }

    /// Waits until `count` is zero, which `notify` tells.
    async fn until(&self, count: &AtomicUsize, notify: &Notify, patience: Duration) -> bool {
        loop {
            let zero = notify.notified();
            tokio::pin!(zero);
            zero.as_mut().enable();
            if count.load(Ordering::SeqCst) == 0 {
                return true;
            }
            let beat = self.shared.runtime.spawn(std::future::ready(()));
            let mut late = self.deadline(patience);
            let stands_still = poll_fn(|context| {
                if zero.as_mut().poll(context).is_ready() {
                    return Poll::Ready(false);
                }
                Pin::new(&mut late).poll(context).map(|()| !beat.is_finished())
            });
            if stands_still.await {
                return false;
            }
        }
    }
}

/// Which of two counts holds after so many flushes.
fn turn(flushes: u64) -> usize {
    usize::from(flushes % 2 == 1)
}

/// A difference that is to be written.
#[derive(Debug)]
pub(super) struct Unwritten(Arc<Shared>, usize);

impl Drop for Unwritten {
    fn drop(&mut self) {
        if self.0.unwritten[self.1].fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.written.notify_waiters();
        }
    }
}
