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
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Mutex, Notify},
};

use super::{
    counter::{Counted, Counter},
    finally::Finally,
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
    /// The tasks, each from before it is spawned until it is dropped, whether it completed or not.
    tasks: Arc<Counter>,
    /// The differences that are not written yet: one counter for settlements before the last flush
    /// and one for settlements after it. Each flush swaps their roles.
    unwritten: [Arc<Counter>; 2],
    /// The lock that a flush holds, so that only one flush runs at a time.
    flushing: Mutex<()>,
    hurry: Notify,
    closed: AtomicBool,
    flushes: AtomicU64,
    waits: Arc<DeadlineQueue>,
}

impl Background {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            shared: Arc::new(Shared {
                waits: Arc::new(DeadlineQueue::new(runtime.clone())),
                runtime,
                tasks: Arc::default(),
                unwritten: Default::default(),
                flushing: Mutex::new(()),
                hurry: Notify::new(),
                closed: AtomicBool::new(false),
                flushes: AtomicU64::new(0),
            }),
        }
    }

    /// Spawns a task. If the runtime is shutting down, the task is dropped.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_then(task, |_| ());
    }

    /// Spawns a task, and calls `then` at its end: with `true`, or with `false` if the task is
    /// dropped before it has ended, because the runtime is shutting down.
    pub(crate) fn spawn_then(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
        then: impl FnOnce(bool) + Send + 'static,
    ) {
        let counted = self.shared.tasks.count();
        let end = Finally::new(move |ended| {
            then(ended);
            drop(counted);
        });
        self.shared.runtime.spawn(async move {
            task.await;
            end.ended();
        });
    }

    /// Calls `job` with `true` after `time`, or as soon as the limiter is flushed or shut down.
    /// Calls it with `false` if the runtime is shut down before. A job that is to be repeated
    /// calls this again.
    pub(crate) fn after(&self, time: Duration, job: impl FnOnce(bool) + Send + 'static) {
        let (background, flushes) = (self.clone(), self.flushes());
        let pause = async move { background.pause_since(flushes, time).await };
        self.spawn_then(pause, job);
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
    fn flushes(&self) -> u64 {
        self.shared.flushes.load(Ordering::SeqCst)
    }

    /// Waits like [`pause`](Self::pause), but returns at once if the limiter was flushed more than
    /// `flushes` times.
    async fn pause_since(&self, flushes: u64, time: Duration) {
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
        let drained = self.until(&self.shared.tasks, patience).await;
        self.shared.waits.hurry();
        drained
    }

    /// Counts a difference that is to be written.
    pub(crate) fn unwritten(&self) -> Counted {
        self.shared.unwritten[turn(self.flushes())].count()
    }

    /// Ends all pauses, and waits until all differences that were settled before are written.
    /// Returns `false` in the same case as [`close`](Self::close).
    pub(crate) async fn flush(&self, patience: Duration) -> bool {
        let Shared {
            flushing,
            flushes,
            hurry,
            unwritten,
            ..
        } = &*self.shared;
        let _flushing = flushing.lock().await;
        let now = turn(flushes.load(Ordering::SeqCst));
        // If an earlier flush was dropped, wait for its differences first. No new differences are
        // counted there.
        if !self.until(&unwritten[1 - now], patience).await {
            return false;
        }
        // Settlements from now on are counted in the other counter, so that the flush ends under
        // steady traffic too.
        flushes.fetch_add(1, Ordering::SeqCst);
        hurry.notify_waiters();
        self.until(&unwritten[now], patience).await
    }

    /// Waits until the counter is zero.
    async fn until(&self, counter: &Counter, patience: Duration) -> bool {
        loop {
            let zero = counter.becomes_zero();
            tokio::pin!(zero);
            zero.as_mut().enable();
            if counter.is_zero() {
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
