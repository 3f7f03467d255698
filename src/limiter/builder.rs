//! The builder of limiters.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::Mutex};

use super::{
    background::Background,
    breaker::{Breaker, Switch},
    context::{Context, RoundTrip, Settings, WriteIds},
    forgiveness::Forgiveness,
    gate::Kinds,
    gates::Gates,
    memory::Memory,
    places::Places,
    prefetch::Counters,
    rate_limiter::{Backend, LimiterSettings, RateLimiter},
    resolver::Resolver,
    scripted::{Script, Scripted},
    watched::Watched,
};
use crate::{
    clock::{Clock, CorrectedClock, SystemClock},
    error::Invalid,
    model::{Split, plan::Peers},
    store::{MemoryStore, Store},
    telemetry::Refusals,
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
#[derive(Clone, Debug)]
#[must_use = "a builder builds nothing by itself"]
pub struct Builder {
    clock: Option<Arc<dyn Clock>>,
    /// `true` if the store's time corrects the clock.
    corrected: bool,
    runtime: Option<Handle>,
    gates: usize,
    settings: Settings,
    limiter: LimiterSettings,
    config_ttl: Duration,
    breaker: Option<Breaker>,
    /// Says if Python clients spend from the same buckets. `None` if it was not set.
    mixed_fleet: Option<bool>,
    store_calls: usize,
    /// The deadline of one call for stored limits and other records, if it was set.
    call_deadline: Option<Duration>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            clock: None,
            corrected: true,
            runtime: None,
            limiter: LimiterSettings {
                deadline: Duration::from_millis(250).into(),
                principal: None,
                audit_retention: Duration::from_secs(90 * 86_400),
            },
            config_ttl: Duration::from_secs(60),
            breaker: Some(Breaker::new()),
            gates: 100_000,
            settings: Settings {
                flush_after: Duration::from_millis(100),
                deny_from_memory: Duration::from_secs(1),
                store_deadline: Duration::from_secs(1),
                max_shards: 32,
                peers: Peers::Unknown,
            },
            mixed_fleet: None,
            store_calls: 256,
            call_deadline: None,
        }
    }
}

