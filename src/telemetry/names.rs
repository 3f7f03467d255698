//! The names of all metrics. The catalogue has their descriptions, units and labels.

#![cfg_attr(
    not(feature = "metrics"),
    allow(dead_code, reason = "nothing is counted by them")
)]

macro_rules! names {
    ($($constant:ident = $name:literal;)*) => {
        $(pub(super) const $constant: &str = concat!("tollgate_", $name);)*
    };
}

names! {
    DECISIONS = "decisions_total";
    DENIALS = "denials_total";
    ACQUIRE_DURATION = "acquire_duration_seconds";
    DEGRADED_DECISIONS = "degraded_decisions_total";
    EXEMPTIONS = "exemptions_total";
    UNCHARGED = "uncharged_requests_total";
    LIMIT_WARNINGS = "limit_warnings_total";
    SHADOW_DENIALS = "shadow_denials_total";
    SOFT_OVERDRAFTS = "soft_overdrafts_total";
    WAIT_DURATION = "wait_duration_seconds";
    WAITERS = "waiters";
    SETTLED_TOKENS = "settled_tokens_total";
    SETTLE_VALUES_IGNORED = "settle_values_ignored_total";
    ESTIMATES_IGNORED = "estimates_ignored_total";
    SETTLEMENTS_DROPPED = "settlements_dropped_total";
    SETTLEMENTS_PENDING = "settlements_pending";
    USAGE_BODIES = "usage_bodies_total";
    TOP_UPS = "top_ups_total";
    STORE_CALLS = "store_calls_total";
    STORE_CALL_DURATION = "store_call_duration_seconds";
    STORE_RETRIES = "store_retries_total";
    STORE_DOWN = "store_down";
    STORE_DOWN_SECONDS = "store_down_seconds_total";
    WRITE_UNITS = "write_units_total";
    BREAKER_STATE = "breaker_state";
    GATES = "gates";
    MEMORY_BUCKETS = "memory_buckets";
    MEMORY_CAPACITY = "memory_buckets_capacity";
    MEMORY_FULL = "memory_full_total";
    BUCKET_SPLITS = "bucket_splits_total";
    REFILL_TIMES_AHEAD = "refill_times_ahead_total";
    PREFETCH_REQUESTS = "prefetch_requests_total";
    PREFETCH_CHUNKS = "prefetch_chunks_total";
    PREFETCH_HELD = "prefetch_held_tokens";
    CONFIG_STALE = "config_stale_total";
}
