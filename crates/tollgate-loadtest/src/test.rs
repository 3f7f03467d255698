//! The test: what to do, and how long.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use crate::{
    load::Load,
    report::Report,
    run::{Calls, Running},
    settings::{Settings, Share},
    target::Target,
};

/// A load test.
///
/// | setting | default |
/// |---|---|
/// | [`requests`](Self::requests) | no limit: the load's duration ends the test |
/// | [`warm_up`](Self::warm_up) | none |
/// | [`timeout`](Self::timeout) | 10 s |
/// | [`max_in_flight`](Self::max_in_flight) | 10 000 |
/// | [`obey_retry_after`](Self::obey_retry_after) | no |
/// | [`part`](Self::part) | all of the load |
///
/// # Runtime
/// Calls are tasks of the tokio runtime in which the test starts, which needs its timers. An open
/// loop also has a thread that says when the next call is due, because tokio's timers are right
/// only to a millisecond.
#[derive(Clone, Debug)]
#[must_use = "a test does nothing until it runs"]
pub struct LoadTest {
    settings: Settings,
}

impl LoadTest {
    /// Returns a test with a load.
    pub fn new(load: Load) -> Self {
        Self {
            settings: Settings {
                load,
                requests: None,
                warm_up: Duration::ZERO,
                timeout: Duration::from_secs(10),
                in_flight: 10_000,
                obeys_retry_after: false,
                share: Share { index: 0, of: 1 },
            },
        }
    }

    /// Ends the test after this number of calls, if the load's duration does not end it before.
    pub fn requests(mut self, requests: u64) -> Self {
        self.settings.requests = Some(requests);
        self
    }

    /// Leaves calls that begin in the first `time` of the load out of the figures.
    pub fn warm_up(mut self, time: Duration) -> Self {
        self.settings.warm_up = time;
        self
    }

    /// Sets the longest time of a call. A call that takes longer is dropped.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// Sets the most calls of an open loop that are in flight at a time. Later ones wait for room.
    /// Their latency counts from the time at which they should have begun. Those that still wait at
    /// the end of the load are counted as unsent.
    pub fn max_in_flight(mut self, calls: NonZeroU32) -> Self {
        self.settings.in_flight = calls.get();
        self
    }

    /// Lets a user of a closed loop wait as long as a denial asks for. An open loop has no users,
    /// and its calls come regardless.
    pub fn obey_retry_after(mut self, obeys: bool) -> Self {
        self.settings.obeys_retry_after = obeys;
        self
    }

    /// Makes part `index`, from 0, of a load that `of` processes share. They make every `of`-th
    /// arrival each, or have every `of`-th user. An `index` that is not below `of` is the last part.
    pub fn part(mut self, index: u32, of: NonZeroU32) -> Self {
        let of = of.get();
        let index = index.min(of - 1);
        self.settings.share = Share { index, of };
        self
    }

    /// Runs the test, and returns its report.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn run(self, target: impl Target) -> Report {
        let running = self.start(target);
        running.ended().await;
        running.report()
    }

    /// Starts the test.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self, target: impl Target) -> Running {
        Running::start(Arc::new(Calls::new(self.settings, target)))
    }
}
