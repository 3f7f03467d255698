//! Three fields for one limit: how much it holds, what remains, when it is full again.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    Standing,
    select::foremost,
    time::{go_duration, seconds_up, timestamp, unix_time},
    writer::{capacity, number},
};
use crate::{
    layer::InvalidPolicy,
    model::{LimitName, LimitStatus},
};

/// The fields for one limit. Each can stand once in a response: where one of them stands already, all
/// three are left as they are.
#[derive(Clone, Debug)]
pub(super) struct Triple {
    /// The limit that they are for; `None`: whatever stands for all of them.
    pub(super) of: Option<LimitName>,
    pub(super) names: [HeaderName; 3],
    pub(super) reset: Reset,
}

/// How the time of the reset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reset {
    /// Seconds from now; of a refusal the same as its `Retry-After`.
    RetryAfter,
    /// Seconds from now.
    Seconds,
    /// Seconds since the epoch.
    UnixTime,
    /// A duration as Go writes it.
    Duration,
    /// A time of day and year.
    Timestamp,
}

impl Triple {
    /// Those of the limits that were named, of names that the policy knows.
    pub(super) fn named<const N: usize>(
        kinds: [(Option<String>, [HeaderName; 3]); N],
        reset: Reset,
        known: impl Fn(String) -> Result<LimitName, InvalidPolicy>,
    ) -> Result<Vec<Self>, InvalidPolicy> {
        let triple =
            |(name, names): (Option<String>, _)| Some(known(name?).map(|name| Self { of: Some(name), names, reset }));
        kinds.into_iter().filter_map(triple).collect()
    }

    /// Returns `true` if it reads the time.
    pub(super) fn needs_time(&self) -> bool {
        matches!(self.reset, Reset::UnixTime | Reset::Timestamp)
    }

    pub(super) fn report(&self, headers: &mut HeaderMap, statuses: &[LimitStatus], standing: &Standing<'_>) {
        let Some(status) = foremost(statuses, self.of.as_ref(), standing.refused) else {
            return;
        };
        let Some(reset) = self.reset.value(status.reset_after, standing) else {
            return;
        };
        if self.names.iter().any(|name| headers.contains_key(name)) {
            return;
        }
        let values = [number(capacity(&status.limit)), number(status.available), reset];
        for (name, value) in self.names.iter().zip(values) {
            headers.insert(name, value);
        }
    }
}

impl Reset {
    fn value(self, after: Duration, standing: &Standing<'_>) -> Option<HeaderValue> {
        match self {
            Self::RetryAfter => {
                let seconds = standing.retry_after.unwrap_or_else(|| seconds_up(after));
                Some(number(seconds))
            }
            Self::Seconds => Some(number(seconds_up(after))),
            Self::UnixTime => Some(number(unix_time(standing.now, after))),
            Self::Duration => HeaderValue::try_from(go_duration(after)).ok(),
            Self::Timestamp => HeaderValue::try_from(timestamp(standing.now, after)).ok(),
        }
    }
}
