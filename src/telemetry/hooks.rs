//! Counters of the breaker, local decisions, shadow mode, waiting and exemptions. The events are
//! emitted elsewhere.

use std::time::{Duration, Instant};

use super::{count, names, observe, set};
use crate::model::{LimitName, Resource};

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerGauge {
    /// Calls go to the store.
    Closed,
    /// One call probes if the store answers again.
    Probing,
    /// No call goes to the store.
    Open,
}

/// Reports a change of the breaker.
pub(crate) fn breaker(state: BreakerGauge) {
    set(names::BREAKER_STATE, f64::from(state as u8));
}

/// Counts a request that was decided by this process's share of the limits.
pub(crate) fn decided_locally() {
    count(names::DEGRADED_DECISIONS, &[("mode", "local")], 1);
}

/// Counts a limit in shadow mode that would have denied a request.
pub(crate) fn shadow_denied(resource: &Resource, limit: &LimitName) {
    #[cfg(not(feature = "metrics"))]
    let _ = (resource, limit);
    #[cfg(feature = "metrics")]
    {
        let series = super::series::ResourceSeries::of(resource);
        let labels = [
            ("resource", series.label()),
            ("limit", series.limit(limit).label()),
        ];
        count(names::SHADOW_DENIALS, &labels, 1);
    }
}

/// Counts a request of a policy with limits that was charged nothing.
pub(crate) fn nothing_charged(resource: &Resource) {
    #[cfg(not(feature = "metrics"))]
    let _ = resource;
    #[cfg(feature = "metrics")]
    {
        let series = super::series::ResourceSeries::of(resource);
        count(names::UNCHARGED, &[("resource", series.label())], 1);
    }
}

/// Counts a limit that is used up to a threshold, percent.
pub(crate) fn limit_nearly_used(resource: &Resource, limit: &LimitName, threshold: u8) {
    #[cfg(not(feature = "metrics"))]
    let _ = (resource, limit, threshold);
    #[cfg(feature = "metrics")]
    {
        let series = super::series::ResourceSeries::of(resource);
        let threshold = threshold.to_string();
        let labels = [
            ("resource", series.label()),
            ("limit", series.limit(limit).label()),
            ("threshold", threshold.as_str()),
        ];
        count(names::LIMIT_WARNINGS, &labels, 1);
    }
}

/// Counts a soft limit that was in debt after a grant.
pub(crate) fn soft_overdrawn(resource: &Resource, limit: &LimitName) {
    #[cfg(not(feature = "metrics"))]
    let _ = (resource, limit);
    #[cfg(feature = "metrics")]
    {
        let series = super::series::ResourceSeries::of(resource);
        let labels = [
            ("resource", series.label()),
            ("limit", series.limit(limit).label()),
        ];
        count(names::SOFT_OVERDRAFTS, &labels, 1);
    }
}

super::held::counted! {
    /// A request that waits for capacity.
    CountedWaiter, WAITERS
}

/// Counts a request while it waits for capacity, and records how long it waited. If the value is
/// dropped before the end of the wait, the caller has cancelled the request.
#[derive(Debug)]
pub(crate) struct Waited {
    since: Instant,
    _waiter: CountedWaiter,
    over: bool,
}

impl Waited {
    pub(crate) fn begin() -> Self {
        Self {
            since: Instant::now(),
            _waiter: CountedWaiter::new(),
            over: false,
        }
    }

    /// Ends the wait, because the request starts.
    pub(crate) fn end(mut self) {
        self.over = true;
        waited(self.since.elapsed(), "granted");
    }
}

impl Drop for Waited {
    fn drop(&mut self) {
        if !self.over {
            waited(self.since.elapsed(), "cancelled");
        }
    }
}

/// Records how long a request has waited for capacity.
fn waited(time: Duration, outcome: &'static str) {
    observe(names::WAIT_DURATION, &[("outcome", outcome)], time);
}

/// Counts a request that passes without a limit: by its route, for which the policy has no limits,
/// or because it is on the list of exempt requests.
pub(crate) fn passed(by_route: bool) {
    let reason = if by_route { "unlimited" } else { "exempt" };
    count(names::EXEMPTIONS, &[("reason", reason)], 1);
}

/// The result of a search for usage in a response body.
#[cfg(feature = "usage-body")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsageBody {
    Found,
    Absent,
    Malformed,
    /// The body is compressed, and is not searched.
    Encoded,
}

/// Counts a response body that was searched for usage.
#[cfg(feature = "usage-body")]
pub(crate) fn usage_body(found: UsageBody) {
    let result = match found {
        UsageBody::Found => "found",
        UsageBody::Absent => "absent",
        UsageBody::Malformed => "malformed",
        UsageBody::Encoded => "encoded",
    };
    count(names::USAGE_BODIES, &[("result", result)], 1);
}
