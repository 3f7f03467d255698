//! The catalogue of all metrics.

use metrics::{KeyName, Recorder, SharedString, Unit};

use super::names;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A value that only increases.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// A distribution of values.
    Histogram,
}

/// A metric that the crate reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The kind.
    pub kind: MetricKind,
    /// The unit.
    pub unit: &'static str,
    /// The names of the metric's labels.
    pub labels: &'static [&'static str],
    /// The description.
    pub description: &'static str,
}

/// Bucket bounds for the histograms of durations, in seconds: from a decision in memory to a store
/// call at its deadline.
pub const DURATION_BUCKETS: &[f64] = &[
    0.000_000_1,
    0.000_000_25,
    0.000_001,
    0.000_01,
    0.000_1,
    0.000_5,
    0.001,
    0.002_5,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
];

macro_rules! metrics {
    ($($kind:ident $constant:ident { $($label:ident),* } in $unit:literal, $description:literal;)*) => {
        /// Every metric that the crate reports.
        pub const METRICS: &[Metric] = &[
            $(Metric {
                name: names::$constant,
                kind: MetricKind::$kind,
                unit: $unit,
                labels: &[$(stringify!($label)),*],
                description: $description,
            },)*
        ];
    };
}

metrics! {
    Counter DECISIONS { resource, outcome } in "requests",
        "Requests that were decided, by outcome: `granted` (what limits in shadow mode alone would have denied, too), `denied` (also if too many requests wait already), `exceeds_capacity`, `disabled`, `unavailable`, `invalid`, `cancelled`";
    Counter DENIALS { resource, limit, owner } in "requests",
        "Limits that were short when a request was denied, of the `entity` or of its `parent`";
    Histogram ACQUIRE_DURATION { path } in "seconds",
        "Time to a grant or denial: `memory`, `prefetch` and `denial` ask no store, `write` asks it, `local` asked it without an answer";
    Counter DEGRADED_DECISIONS { mode } in "requests",
        "Requests without the store's decision: `allow`, `block` or `local`";
    Counter EXEMPTIONS { reason } in "requests",
        "Requests that passed the layer unlimited: `preflight`, `no_key`, `unlimited`, `exempt`";
    Counter SHADOW_DENIALS { resource, limit } in "requests",
        "Limits in shadow mode that would have denied a request";
    Counter UNCHARGED { resource } in "requests",
        "Requests that a policy with limits has granted and charged nothing, although nobody said that they use nothing";
    Counter LIMIT_WARNINGS { resource, limit, threshold } in "warnings",
        "Limits that were used up to a threshold of their policy, percent: once for each bucket and period";
    Counter SOFT_OVERDRAFTS { resource, limit } in "requests",
        "Requests that were granted although a soft limit was in debt afterwards";
    Histogram WAIT_DURATION { outcome } in "seconds",
        "Time that requests waited for capacity, until they start (`granted`) or are dropped (`cancelled`)";
    Gauge WAITERS {} in "requests",
        "Requests that wait for capacity";
    Counter SETTLED_TOKENS { resource, limit, direction } in "tokens",
        "Difference between what was charged and what was used: `up` was charged more, `down` was given back; whole tokens of each lease";
    Counter SETTLE_VALUES_IGNORED { limit, reason } in "values",
        "Values of a response that should have settled a lease: `missing`, `malformed`, `repeated`, `too_large` or `encoded`";
    Counter ESTIMATES_IGNORED { source, reason } in "values",
        "Values of requests that should have given their cost, by the header or parameter: `malformed`, `repeated` or `too_large`";
    Counter SETTLEMENTS_DROPPED { reason } in "settlements",
        "Differences that could not be written: `gone`, `store` or `shut_down`; tokens may be lost";
    Gauge SETTLEMENTS_PENDING {} in "settlements",
        "Differences of leases that are not written yet";
    Counter USAGE_BODIES { result } in "responses",
        "Response bodies that were searched for usage: `found`, `absent`, `malformed` or `encoded`";
    Counter TOP_UPS { outcome } in "requests",
        "Requests for more tokens of a lease that is held already, by outcome as for decisions";
    Counter STORE_CALLS { call, result } in "calls",
        "Calls of the store (`read`, `update`, `create`, `transact`, `split`, `look_up`): `ok`; `refused`: a condition failed; `busy`: the store throttled, or a transaction was in progress; `not_applied`: not reached, nothing was done; `full`: no room in a memory store; `rejected`: refused until somebody repairs it; `missing`: no table; `unknown`: the answer was lost; `corrupt`: an invalid item";
    Histogram STORE_CALL_DURATION { call } in "seconds",
        "Time that a store call took";
    Counter STORE_RETRIES { reason } in "calls",
        "Writes that were planned or sent again: `condition`, `busy` or `lost_answer`";
    Gauge STORE_DOWN {} in "state",
        "1 from a store call that failed until one that succeeds, else 0";
    Counter STORE_DOWN_SECONDS {} in "seconds",
        "Degraded time: from store calls that failed until ones that succeed, updated when a call ends; whole seconds";
    Counter WRITE_UNITS { call } in "units",
        "Write units of bucket writes: as the table reports them, else at least one a write";
    Gauge BREAKER_STATE {} in "state",
        "0 closed, 1 probing, 2 open: the store is not asked";
    Gauge GATES {} in "gates",
        "Gates in this process: one for each bucket of a store that the process remembers";
    Gauge MEMORY_BUCKETS {} in "buckets",
        "Buckets in the memory stores of this process, updated each time a store part gains or loses a sixteenth";
    Gauge MEMORY_CAPACITY {} in "buckets",
        "Buckets that the memory stores of this process have room for";
    Counter MEMORY_FULL { result } in "keys",
        "New keys of a memory store that was full of buckets in use: `refused`, `shared` the overflow bucket, or `forgot` the fullest bucket";
    Counter BUCKET_SPLITS {} in "splits",
        "Buckets whose shards this process has doubled";
    Counter REFILL_TIMES_AHEAD {} in "writes",
        "Writes that corrected a refill time that another process's clock had set in the future";
    Counter PREFETCH_REQUESTS { result } in "requests",
        "Requests that may be granted from prefetched tokens: `served` from them, or `missed`";
    Counter PREFETCH_CHUNKS { event } in "chunks",
        "Chunks of prefetched tokens that were `taken`, were `refused`, or of which something was given back because it was `expired` or `idle`";
    Gauge PREFETCH_HELD { resource, limit } in "tokens",
        "Prefetched tokens that are not granted yet";
    Counter CONFIG_STALE {} in "lookups",
        "Stored limits that could not be refreshed: the cached limits stay in use";
}

/// Describes all metrics to a recorder.
pub(super) fn describe(recorder: &dyn Recorder) {
    for metric in METRICS {
        let name = KeyName::from_const_str(metric.name);
        let unit = if metric.unit == "seconds" {
            Unit::Seconds
        } else {
            Unit::Count
        };
        let description = SharedString::const_str(metric.description);
        match metric.kind {
            MetricKind::Counter => recorder.describe_counter(name, Some(unit), description),
            MetricKind::Gauge => recorder.describe_gauge(name, Some(unit), description),
            MetricKind::Histogram => recorder.describe_histogram(name, Some(unit), description),
        }
    }
}
