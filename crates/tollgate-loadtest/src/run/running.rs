//! A test that runs.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Calls, closed, open};
use crate::{
    load::Kind,
    record::{Counts, Point},
    report::Report,
    target::Target,
};

/// A test that runs. If it is dropped, no call begins any more.
pub struct Running {
    calls: Arc<dyn Run>,
    ended: watch::Receiver<bool>,
}

/// The calls of a run, whatever their target is.
trait Run: Send + Sync {
    fn stop(&self);
    fn snapshot(&self) -> Report;
    fn progress(&self) -> Progress;
}

impl<T: Target> Run for Calls<T> {
    fn stop(&self) {
        let unfinished = !*self.ended.borrow();
        if unfinished && !self.is_stopped() {
            self.report().stopped = true;
        }
        Calls::stop(self);
    }

    fn snapshot(&self) -> Report {
        self.report().clone()
    }

    fn progress(&self) -> Progress {
        Progress::of(&self.report(), self.elapsed())
    }
}

/// The progress of a test.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// The time since the beginning of the test.
    pub elapsed: Duration,
    /// The number of calls until now, with those of the warm-up.
    pub counts: Counts,
    /// The figures of the last whole interval.
    pub recent: Point,
    /// The length of the interval.
    pub interval: Duration,
}

impl Progress {
    fn of(report: &Report, elapsed: Duration) -> Self {
        let mut counts = report.counts;
        counts.merge(&report.warm_up);
        let timeline = &report.timeline;
        let current = elapsed.as_secs() / timeline.interval().as_secs().max(1);
        let last = usize::try_from(current.saturating_sub(1)).unwrap_or(usize::MAX);
        let recent = timeline.points().get(last);
        Self {
            elapsed,
            counts,
            recent: recent.cloned().unwrap_or_default(),
            interval: timeline.interval(),
        }
    }

    /// Adds the progress of another process.
    pub fn merge(&mut self, other: &Self) {
        self.elapsed = self.elapsed.max(other.elapsed);
        self.counts.merge(&other.counts);
        self.recent.merge(&other.recent);
        self.interval = self.interval.max(other.interval);
    }

    /// Returns the decisions a second in the last whole interval.
    pub fn rate(&self) -> f64 {
        let seconds = self.interval.as_secs_f64().max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let decided = self.recent.counts.decided() as f64;
        decided / seconds
    }
}

impl Running {
    pub(crate) fn start<T: Target>(calls: Arc<Calls<T>>) -> Self {
        let ended = calls.ended.subscribe();
        let running = calls.clone();
        match calls.settings.load.kind() {
            Kind::Users => drop(tokio::spawn(closed::run(running))),
            Kind::Rate => drop(tokio::spawn(open::run(running))),
        }
        Self { calls, ended }
    }

    /// Lets no call begin any more. Those in flight go on until they end, or until their timeout.
    pub fn stop(&self) {
        self.calls.stop();
    }

    /// Waits until every call has ended.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        // If the runtime ends, the calls have ended too.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Returns the figures until now.
    pub fn report(&self) -> Report {
        self.calls.snapshot()
    }

    /// Returns the progress.
    pub fn progress(&self) -> Progress {
        self.calls.progress()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.calls.stop();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
