//! Telemetry: `tracing` spans and events under the target `tollgate`, and metrics (feature
//! `metrics`).
//!
//! | span | level | fields |
//! |---|---|---|
//! | `acquire` | debug | `tollgate.entity`, `tollgate.resource`, `tollgate.outcome`, `tollgate.path`, `tollgate.wait_ms` (of a denial), `tollgate.degraded` (the store gave no decision) |
//! | `store_call` | debug | `tollgate.call`, `tollgate.resource`, `tollgate.result` |
//!
//! | event | level | when |
//! |---|---|---|
//! | `settlement dropped` | warn | the difference of a lease could not be written: tokens may be lost |
//! | `store call failed` | warn | a write failed; its requests got an error or are tried again |
//! | `store rejects calls` | error | the store refuses a call permanently: `permission` is the missing one, if the store names it; at most once in ten seconds for each kind of `call`, with the number of failures in between (`suppressed`) |
//! | `settle value ignored` | warn | a header, trailer or body that should settle a lease was unusable |
//! | `estimate ignored` | warn | a header or query parameter that should give a cost was unusable |
//! | `settled limit without a cost` | warn | a policy was built that settles a limit but charges no estimate of it: see [`PolicyBuilder::settle`](crate::layer::PolicyBuilder::settle) |
//! | `stored limits not refreshed` | warn | the store failed: the cached limits stay in use |
//! | `opening still waiting` | warn | opening a limiter waits for the `table`: in which step (`action`), and for how long (`waited_ms`) |
//! | `table not ready` | warn | opening waits for a `table` that is being created or deleted: its `status` |
//! | `caller identity unknown` | warn | STS did not name the caller: the history does not name it for changes of limits and entities |
//! | `limiter unavailable` | warn | a request was answered without the store's decision |
//! | `nothing charged` | warn | a request of a policy with limits was charged nothing |
//! | `breaker opened` | warn | the store keeps failing: requests do not wait for it for now |
//! | `breaker closed` | info | the store answers again |
//! | `decided locally` | debug | the store gave no decision: this process decided by its share of the limits |
//! | `shadow denial` | info | limits that only observe would have denied a request |
//! | `soft limit overdrawn` | warn | a request was granted, and a soft limit is in debt (sampled) |
//! | `refill time in the future` | warn | another process's wrong clock had set a refill time in the future: it is corrected |
//! | `limit nearly used` | info | a limit was used up to a threshold of its policy |
//! | `bucket split` | info | the number of a bucket's shards was doubled |
//! | `runtime not driven` | error | `shutdown` or `flush` (`action`) waited for a runtime that no thread drives: differences that are not written may be lost |
//! | `policy applied twice` | warn | a policy denied a request that it had already granted: the layer was added twice |
//! | `server misconfigured` | error | a key extractor found that the server is set up wrongly |
//!
//! Clients can provoke `settle value ignored`, `estimate ignored`, `limiter unavailable`, `policy
//! applied twice` and `server misconfigured` with requests. Of each, the first 100 in each thread
//! are emitted, then one a second. `suppressed` is the number that was not emitted. The metrics
//! count all of them.
//!
//! Entity ids are never part of an event, of a span above `debug`, or of a metric's label. Secrets
//! are never part of any: API keys are hashed before they become entity ids, unless a policy takes
//! them as plain ids. If no subscriber listens at `debug`, a span costs a comparison.
//!
//! # Metrics
//! With the feature `metrics`, the metrics of [`METRICS`] go to the recorder of the `metrics`
//! crate. The recorder may be installed before or after the limiter is built. Handles are
//! registered once for each series, and a decision in memory allocates nothing.
//!
//! Labels are bounded: the first 100 resources of a process, and the first 8 limits of each of
//! them, have series of their own. All others share the label `_other`.
#![cfg_attr(not(feature = "metrics"), allow(rustdoc::broken_intra_doc_links))]
#![allow(
    clippy::disallowed_methods,
    reason = "reported durations are those of the machine, whatever clock decides"
)]

mod acquire;
mod ahead;
#[cfg(feature = "metrics")]
mod catalogue;
mod count;
mod events;
mod held;
mod hooks;
mod layer;
mod memory;
#[cfg(feature = "metrics")]
mod meters;
mod names;
#[cfg(feature = "metrics")]
mod outage;
mod outcome;
mod refusals;
mod sampled;
#[cfg(feature = "metrics")]
mod series;
mod settled;
mod store_call;

#[cfg(feature = "metrics")]
pub use self::catalogue::{DURATION_BUCKETS, METRICS, Metric, MetricKind};

#[cfg(feature = "usage-body")]
pub(crate) use self::hooks::{UsageBody, usage_body};
pub(crate) use self::{
    acquire::{Begun, ObservedAcquire, decided_in_memory, topped_up, traces_acquires},
    ahead::{HeldAhead, prefetch_filled, prefetch_given_back, prefetch_served},
    events::{
        Dropped, breaker_closed, breaker_opened, bucket_split, decided_locally, estimate_ignored,
        limit_nearly_used, not_driven, nothing_charged, refill_time_ahead, same_policy_twice,
        settle_value_absurd, settle_value_ignored, settle_value_missing, settled_without_cost,
        settlement_dropped, setup, shadow_denial, shadow_denial_of, soft_overdrawn, stale_config,
        store_call_failed, unavailable,
    },
    held::{LiveGate, PendingSettlement},
    hooks::{BreakerGauge, Waited, breaker, passed},
    layer::{Degraded, Exempt, degraded, exempt},
    memory::{MemoryFull, memory_buckets, memory_room, memory_was_full},
    refusals::Refusals,
    settled::settled,
    store_call::{Retry, StoreAnswer, StoreCall, store_retried},
};
#[cfg(feature = "dynamodb")]
pub(crate) use self::{
    events::{caller_unknown, opening_waits, table_not_ready},
    store_call::write_units,
};

use self::count::{count, observe, set};
