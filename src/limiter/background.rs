//! Work that outlives the calls that caused it: flights and flushes.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::Notify};

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
    hurry: Notify,
    closed: AtomicBool,
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
                hurry: Notify::new(),
                closed: AtomicBool::new(false),
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

    /// Waits for `time`, or until the limiter is shut down.
    pub(super) async fn pause(&self, time: Duration) {
        let hurry = self.shared.hurry.notified();
        tokio::pin!(hurry);
        hurry.as_mut().enable();
        if !self.is_closed() {
            // Either way it is over.
            let _ = tokio::time::timeout(time, hurry).await;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// Ends all pauses, now and later, and waits until no task is left.
    pub(super) async fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.hurry.notify_waiters();
        loop {
            let idle = self.shared.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.shared.active.load(Ordering::SeqCst) == 0 {
                self.shared.waits.hurry();
                return;
            }
            idle.await;
        }
    }
}
