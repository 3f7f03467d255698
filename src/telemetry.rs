//! What the crate tells about itself: `tracing` events under the target `tollgate`.
//!
//! | event | level | when |
//! |---|---|---|
//! | `settlement dropped` | warn | a lease's difference could not be written: tokens may be lost |
//! | `store call failed` | warn | a write failed; its requests got an error or another try |
//! | `settle value ignored` | warn | a header, trailer or body that should settle a lease was unusable |
//! | `estimate ignored` | warn | a header or query parameter that should give a cost was unusable |
//! | `stored limits not refreshed` | warn | the store failed: what was known is served on |
//! | `caller unknown` | warn | STS did not say who changes limits and entities: the history does not either |
//! | `limiter unavailable` | warn | a request was answered without the store's decision |
//! | `request setup` | error | a key extractor found the server set up wrongly |
//!
//! Entity ids are never part of an event above `debug`.

use crate::{
    error::Unavailable,
    model::{BucketKey, LimitName},
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

pub(crate) fn settle_value_ignored(limit: &LimitName, source: &str, reason: &str) {
    tracing::warn!(target: "tollgate", %limit, source, reason, "settle value ignored");
}

pub(crate) fn estimate_ignored(source: &str, reason: &str) {
    tracing::warn!(target: "tollgate", source, reason, "estimate ignored");
}

pub(crate) fn unavailable(error: &Unavailable, allowed: bool) {
    tracing::warn!(target: "tollgate", %error, allowed, "limiter unavailable");
}

pub(crate) fn stale_config(error: &StoreError) {
    tracing::warn!(target: "tollgate", %error, "stored limits not refreshed");
}

#[cfg(feature = "dynamodb")]
pub(crate) fn caller_unknown(error: &dyn std::fmt::Display) {
    tracing::warn!(target: "tollgate", %error, "caller unknown");
}

pub(crate) fn setup(message: &str) {
    tracing::error!(target: "tollgate", message, "request setup");
}
