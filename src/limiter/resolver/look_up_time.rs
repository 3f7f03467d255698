//! The time of a look-up, and the version of the limits that it returns.
#![allow(
    clippy::disallowed_methods,
    reason = "no owner yet: how old a look-up is"
)]

use std::time::{Duration, Instant};

use crate::{clock::Clock, limiter::terms::ConfigVersion, store::ReadConsistency};

/// The age of the writes that an eventually consistent look-up may miss: DynamoDB says the writes
/// of the last second, usually less.
const LAG: Duration = Duration::from_secs(1);

/// The time at which a look-up began. The answer may be the first one that shows the error of the
/// clock. So the time is corrected after the answer: an uncorrected time could make the result look
/// newer than any bucket.
pub(super) struct LookUpTime {
    known: bool,
    showed: i64,
    since: Instant,
}

impl LookUpTime {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self {
            known: clock.error().is_some(),
            showed: clock.now(),
            since: Instant::now(),
        }
    }

    /// Returns the version of the limits that the look-up has returned.
    pub(super) fn version(&self, clock: &dyn Clock, consistency: ReadConsistency) -> ConfigVersion {
        let lag = match consistency {
            ReadConsistency::Strong => Duration::ZERO,
            ReadConsistency::Eventual => LAG,
        };
        ConfigVersion::as_of(self.at(clock).saturating_sub(millis(lag)))
    }

    /// Returns the time, corrected by what is known of the clock now, epoch ms.
    pub(super) fn at(&self, clock: &dyn Clock) -> i64 {
        if self.known || clock.error().is_none() {
            return self.showed;
        }
        clock.now().saturating_sub(millis(self.since.elapsed()))
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
