//! Measures how long the store was down.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Adds up the time from calls that failed to the next calls, for a counter of whole seconds.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<OutageState>);

#[derive(Debug, Default)]
struct OutageState {
    /// The end of the last call if it failed.
    down: Option<Instant>,
    /// The fraction of a second that is not counted yet.
    rest: Duration,
}

impl Outage {
    /// Records the end of a call, and returns the whole seconds to add to the counter.
    pub(super) fn heard(&self, down: bool, now: Instant) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = down.then_some(now);
        if let Some(since) = std::mem::replace(&mut seen.down, next) {
            seen.rest = seen
                .rest
                .saturating_add(now.saturating_duration_since(since));
        }
        let seconds = seen.rest.as_secs();
        seen.rest = Duration::from_nanos(seen.rest.subsec_nanos().into());
        seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_lasts_from_the_first_failure_to_the_next_success() {
        let (outage, start) = (Outage::default(), Instant::now());
        let heard = |millis, down| outage.heard(down, start + Duration::from_millis(millis));
        assert_eq!(heard(0, false), 0);
        assert_eq!(heard(10_000, true), 0, "it was there until then");
        assert_eq!(heard(11_600, true), 1);
        assert_eq!(heard(12_100, true), 1, "600 ms of before");
        assert_eq!(heard(15_000, false), 3);
        assert_eq!(heard(90_000, false), 0, "it was there");
        assert_eq!(heard(100_000, true), 0);
        assert_eq!(heard(100_500, false), 0);
        assert_eq!(heard(200_000, true), 0);
        assert_eq!(heard(200_500, false), 1, "twice half a second");
    }

    /// Several threads record calls, so their times may be out of order.
    #[test]
    fn the_time_of_an_outage_does_not_go_back() {
        let (outage, start) = (Outage::default(), Instant::now());
        assert_eq!(outage.heard(true, start + Duration::from_secs(5)), 0);
        assert_eq!(outage.heard(true, start), 0);
        assert_eq!(outage.heard(false, start + Duration::from_secs(1)), 1);
    }
}
