//! Background work that outlives the calls that caused it: writes and flushes.
#![allow(
    clippy::disallowed_methods,
    reason = "all tasks of a limiter are spawned here, and it waits for their end"
)]

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

use super::{
    timeouts::{DeadlineQueue, Timeout},
    timer::Timer,
};

/// Runs the limiter's tasks on the limiter's runtime, and counts the tasks that have not ended.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    runtime: Handle,
    active: AtomicUsize,
    idle: Notify,
    /// The number of differences that are not written yet: one counter for settlements before the
    /// last flush and one for settlements after it. Each flush swaps their roles.
    unwritten: [AtomicUsize; 2],
    written: Notify,
    /// Held by a flush, so that only one runs at a time.
    flushing: Mutex<()>,
    hurry: Notify,
    closed: AtomicBool,
    flushes: AtomicU64,
    waits: Arc<DeadlineQueue>,
}

/// Counts a task from before it is spawned until it is dropped, whether it completed or not.
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
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            shared: Arc::new(Shared {
                waits: Arc::new(DeadlineQueue::new(runtime.clone())),
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

    /// Spawns a task. If the runtime is shutting down, the task is dropped.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let active = Active::new(&self.shared);
        self.shared.runtime.spawn(async move {
            let _active = active;
            task.await;
        });
    }

    /// Returns a timeout for a deadline that is seldom reached. May be called outside the runtime.
    pub(crate) fn deadline(&self, time: Duration) -> Timeout {
        self.shared.waits.timeout(time)
    }

    /// Returns a timer that ends after `time`. A shutdown of the limiter does not wait for it.
    pub(crate) fn timer(&self, time: Duration) -> Timer {
        Timer::new(&self.shared.runtime, self.deadline(time))
    }

    /// Waits for `time`, or until the limiter is flushed or shut down.
    pub(crate) async fn pause(&self, time: Duration) {
        self.pause_since(self.flushes(), time).await;
    }

    /// Returns the number of flushes so far.
    pub(crate) fn flushes(&self) -> u64 {
        self.shared.flushes.load(Ordering::SeqCst)
    }

    /// Waits like [`pause`](Self::pause), but returns at once if the limiter was flushed more than
    /// `flushes` times.
    pub(crate) async fn pause_since(&self, flushes: u64, time: Duration) {
        let hurry = self.shared.hurry.notified();
        tokio::pin!(hurry);
        hurry.as_mut().enable();
        if !self.is_closed() && self.flushes() == flushes {
            // The pause is over, whether the time is up or it was ended early.
            let _ = tokio::time::timeout(time, hurry).await;
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// Ends all current and future pauses, and waits until no task is left. Returns `false` if the
    /// runtime does not run a new task within `patience`, because no thread drives it.
    pub(crate) async fn close(&self, patience: Duration) -> bool {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.hurry.notify_waiters();
        let drained = self
            .until(&self.shared.active, &self.shared.idle, patience)
            .await;
        self.shared.waits.hurry();
        drained
    }

    /// Counts a difference that is to be written.
    pub(crate) fn unwritten(&self) -> Unwritten {
        let turn = turn(self.flushes());
        self.shared.unwritten[turn].fetch_add(1, Ordering::SeqCst);
        Unwritten(self.shared.clone(), turn)
    }

    /// Ends all pauses, and waits until all differences that were settled before are written.
    /// Returns `false` in the same case as [`close`](Self::close).
    pub(crate) async fn flush(&self, patience: Duration) -> bool {
        let Shared {
            flushing,
            flushes,
            hurry,
            unwritten,
            written,
            ..
        } = &*self.shared;
        let _flushing = flushing.lock().await;
        let now = turn(flushes.load(Ordering::SeqCst));
        // If an earlier flush was dropped, its differences come first. No new ones are counted
        // there.
        if !self.until(&unwritten[1 - now], written, patience).await {
            return false;
        }
        // Settlements from now on are counted in the other counter, so that the flush ends under
        // steady traffic too.
        flushes.fetch_add(1, Ordering::SeqCst);
        hurry.notify_waiters();
        self.until(&unwritten[now], written, patience).await
    }

    /// Waits until `count` is zero. `notify` signals that.
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
                Pin::new(&mut late)
                    .poll(context)
                    .map(|()| !beat.is_finished())
            });
            if stands_still.await {
                return false;
            }
        }
    }
}

/// Returns which of the two counters is in use after this number of flushes.
fn turn(flushes: u64) -> usize {
    usize::from(flushes % 2 == 1)
}

/// A difference that is to be written.
#[derive(Debug)]
pub(crate) struct Unwritten(Arc<Shared>, usize);

impl Drop for Unwritten {
    fn drop(&mut self) {
        if self.0.unwritten[self.1].fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.written.notify_waiters();
        }
    }
}
