//! Counts what is limited in other ways than by a bucket over a store. The events are told elsewhere.

use std::time::{Duration, Instant};

use super::{count, names, observe, set};
use crate::model::{LimitName, Resource};

/// What a breaker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerState {
    /// The store is asked.
    Closed,
    /// One call finds out whether it answers again.
    Probing,
    /// The store is not asked.
    Open,
}

/// The breaker has changed.
pub(crate) fn breaker(state: BreakerState) {
    set(names::BREAKER_STATE, f64::from(state as u8));
}

/// A request was decided by this process's share of the limits.
pub(crate) fn decided_locally() {
    count(names::DEGRADED_DECISIONS, &[("mode", "local")], 1);
}

/// A limit in shadow mode would have denied the request.
pub(crate) fn shadow_denied(resource: &Resource, limit: &LimitName) {
    #[cfg(not(feature = "metrics"))]
    let _ = (resource, limit);
    #[cfg(feature = "metrics")]
    {
        let series = super::series::ResourceSeries::of(resource);
        let labels = [("resource", series.label()), ("limit", series.limit(limit).label())];
        count(names::SHADOW_DENIALS, &labels, 1);
    }
}

super::held::counted! {
    /// A request that waits for capacity.
    Waiter, WAITERS
}

/// A request that waits for capacity: counted until it ends, and for how long. Dropped before: its caller
/// has given up.
#[derive(Debug)]
pub(crate) struct Waited {
    since: Instant,
    _waiter: Waiter,
    over: bool,
}

impl Waited {
    pub(crate) fn begin() -> Self {
        Self { since: Instant::now(), _waiter: Waiter::new(), over: false }
    }

    /// Ends the wait: the request starts.
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

/// A request has waited for capacity.
fn waited(time: Duration, outcome: &'static str) {
    observe(names::WAIT_DURATION, &[("outcome", outcome)], time);
}

/// A request passes because the policy has no limits for its route, or because it is on the list of those
/// that are never limited.
pub(crate) fn passed(by_route: bool) {
    let reason = if by_route { "unlimited" } else { "exempt" };
    count(names::EXEMPTIONS, &[("reason", reason)], 1);
}

/// What a response body said about usage.
#[cfg(feature = "usage-body")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsageBody {
    Found,
    Absent,
    Malformed,
    /// Compressed: it is not looked into.
    Encoded,
}

/// A response body was searched for usage.
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
