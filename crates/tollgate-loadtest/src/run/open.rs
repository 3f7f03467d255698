//! The open loop: calls that begin at their own times.

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::Calls;
use crate::{
    reply::Reply,
    target::{Call, Target},
};

/// Begins the calls until the load ends, or the run is stopped, and waits for their ends.
pub(super) async fn run<T: Target>(calls: Arc<Calls<T>>) {
    let room = Arc::new(Semaphore::new(calls.settings.in_flight as usize));
    let (stop, stopped) = mpsc::channel();
    let (done, finished) = tokio::sync::oneshot::channel();
    let pacer = Pacer {
        calls: calls.clone(),
        room: room.clone(),
        runtime: Handle::current(),
        stopped,
    };
    let thread = thread::Builder::new().name("loadtest-pacer".into());
    let spawned = thread.spawn(move || {
        pacer.pace();
        // The receiver goes with the runtime.
        let _ = done.send(());
    });
    match spawned {
        Ok(_) => {
            let mut finished = finished;
            tokio::select! {
                _ = &mut finished => {}
                () = calls.stopped() => {
                    // The pacer hears it while it waits for a time.
                    let _ = stop.send(());
                    let _ = finished.await;
                }
            }
        }
        Err(error) => {
            let reply = Reply::error(format!("no thread for the pacer: {error}"));
            calls.report().record(&reply, Duration::ZERO);
        }
    }
    let active = calls.elapsed().min(calls.settings.load.duration());
    // Each call ends by its timeout at the latest.
    let _ = room.acquire_many(calls.settings.in_flight).await;
    calls.report().measured = active.saturating_sub(calls.settings.warm_up);
    calls.ended.send_replace(true);
}

/// The thread that begins calls. Its waits are right to some 0.1 ms.
struct Pacer<T> {
    calls: Arc<Calls<T>>,
    room: Arc<Semaphore>,
    runtime: Handle,
    stopped: Receiver<()>,
}

impl<T: Target> Pacer<T> {
    fn pace(self) {
        let settings = &self.calls.settings;
        let most = settings.requests.unwrap_or(u64::MAX);
        let ends = self.calls.begun + settings.load.duration();
        let arrivals = (0..most).zip(settings.load.arrivals());
        // The last time at which there was no room.
        let mut full_until = None;
        let mut own = arrivals.filter(|(number, _)| settings.share.has(*number));
        while let Some((number, after)) = own.next() {
            let due = self.calls.begun + after;
            if !self.wait_until(due) {
                return;
            }
            let permit = match self.room.clone().try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => {
                    let permit = self.wait_for_room(ends);
                    full_until = Some(Instant::now());
                    permit
                }
            };
            let Some(permit) = permit else {
                // The rest of what is due had no room either.
                let now = Instant::now();
                let rest = own.map(|(_, after)| self.calls.begun + after);
                for due in std::iter::once(due)
                    .chain(rest)
                    .take_while(|due| *due <= now)
                {
                    self.calls.record_unsent(due, now);
                }
                return;
            };
            let call = Call {
                number,
                user: number,
            };
            let calls = self.calls.clone();
            // If it was late for want of room, that is no delay of this process.
            let due_after_room = full_until.is_none_or(|until| due > until);
            self.runtime.spawn(async move {
                if due_after_room {
                    calls.record_lag(due);
                }
                calls.make(call, due).await;
                drop(permit);
            });
        }
        // The load goes on until its end, even if no call is due any more.
        if settings.requests.is_none() {
            self.wait_until(ends);
        }
    }

    /// Waits until a time. Returns false if the run was stopped, or is gone with its runtime.
    fn wait_until(&self, due: Instant) -> bool {
        let left = due.saturating_duration_since(Instant::now());
        self.stopped.recv_timeout(left) == Err(RecvTimeoutError::Timeout)
    }

    /// Waits for room, until the load ends or the run is stopped.
    fn wait_for_room(&self, ends: Instant) -> Option<OwnedSemaphorePermit> {
        let room = self.room.clone();
        self.runtime.block_on(async {
            tokio::select! {
                permit = room.acquire_owned() => permit.ok(),
                () = self.calls.stopped() => None,
                () = tokio::time::sleep_until(ends) => None,
            }
        })
    }
}
