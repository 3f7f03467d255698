//! The calls of a run, and the report that they fill.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use crate::{
    load::Kind,
    reply::Reply,
    report::Report,
    settings::Settings,
    target::{Call, Target},
};

/// A run: its settings, its target, and its figures until now.
#[derive(Debug)]
pub(crate) struct Calls<T> {
    pub(super) settings: Settings,
    target: T,
    pub(super) begun: Instant,
    report: Mutex<Report>,
    /// The number of calls until now.
    numbers: AtomicU64,
    /// True when no call may begin any more.
    stop: watch::Sender<bool>,
    /// True when every call has ended.
    pub(super) ended: watch::Sender<bool>,
}

impl<T: Target> Calls<T> {
    pub(crate) fn new(settings: Settings, target: T) -> Self {
        let report = Report {
            processes: 1,
            open_loop: settings.load.kind() == Kind::Rate,
            ..Report::default()
        };
        Self {
            settings,
            target,
            begun: Instant::now(),
            report: Mutex::new(report),
            numbers: AtomicU64::new(0),
            stop: watch::Sender::new(false),
            ended: watch::Sender::new(false),
        }
    }

    /// Returns the report. A panic while it was locked cannot leave it half changed in a way that
    /// matters.
    pub(super) fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time since the beginning of the run.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Lets no call begin any more.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until no call may begin any more.
    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender is in `self`, so this never fails.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Returns the number of the next call, unless as many calls began as there should be.
    pub(super) fn next_number(&self) -> Option<u64> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let most = self.settings.own_requests();
        most.is_none_or(|most| number < most).then_some(number)
    }

    /// Makes a call that should have begun at `due`, and records it. Returns the time that a denial
    /// asked to wait.
    pub(super) async fn make(&self, call: Call, due: Instant) -> Option<Duration> {
        let unfinished = Unfinished { calls: self, due };
        let called = tokio::time::timeout(self.settings.timeout, self.target.call(call)).await;
        let reply = called.unwrap_or_else(|_| Reply::timeout());
        std::mem::forget(unfinished);
        self.record(&reply, due);
        reply.retry_after
    }

    /// Records a call that should have begun at `due`, and never began until `now`.
    pub(super) fn record_unsent(&self, due: Instant, now: Instant) {
        self.record(&Reply::unsent().answered_at(now), due);
    }

    /// Records the delay of this process: something should have happened at `due`, and does now.
    pub(super) fn record_lag(&self, due: Instant) {
        let lag = due.elapsed();
        if due.saturating_duration_since(self.begun) >= self.settings.warm_up {
            self.report().lag.record(lag);
        }
    }

    fn record(&self, reply: &Reply, due: Instant) {
        let now = Instant::now();
        let latency = reply.answered.unwrap_or(now).saturating_duration_since(due);
        let mut report = self.report();
        let ended_after = now.saturating_duration_since(self.begun);
        report.timeline.record(ended_after, reply.outcome, latency);
        let due_after = due.saturating_duration_since(self.begun);
        if due_after < self.settings.warm_up {
            report.warm_up.add(reply.outcome, 1);
            return;
        }
        report.record(reply, latency);
        if let Some(at) = reply.first_byte {
            report.first_byte.record(at.saturating_duration_since(due));
        }
    }
}

/// A call that has not ended. If it is dropped, the target panicked, or the runtime ended.
struct Unfinished<'a, T: Target> {
    calls: &'a Calls<T>,
    due: Instant,
}

impl<T: Target> Drop for Unfinished<'_, T> {
    fn drop(&mut self) {
        let reply = Reply::error("the call of the target panicked, or was dropped");
        self.calls.record(&reply, self.due);
    }
}
