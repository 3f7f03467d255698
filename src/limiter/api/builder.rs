//! The builder of limiters.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use crate::{
    clock::Clock,
    error::Invalid,
    limiter::{
        api::RateLimiter,
        bucket::Script,
        engine::{Engine, Settings},
        runtime::Breaker,
        terms::StampTtl,
    },
    model::{BucketTtl, plan::Peers},
    store::{MemoryStore, Store},
};

/// Builds a [`RateLimiter`].
///
/// ```
/// use std::time::Duration;
/// use tollgate::{RateLimiter, store::MemoryStore};
///
/// let limiter = RateLimiter::builder()
///     .deadline(Duration::from_millis(100))
///     .build_memory(MemoryStore::with_capacity(10_000));
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder builds nothing by itself"]
pub struct RateLimiterBuilder {
    pub(crate) settings: Settings,
}

impl RateLimiterBuilder {
    /// Uses only `clock` for the time, for tests. Default: the system's clock, corrected by the
    /// store's answers (see [`wall_clock`](Self::wall_clock)). In memory the default is a clock
    /// that changes of the wall clock do not affect,
    /// [`MonotonicClock`](crate::clock::MonotonicClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = Some(Arc::new(clock));
        self.settings.corrected = false;
        self
    }

    /// Uses `clock` for the time, corrected by the times that the store's answers contain: a clock
    /// that is an hour ahead fills no bucket. If the store does not date its answers, the clock is
    /// used as it is.
    ///
    /// Before the first answer, the error of the clock is unknown. So if a limiter was built (not
    /// opened) and has looked up nothing yet, it reads a bucket before it writes to the bucket.
    pub fn wall_clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = Some(Arc::new(clock));
        self.settings.corrected = true;
        self
    }

    /// Runs store calls and background writes on `runtime`, whose timers must be enabled
    /// (`enable_time` or `enable_all`; `#[tokio::main]` does). Default: the runtime that the
    /// limiter is built in.
    ///
    /// A thread must drive this runtime while there are requests and leases, even if those are in
    /// other runtimes. A `current_thread` runtime stands still while no thread blocks on it.
    /// Meanwhile, acquires from other threads end at their deadlines, and operations without a
    /// deadline, such as settlements, wait until a thread drives the runtime again. If the runtime
    /// is shut down, everything that waits gets an error.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.settings.runtime = Some(runtime);
        self
    }

    /// Sets the longest time that an acquire waits for the store. Default: 250 ms; more than zero.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline.into();
        self
    }

    /// Sets the time for which stored limits and entities are cached. Changes by other processes
    /// may go unseen for that time. Default: 60 s. With zero, every acquire looks them up.
    pub fn config_ttl(mut self, time: Duration) -> Self {
        self.settings.config_ttl = time;
        self
    }

    /// Sets the name that the history records for changes of stored limits and entities through
    /// this limiter. Default: the name that the store has for this process, if it has one. For a
    /// limiter that [`RateLimiter::open`] opens on AWS, that is the ARN of its credentials.
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.settings.principal = Some(principal.into());
        self
    }

    /// Sets the time for which the history of changes is kept in a table. Default: the
    /// `audit_retention_days` that a Python client has stored with the table's system defaults,
    /// else 90 days. To find the default, the first change in each [`config_ttl`](Self::config_ttl)
    /// costs one more round trip.
    pub fn audit_retention(mut self, time: Duration) -> Self {
        self.settings.audit_retention = Some(time);
        self
    }

    /// Sets the time after which buckets that nobody uses are deleted from the table. Default: 7
    /// times the time in which they fill. A longer or shorter time reaches a bucket when its expiry
    /// is renewed, and no write makes an expiry earlier. Limiters with different settings over one
    /// table work: the last renewal counts. No effect in memory: a full bucket may be evicted
    /// there at any time.
    ///
    /// ```
    /// use tollgate::{RateLimiter, model::BucketTtl, store::MemoryStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::Error> {
    /// let builder = RateLimiter::builder().bucket_ttl(BucketTtl::Times(30));
    /// let limiter = builder.build(MemoryStore::new())?; // or `RateLimiter::open().settings(..)`
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// With `Times(0)`, building the limiter fails with [`Invalid::Setting`].
    pub fn bucket_ttl(mut self, ttl: BucketTtl) -> Self {
        self.settings.gate.bucket_ttl = ttl;
        self
    }

    /// Sets the longest time for one store call. If the time passes, the answer counts as lost.
    /// Default: 1 s; more than zero.
    pub fn store_deadline(mut self, deadline: Duration) -> Self {
        self.settings.gate.store_deadline = deadline;
        self
    }

    /// Sets the longest time for one call for stored limits, entities, namespaces, the history or
    /// usage, including the retries of the SDK. Default: 10 s; more than zero. Operations that
    /// delete or list many records make many calls.
    pub fn call_deadline(mut self, deadline: Duration) -> Self {
        self.settings.call_deadline = Some(deadline);
        self
    }

    /// Returns the [`call_deadline`](Self::call_deadline) if it was set.
    #[cfg(feature = "dynamodb")]
    pub(crate) fn chosen_call_deadline(&self) -> Option<Duration> {
        self.settings.call_deadline
    }

    /// Sets when requests stop waiting for a store that keeps failing. Default: after 5 failures in
    /// a row, for a second. See [`Breaker`].
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.settings.breaker = Some(breaker);
        self
    }

    /// Turns the breaker off: the store is asked even if it has just failed many times. If the
    /// store is down, every request waits until its deadline.
    pub fn without_breaker(mut self) -> Self {
        self.settings.breaker = None;
        self
    }

    /// Sets the time that a settled difference waits to be written together with another write of
    /// its bucket. If the time passes, the difference is written alone. Default: 100 ms.
    pub fn flush_after(mut self, time: Duration) -> Self {
        self.settings.gate.flush_after = time;
        self
    }

    /// Sets the time for which requests are denied without asking the store again after it has
    /// shown the bucket to be short. Another process may give tokens back in that time. Default: 1
    /// s. With zero, the store is always asked.
    pub fn deny_from_memory(mut self, time: Duration) -> Self {
        self.settings.gate.deny_from_memory = time;
        self
    }

    /// Sets the largest number of shards that a bucket is split into if it is written more than
    /// 1000 times a second, the limit of DynamoDB for one item: 1, 2, 4, 8, 16 or 32. Default: 32;
    /// 1 never splits. A bucket is not split further if a shard would then hold less than what one
    /// request asks for.
    pub fn max_shards(mut self, shards: u32) -> Self {
        self.settings.gate.max_shards = shards;
        self
    }

    /// Sets if Python clients spend from the same buckets. If Python clients do, every write of a
    /// full bucket moves its anchor, so that nothing is lost if one of their writes meets one of
    /// ours. Then writes of several processes conflict more often. Default: [`RateLimiter::open`]
    /// decides by the author of the table's version record; a limiter that was built expects Python
    /// clients. If a Python client is seen to write, that is remembered for ten minutes, even if
    /// `false` is set here.
    pub fn mixed_fleet(mut self, mixed: bool) -> Self {
        self.settings.mixed_fleet = Some(mixed);
        self.settings.gate.peers = if mixed { Peers::Present } else { Peers::Absent };
        self
    }

    /// Notes that this crate created the table: unless `mixed_fleet` was set, no Python client uses
    /// it.
    #[cfg(feature = "dynamodb")]
    pub(crate) fn own_table(mut self) -> Self {
        if self.settings.mixed_fleet.is_none() {
            self.settings.gate.peers = Peers::Absent;
        }
        self
    }

    /// Sets the time for which the stamps hold that this limiter writes to bypassed buckets and to
    /// buckets with soft limits. After 80 to 100 % of this time, the next acquire from the bucket
    /// reads the config with strong consistency, and renews or removes the stamp: one read and one
    /// write more. If a change of the config did not reach a bucket, the bucket behaves as before
    /// for at most this time. Default: 60 s; at least 10 s.
    pub fn stamp_ttl(mut self, time: Duration) -> Self {
        self.settings.gate.stamp_ttl = StampTtl(time);
        self
    }

    /// Sets how many store calls may be in flight at once, at least 1. At most as many connections
    /// are open. Other requests wait for their turn, but not beyond their deadlines. Default: 256.
    pub fn max_store_calls(mut self, calls: usize) -> Self {
        self.settings.store_calls = calls.max(1);
        self
    }

    /// Sets how many buckets without pending writes are cached, and for how many entities stored
    /// limits are. Default: 100 000 each; at least 1. An entry that was evicted costs one more
    /// round trip.
    pub fn remembered_buckets(mut self, buckets: usize) -> Self {
        self.settings.remembered = buckets.max(1);
        self
    }

    /// Builds a limiter whose buckets live in this process.
    pub fn build_memory(self, store: MemoryStore) -> RateLimiter {
        RateLimiter::of(Engine::memory(self.settings, store))
    }

    /// Builds a limiter for tests. The limiter is like that of
    /// [`build_memory`](Self::build_memory), but `script` decides before the buckets do, and
    /// observes what happens to leases.
    ///
    /// Hidden, because only the crate `tollgate-testkit` uses it: tests use its `limiter`.
    #[doc(hidden)]
    pub fn build_scripted(self, store: MemoryStore, script: impl Script) -> RateLimiter {
        RateLimiter::of(Engine::scripted(self.settings, store, script))
    }

    /// Builds a limiter whose buckets live in `store`.
    ///
    /// # Errors
    /// [`Invalid::NoRuntime`] outside a tokio runtime, unless [`runtime`](Self::runtime) sets one;
    /// [`Invalid::Setting`] if a deadline is zero, [`max_shards`](Self::max_shards) no power of two
    /// up to 32, [`stamp_ttl`](Self::stamp_ttl) below 10 s, or [`bucket_ttl`](Self::bucket_ttl)
    /// `Times(0)`.
    pub fn build(self, store: impl Store) -> Result<RateLimiter, Invalid> {
        self.build_shared(Arc::new(store))
    }

    /// Builds a limiter like [`build`](Self::build), over a store that is shared with others.
    ///
    /// # Errors
    /// The errors of [`build`](Self::build).
    pub fn build_shared(self, store: Arc<dyn Store>) -> Result<RateLimiter, Invalid> {
        Ok(RateLimiter::of(Engine::over(self.settings, store)?))
    }
}

impl RateLimiter {
    /// Creates a limiter whose buckets live in this process, for tests and for services that run
    /// alone. The limiter has room for 500 000 buckets; [`builder`](Self::builder) sets other
    /// sizes. If all are in use, a new key is refused, unless [`MemoryStore::when_full`] says
    /// otherwise.
    pub fn memory() -> Self {
        Self::builder().build_memory(MemoryStore::new())
    }

    /// Returns a builder for a limiter with other settings, or over a store of your own.
    pub fn builder() -> RateLimiterBuilder {
        RateLimiterBuilder::default()
    }
}
