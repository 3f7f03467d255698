//! The settings of a test.

use std::time::Duration;

use crate::load::Load;

/// The settings of a test.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) load: Load,
    pub(crate) requests: Option<u64>,
    pub(crate) warm_up: Duration,
    pub(crate) timeout: Duration,
    pub(crate) in_flight: u32,
    pub(crate) obeys_retry_after: bool,
    pub(crate) share: Share,
}

/// The part of the load that a process makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// From 0.
    pub(crate) index: u32,
    pub(crate) of: u32,
}

impl Share {
    /// Returns true if the arrival or the user of that number belongs to this process.
    pub(crate) fn has(self, number: u64) -> bool {
        number % u64::from(self.of) == u64::from(self.index)
    }
}

impl Settings {
    /// Returns the number of requests that this process makes.
    pub(crate) fn own_requests(&self) -> Option<u64> {
        let Share { index, of } = self.share;
        let before = u64::from(of - 1 - index);
        self.requests
            .map(|requests| requests.saturating_add(before) / u64::from(of))
    }
}
