//! What the crate tells about itself: `tracing` events under the target `tollgate`.
//!
//! | event | level | when |
//! |---|---|---|
//! | `settlement dropped` | warn | a lease's difference could not be written: tokens may be lost |
//! | `store call failed` | warn | a write failed; its requests got an error or another try |
//! | `settle value ignored` | warn | a response header that should settle a lease was unusable |
//! | `stored limits not refreshed` | warn | the store failed: what was known is served on |
//! | `caller unknown` | warn | STS did not say who changes limits and entities: the history does not either |
//! | `limiter unavailable` | warn | a request was answered without the store's decision |
//! | `breaker opened` | warn | the store keeps failing: requests do not wait for it for now |
//! | `breaker closed` | info | the store answers again |
//! | `decided locally` | debug | the store gave no decision: this process decided by its share of the limits |
//! | `shadow denial` | info | limits that only observe would have denied a request |
//! | `request setup` | error | a key extractor found the server set up wrongly |
//!
//! Entity ids are never part of an event above `debug`.

use crate::{
    error::Unavailable,
    model::{BucketKey, LimitName, LimitStatus, Resource},
    store::StoreError,
};

pub(crate) fn settlement_dropped(key: &BucketKey, reason: &str) {
    tracing::warn!(target: "tollgate", resource = %key.resource, reason, "settlement dropped");
}

pub(crate) fn store_call_failed(key: &BucketKey, error: &StoreError) {
    tracing::warn!(target: "tollgate", resource = %key.resource, kind = ?error.kind(), %error, "store call failed");
}

pub(crate) fn refill_time_ahead(key: &BucketKey, millis: i64) {
    tracing::warn!(target: "tollgate", resource = %key.resource, millis, "refill time ahead of the clock");
}

pub(crate) fn bucket_split(key: &BucketKey, shards: u32) {
    tracing::info!(target: "tollgate", resource = %key.resource, shards, "bucket split");
}

pub(crate) fn settle_value_ignored(limit: &LimitName, header: &str, reason: &str) {
    tracing::warn!(target: "tollgate", %limit, header, reason, "settle value ignored");
}

pub(crate) fn unavailable(error: &Unavailable, allowed: bool) {
    tracing::warn!(target: "tollgate", %error, allowed, "limiter unavailable");
}

pub(crate) fn stale_config(error: &StoreError) {
    tracing::warn!(target: "tollgate", %error, "stored limits not refreshed");
}

pub(crate) fn breaker_opened(failures: u32) {
    tracing::warn!(target: "tollgate", failures, "breaker opened");
}

pub(crate) fn breaker_closed() {
    tracing::info!(target: "tollgate", "breaker closed");
}

pub(crate) fn decided_locally(resource: &Resource, error: &Unavailable, granted: bool) {
    tracing::debug!(target: "tollgate", %resource, %error, granted, degraded = true, "decided locally");
}

/// `limits` are those that were short.
pub(crate) fn shadow_denial(resource: &Resource, limits: &[LimitStatus]) {
    let names: Vec<_> = limits.iter().map(|status| status.limit.name().as_str()).collect();
    let limits = names.join(", ");
    tracing::info!(target: "tollgate", %resource, limits, "shadow denial");
}

#[cfg(feature = "dynamodb")]
pub(crate) fn caller_unknown(error: &dyn std::fmt::Display) {
    tracing::warn!(target: "tollgate", %error, "caller unknown");
}

pub(crate) fn setup(message: &str) {
    tracing::error!(target: "tollgate", message, "request setup");
}