impl Builder {
    /// Uses only `clock` for the time, for tests. Default: the system's clock, corrected by the store's answers (see
    /// [`wall_clock`](Self::wall_clock)). In memory the default is a clock that changes of the wall clock do not
    /// affect, [`MonotonicClock`](crate::clock::MonotonicClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self.corrected = false;
        self
    }

    /// Uses `clock` for the time, corrected by the times that the store's answers contain: a clock that is an hour
    /// ahead fills no bucket. If the store does not date its answers, the clock is used as it is.
    ///
    /// Before the first answer, the error of the clock is unknown. If the limiter was built, not opened, and has looked
    /// up nothing else, it reads a bucket before it writes to it.
    pub fn wall_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self.corrected = true;
        self
    }

    /// Runs store calls and background writes on `runtime`, whose timers must be enabled (`enable_time` or
    /// `enable_all`; `#[tokio::main]` does). Default: the runtime that the limiter is built in.
    ///
    /// A thread must drive this runtime while there are requests and leases, in whatever runtime those are. A
    /// `current_thread` runtime stands still while no thread blocks on it. Meanwhile, acquires from other threads end
    /// at their deadlines, and operations without a deadline, such as settlements, wait until a thread drives the
    /// runtime again. If the runtime is shut down, all that wait get an error.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Sets the longest time that an acquire waits for the store. Default: 250 ms; more than zero.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limiter.deadline = deadline.into();
        self
    }

    /// Sets the time for which stored limits and entities are cached. Changes by other processes may go unseen for that
    /// time. Default: 60 s. With zero, every acquire looks them up.
    pub fn config_ttl(mut self, time: Duration) -> Self {
        self.config_ttl = time;
        self
    }

    /// Sets the name that the history records for changes of stored limits and entities through this limiter. Default:
    /// the name that the store has for this process, if it has one. For a limiter that [`RateLimiter::open`] opens on
    /// AWS, that is the ARN of its credentials.
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.limiter.principal = Some(principal.into());
        self
    }

    /// Sets the time for which the history of changes is kept in a table. Default: 90 days.
    pub fn audit_retention(mut self, time: Duration) -> Self {
        self.limiter.audit_retention = time;
        self
    }

    /// Sets the longest time for one store call. After it, the answer counts as lost. Default: 1 s; more than zero.
    pub fn store_deadline(mut self, deadline: Duration) -> Self {
        self.settings.store_deadline = deadline;
        self
    }

    /// Sets the longest time for one call for stored limits, entities, namespaces, the history or usage, including the
    /// retries of the SDK. Default: 10 s; more than zero. Operations that delete or list many records make many calls.
    pub fn call_deadline(mut self, deadline: Duration) -> Self {
        self.call_deadline = Some(deadline);
        self
    }

    /// Returns the [`call_deadline`](Self::call_deadline) if it was set.
    #[cfg(feature = "dynamodb")]
    pub(super) fn chosen_call_deadline(&self) -> Option<Duration> {
        self.call_deadline
    }

    /// Sets when requests stop waiting for a store that keeps failing. Default: after 5 failures in a row, for a
    /// second. See [`Breaker`].
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// Asks the store however often it has failed. If it is down, every request waits until its deadline.
    pub fn without_breaker(mut self) -> Self {
        self.breaker = None;
        self
    }

    /// Sets the time that a settled difference waits to be written together with another write of its bucket. After it,
    /// the difference is written alone. Default: 100 ms.
    pub fn flush_after(mut self, time: Duration) -> Self {
        self.settings.flush_after = time;
        self
    }

    /// Sets the time for which requests are denied without asking the store again after it has shown the bucket to be
    /// short. Another process may give tokens back in that time. Default: 1 s. With zero, the store is always asked.
    pub fn deny_from_memory(mut self, time: Duration) -> Self {
        self.settings.deny_from_memory = time;
        self
    }

    /// Sets the largest number of shards that a bucket is split into if it is written more than 1000 times a second,
    /// the limit of DynamoDB for one item: 1, 2, 4, 8, 16 or 32. Default: 32; 1 never splits. A bucket is not split
    /// further if a shard would then hold less than what one request asks for.
    pub fn max_shards(mut self, shards: u32) -> Self {
        self.settings.max_shards = shards;
        self
    }

    /// Sets if Python clients spend from the same buckets. If they do, every write of a full bucket moves its anchor,
    /// so that nothing is lost if one of their writes meets one of ours. Then writes of several processes conflict more
    /// often. Default: [`RateLimiter::open`] decides by the author of the table's version record; a limiter that was
    /// built expects Python clients. If a Python client is seen to write, that is remembered for ten minutes, whatever
    /// is set here.
    pub fn mixed_fleet(mut self, mixed: bool) -> Self {
        self.mixed_fleet = Some(mixed);
        self.settings.peers = if mixed { Peers::Present } else { Peers::Absent };
        self
    }

    /// Notes that this crate created the table: unless `mixed_fleet` was set, no Python client uses it.
    #[cfg(feature = "dynamodb")]
    pub(super) fn own_table(mut self) -> Self {
        if self.mixed_fleet.is_none() {
            self.settings.peers = Peers::Absent;
        }
        self
    }

    /// Sets how many store calls may be in flight at once, at least 1. At most as many connections are open. Other
    /// requests wait for their turn, but not beyond their deadlines. Default: 256.
    pub fn max_store_calls(mut self, calls: usize) -> Self {
        self.store_calls = calls.max(1);
        self
    }

    /// Sets how many buckets without pending writes are cached, and for how many entities stored limits are. Default:
    /// 100 000 each; at least 1. An entry that was evicted costs one more round trip.
    pub fn remembered_buckets(mut self, buckets: usize) -> Self {
        self.gates = buckets.max(1);
        self
    }

    /// Checks the settings that have senseless values.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let refused = |setting, must_be| Err(Invalid::Setting { setting, must_be });
        let deadlines = [
            ("deadline", self.limiter.deadline.into()),
            ("store_deadline", self.settings.store_deadline),
            ("call_deadline", self.longest_call()),
        ];
        if let Some((setting, _)) = deadlines.into_iter().find(|(_, deadline)| Duration::is_zero(deadline)) {
            return refused(setting, "longer than zero");
        }
        if !(self.settings.max_shards.is_power_of_two() && self.settings.max_shards <= Split::MOST_SHARDS) {
            return refused("max_shards", "1, 2, 4, 8, 16 or 32");
        }
        Ok(())
    }

    pub(super) fn longest_call(&self) -> Duration {
        self.call_deadline.unwrap_or(Duration::from_secs(10))
    }

    pub(super) fn most_remembered(&self) -> usize {
        self.gates
    }

    /// Builds a limiter whose buckets live in this process.
    pub fn build_memory(self, store: MemoryStore) -> RateLimiter {
        let builder = self.clone();
        let home = store.home(self.clock);
        let clock = home.clock();
        let memory = Memory { store, home };
        RateLimiter::new(Backend::Memory(Arc::new(memory)), clock, self.limiter, builder)
    }

    /// Builds a limiter for tests. It is like that of [`build_memory`](Self::build_memory), but `script` decides before
    /// the buckets do, and observes what happens to leases.
    pub fn build_scripted(self, store: MemoryStore, script: impl Script) -> RateLimiter {
        let builder = self.clone();
        let home = store.home(self.clock);
        let clock = home.clock();
        let scripted = Scripted::new(script, Memory { store, home });
        RateLimiter::new(Backend::Scripted(Arc::new(scripted)), clock, self.limiter, builder)
    }

    /// Builds a limiter whose buckets live in `store`.
    ///
    /// # Errors
    /// [`Invalid::NoRuntime`] outside a tokio runtime, unless [`runtime`](Self::runtime) sets one;
    /// [`Invalid::Setting`] if a deadline is zero, or [`max_shards`](Self::max_shards) no power of two up to 32.
    pub fn build(self, store: impl Store) -> Result<RateLimiter, Invalid> {
        self.build_shared(Arc::new(store))
    }

    /// Builds a limiter like [`build`](Self::build), over a store that is shared with others.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn build_shared(self, store: Arc<dyn Store>) -> Result<RateLimiter, Invalid> {
        self.check()?;
        let runtime = match &self.runtime {
            Some(runtime) => runtime.clone(),
            None => Handle::try_current().map_err(|_| Invalid::NoRuntime)?,
        };
        let builder = Self { runtime: Some(runtime.clone()), ..self.clone() };
        let wall = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let time = store.time().filter(|_| self.corrected);
        let clock: Arc<dyn Clock> = match &time {
            Some(time) => Arc::new(CorrectedClock::new(wall, time.clone())),
            None => wall,
        };
        let breaker = Arc::new(Switch::new(self.breaker));
        let store: Arc<dyn Store> = match breaker.is_on() {
            true => Arc::new(Watched::new(store, breaker.clone(), clock.clone())),
            false => store,
        };
        let background = Background::new(runtime);
        let places = Places::new(self.store_calls);
        let refusals = Arc::<Refusals>::default();
        let resolver = Resolver::new(
            store.clone(),
            background.clone(),
            clock.clone(),
            places.clone(),
            self.settings.store_deadline,
            (self.config_ttl, self.gates),
            (breaker.clone(), refusals.clone()),
        );
        let context = Context {
            store,
            resolver: Arc::new(resolver),
            clock: clock.clone(),
            time,
            background,
            settings: self.settings,
            write_ids: WriteIds::new(),
            prefetched: Counters::default(),
            kinds: Kinds::default(),
            breaker,
            refusals,
            round_trip: RoundTrip::default(),
            forgiveness: Forgiveness::default(),
            places,
            suspicions: AtomicU64::new(0),
            cleared: AtomicU64::new(0),
            look: Mutex::default(),
            unanswered: AtomicUsize::new(0),
        };
        let gates = Gates::new(self.gates, context);
        Ok(RateLimiter::new(Backend::Gated(gates), clock, self.limiter, builder))
    }
}
