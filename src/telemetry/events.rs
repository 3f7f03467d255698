//! Events for the log, with their counters.

use super::{
    count,
    hooks::{self, BreakerGauge, breaker},
    names,
    sampled::Sampled,
};
use crate::{
    error::Unavailable,
    error::store_error::{StoreError, StoreErrorKind},
    model::{BucketKey, LimitName, LimitStatus, Limits, Resource, whole_tokens},
};

/// The reason why the difference of a lease was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// The bucket does not exist any more.
    Gone,
    /// The store failed too often.
    Store,
    /// The runtime was shut down.
    ShutDown,
}

pub(crate) fn settlement_dropped(key: &BucketKey, why: Dropped, reason: &str) {
    tracing::warn!(target: "tollgate", resource = %key.resource, reason, "settlement dropped");
    let reason = match why {
        Dropped::Gone => "gone",
        Dropped::Store => "store",
        Dropped::ShutDown => "shut_down",
    };
    count(names::SETTLEMENTS_DROPPED, &[("reason", reason)], 1);
}

/// Emits an event, unless the failure has one already: `store rejects calls` if it lasts, or
/// `limiter unavailable`, which is sampled, if clients can cause it.
pub(crate) fn store_call_failed(key: &BucketKey, error: &StoreError) {
    if error.kind().is_lasting_refusal() || error.kind() == StoreErrorKind::Full {
        return;
    }
    tracing::warn!(target: "tollgate", resource = %key.resource, kind = ?error.kind(), %error, "store call failed");
}

/// Emits `store rejects calls`. `suppressed` is the number of such failures since the last event
/// that were not emitted.
pub(super) fn store_refuses(call: &str, resource: &Resource, error: &StoreError, suppressed: u64) {
    let permission = error.missing_permission();
    tracing::error!(target: "tollgate", call, %resource, permission, suppressed, %error, "store rejects calls");
}

pub(crate) fn refill_time_ahead(key: &BucketKey, millis: i64) {
    tracing::warn!(target: "tollgate", resource = %key.resource, millis, "refill time in the future");
    count(names::REFILL_TIMES_AHEAD, &[], 1);
}

pub(crate) fn bucket_split(key: &BucketKey, shards: u32) {
    tracing::info!(target: "tollgate", resource = %key.resource, shards, "bucket split");
    count(names::BUCKET_SPLITS, &[], 1);
}

/// Warns that the value of a settle rule was ignored. `label` is a short name of the reason, one of
/// a few.
pub(crate) fn settle_value_ignored(
    limit: &LimitName,
    source: &str,
    label: &'static str,
    reason: &str,
) {
    thread_local!(static LINES: Sampled = const { Sampled::new() });
    if let Some(suppressed) = LINES.with(Sampled::line) {
        tracing::warn!(target: "tollgate", %limit, source, reason, suppressed, "settle value ignored");
    }
    count(
        names::SETTLE_VALUES_IGNORED,
        &[("limit", limit.as_str()), ("reason", label)],
        1,
    );
}

/// Counts a value of a rule that is above `most`.
pub(crate) fn settle_value_absurd(limit: &LimitName, most: u64) {
    settle_value_ignored(
        limit,
        "a rule",
        "too_large",
        &format!("more than {most}, the most that a rule may settle to"),
    );
}

/// Counts a response without a value for a limit that it should settle. There is no event, because
/// some responses need none.
pub(crate) fn settle_value_missing(limit: &LimitName) {
    count(
        names::SETTLE_VALUES_IGNORED,
        &[("limit", limit.as_str()), ("reason", "missing")],
        1,
    );
}

/// Warns that the value of an estimate was ignored. `label` is a short name of the reason, one of a
/// few.
pub(crate) fn estimate_ignored(source: &str, label: &'static str, reason: &str) {
    thread_local!(static LINES: Sampled = const { Sampled::new() });
    if let Some(suppressed) = LINES.with(Sampled::line) {
        tracing::warn!(target: "tollgate", source, reason, suppressed, "estimate ignored");
    }
    count(
        names::ESTIMATES_IGNORED,
        &[("source", source), ("reason", label)],
        1,
    );
}

/// Warns that a policy settles a limit for which it charges no estimate.
pub(crate) fn settled_without_cost(limit: &LimitName) {
    tracing::warn!(target: "tollgate", %limit, "settled limit without a cost");
}

/// Warns that a request of a policy with limits was charged nothing.
pub(crate) fn nothing_charged(resource: &Resource) {
    thread_local!(static LINES: Sampled = const { Sampled::new() });
    if let Some(suppressed) = LINES.with(Sampled::line) {
        tracing::warn!(target: "tollgate", %resource, suppressed, "nothing charged");
    }
    hooks::nothing_charged(resource);
}

