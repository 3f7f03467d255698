//! Three fields for one limit: its capacity, what remains, and when it is full again.

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

/// The fields for one limit. A response can have each of them only once. If the response has one of
/// the fields already, all three are left as they are.
#[derive(Clone, Debug)]
pub(super) struct Triple {
    /// The limit that the fields report; `None` for the limit that represents all of them.
    pub(super) of: Option<LimitName>,
    pub(super) names: [HeaderName; 3],
    pub(super) reset: Reset,
}

/// The format of the reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reset {
    /// Seconds from now; in a denial the same as its `Retry-After`.
    RetryAfter,
    /// Seconds from now.
    Seconds,
    /// Seconds since the epoch.
    UnixTime,
    /// A duration as Go writes it.
    Duration,
    /// A date and time in the format of RFC 3339.
    Timestamp,
}

impl Triple {
    /// Returns the fields of the limits that were named. `known` checks that the policy knows the
    /// names.
    pub(super) fn named<const N: usize>(
        kinds: [(Option<String>, [HeaderName; 3]); N],
        reset: Reset,
        known: impl Fn(String) -> Result<LimitName, InvalidPolicy>,
    ) -> Result<Vec<Self>, InvalidPolicy> {
        let triple = |(name, names): (Option<String>, _)| {
            Some(known(name?).map(|name| Self {
                of: Some(name),
                names,
                reset,
            }))
        };
        kinds.into_iter().filter_map(triple).collect()
    }

    /// Returns `true` if the reset depends on the current time.
    pub(super) fn needs_time(&self) -> bool {
        matches!(self.reset, Reset::UnixTime | Reset::Timestamp)
    }

    pub(super) fn report(
        &self,
        headers: &mut HeaderMap,
        statuses: &[LimitStatus],
        standing: &Standing<'_>,
    ) {
        let Some(status) = foremost(statuses, self.of.as_ref(), standing.refused) else {
            return;
        };
        let Some(reset) = self.reset.value(status.reset_after, standing) else {
            return;
        };
        if self.names.iter().any(|name| headers.contains_key(name)) {
            return;
        }
        let values = [
            number(capacity(&status.limit)),
            number(status.available),
            reset,
        ];
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