/// Warns that a limit is used up to a threshold, percent.
pub(crate) fn limit_nearly_used(resource: &Resource, limit: &LimitName, threshold: u8) {
    tracing::info!(target: "tollgate", %resource, %limit, threshold, "limit nearly used");
    hooks::limit_nearly_used(resource, limit, threshold);
}

pub(crate) fn unavailable(error: &Unavailable, allowed: bool) {
    thread_local!(static LINES: Sampled = const { Sampled::new() });
    if let Some(suppressed) = LINES.with(Sampled::line) {
        tracing::warn!(target: "tollgate", %error, allowed, suppressed, "limiter unavailable");
    }
    super::degraded(if allowed {
        super::Degraded::Allow
    } else {
        super::Degraded::Block
    });
}

pub(crate) fn stale_config(error: &Unavailable) {
    tracing::warn!(target: "tollgate", %error, "stored limits not refreshed");
    count(names::CONFIG_STALE, &[], 1);
}

pub(crate) fn breaker_opened(failures: u32) {
    tracing::warn!(target: "tollgate", failures, "breaker opened");
    breaker(BreakerGauge::Open);
}

pub(crate) fn breaker_closed() {
    tracing::info!(target: "tollgate", "breaker closed");
    breaker(BreakerGauge::Closed);
}

pub(crate) fn decided_locally(resource: &Resource, error: &Unavailable, granted: bool) {
    tracing::debug!(target: "tollgate", %resource, %error, granted, degraded = true, "decided locally");
    hooks::decided_locally();
}

/// Emits the event `shadow denial`. `denied` are the limits that were short.
pub(crate) fn shadow_denial(resource: &Resource, denied: &[LimitStatus]) {
    shadow_denial_of(resource, denied.iter().map(|status| status.limit.name()));
}

/// Emits the event of [`shadow_denial`] for limits without a known status.
pub(crate) fn shadow_denial_of<'a>(
    resource: &Resource,
    denied: impl Iterator<Item = &'a LimitName> + Clone,
) {
    let names: Vec<_> = denied.clone().map(LimitName::as_str).collect();
    let limits = names.join(", ");
    tracing::info!(target: "tollgate", %resource, limits, "shadow denial");
    denied.for_each(|limit| hooks::shadow_denied(resource, limit));
}

/// Emits the event `soft limit overdrawn` for each soft limit of `limits` that a grant has left in
/// debt. `left` are the millitokens that it has left, in the order of the limits.
#[cold]
pub(crate) fn soft_overdrawn(
    resource: &Resource,
    limits: &Limits,
    left: impl Iterator<Item = i64>,
) {
    thread_local!(static LINES: Sampled = const { Sampled::new() });
    let overdrawn = limits
        .iter()
        .zip(left)
        .filter(|(limit, left)| limit.is_soft() && *left < 0);
    for (limit, left) in overdrawn {
        let (limit, available) = (limit.name(), whole_tokens(left));
        if let Some(suppressed) = LINES.with(Sampled::line) {
            tracing::warn!(target: "tollgate", %resource, %limit, available, suppressed, "soft limit overdrawn");
        }
        hooks::soft_overdrawn(resource, limit);
    }
}

#[cfg(feature = "dynamodb")]
pub(crate) fn opening_waits(table: &str, action: &str, waited: std::time::Duration) {
    let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    tracing::warn!(target: "tollgate", table, action, waited_ms, "opening still waiting");
}

#[cfg(feature = "dynamodb")]
pub(crate) fn table_not_ready(table: &str, status: &str) {
    tracing::warn!(target: "tollgate", table, status, "table not ready");
}

#[cfg(feature = "dynamodb")]
pub(crate) fn caller_unknown(error: &dyn std::fmt::Display) {
    tracing::warn!(target: "tollgate", %error, "caller identity unknown");
}

pub(crate) fn not_driven(action: &str) {
    tracing::error!(target: "tollgate", action, "runtime not driven");
}

/// Warns that a policy has denied a request that it had already granted.
pub(crate) fn same_policy_twice() {
    thread_local!(static LINES: Sampled = const { Sampled::new() });
    if let Some(suppressed) = LINES.with(Sampled::line) {
        tracing::warn!(target: "tollgate", suppressed, "policy applied twice");
    }
}

pub(crate) fn setup(code: &str, message: &str) {
    thread_local!(static LINES: Sampled = const { Sampled::new() });
    if let Some(suppressed) = LINES.with(Sampled::line) {
        tracing::error!(target: "tollgate", code, message, suppressed, "server misconfigured");
    }
}
