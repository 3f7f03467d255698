//! Building a limiter.

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
    model::plan::Peers,
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
    /// `true` if the store's time corrects it.
    corrected: bool,
    runtime: Option<Handle>,
    gates: usize,
    settings: Settings,
    limiter: LimiterSettings,
    config_ttl: Duration,
    breaker: Option<Breaker>,
    /// If Python clients spend from the same buckets, as somebody has said.
    mixed_fleet: Option<bool>,
    store_calls: usize,
    /// The longest that one call for what is stored beside buckets may take, if somebody has said so.
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
    /// Tells the time by `clock` alone, for tests. Default: the system's clock, which the store's answers
    /// correct (see [`wall_clock`](Self::wall_clock)); in memory one that the wall clock does not move,
    /// [`MonotonicClock`](crate::clock::MonotonicClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self.corrected = false;
        self
    }

    /// Tells the time by `clock`, corrected by what the store's answers tell about its own: a clock that
    /// is an hour ahead fills no bucket. Without a store that dates its answers it counts as it is.
    ///
    /// Until the first answer nobody knows: a limiter that was built, not opened, and looks nothing else up
    /// reads a bucket before it writes to it.
    pub fn wall_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self.corrected = true;
        self
    }

    /// Runs store calls and background writes on `runtime`, whose timers must be enabled
    /// (`enable_time` or `enable_all`; `#[tokio::main]` does). Default: the runtime that the limiter
    /// is built in.
    ///
    /// Somebody has to drive it for as long as there are requests and leases, wherever those are. A
    /// `current_thread` runtime stands still while nobody blocks on it: acquires from other threads end at their
    /// deadlines meanwhile, and whatever has none, such as settlements, waits until somebody drives it again. Once
    /// it is shut down, whoever waits is told so.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// The longest that an acquire waits for the store. Default: 250 ms.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limiter.deadline = deadline.into();
        self
    }

    /// How long stored limits and entities that were looked up stay known, and so how long other
    /// processes' changes may go unseen. Default: 60 s; zero looks them up for every acquire.
    pub fn config_ttl(mut self, time: Duration) -> Self {
        self.config_ttl = time;
        self
    }

    /// Who changes stored limits and entities through this limiter: told in the history. Default:
    /// whom the store takes this process for, where it knows: for one that
    /// [`RateLimiter::open`] reaches on AWS, the ARN of its credentials.
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.limiter.principal = Some(principal.into());
        self
    }

    /// How long the history of changes is kept in a table. Default: 90 days.
    pub fn audit_retention(mut self, time: Duration) -> Self {
        self.limiter.audit_retention = time;
        self
    }

    /// The longest that one store call may take before its answer counts as lost. Default: 1 s.
    pub fn store_deadline(mut self, deadline: Duration) -> Self {
        self.settings.store_deadline = deadline;
        self
    }

    /// The longest that one call for stored limits, entities, namespaces, the history or usage waits for the store, the
    /// retries of the SDK included. Default: 10 s. What deletes or lists much makes many calls.
    pub fn call_deadline(mut self, deadline: Duration) -> Self {
        self.call_deadline = Some(deadline);
        self
    }

    /// What [`call_deadline`](Self::call_deadline) was told.
    #[cfg(feature = "dynamodb")]
    pub(super) fn chosen_call_deadline(&self) -> Option<Duration> {
        self.call_deadline
    }

    /// When requests stop waiting for a store that keeps failing. Default: after 5 failures in a row,
    /// for a second. See [`Breaker`].
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// Asks the store however often it has failed: every request waits for its deadline then.
    pub fn without_breaker(mut self) -> Self {
        self.breaker = None;
        self
    }

    /// How long a settled difference waits for another write of its bucket to ride on, before it
    /// is written alone. Default: 100 ms.
    pub fn flush_after(mut self, time: Duration) -> Self {
        self.settings.flush_after = time;
        self
    }

    /// How long after the store has shown a bucket to be short requests are denied without asking
    /// it again: another process may give tokens back. Default: 1 s; zero asks every time.
    pub fn deny_from_memory(mut self, time: Duration) -> Self {
        self.settings.deny_from_memory = time;
        self
    }

    /// How many shards a bucket may be split into that is written more than 1000 times a second, the
    /// most that DynamoDB takes of one item: a power of two up to 32, which is the default; 1 for never.
    /// A bucket is not split so far that a shard holds less than what one request asks for.
    pub fn max_shards(mut self, shards: u32) -> Self {
        self.settings.max_shards = shards;
        self
    }

    /// Tells if Python clients spend from the same buckets. If they do, every write of a full bucket moves its anchor,
    /// so that nothing is lost where one of theirs meets one of ours; that makes writes of several processes fail
    /// more often. Default: [`RateLimiter::open`] goes by who wrote the table's version record, a limiter that was
    /// built expects that they may. A Python client that is seen to write is remembered for ten minutes, whatever is
    /// said here.
    pub fn mixed_fleet(mut self, mixed: bool) -> Self {
        self.mixed_fleet = Some(mixed);
        self.settings.peers = if mixed { Peers::Present } else { Peers::Absent };
        self
    }

    /// The table was made by this crate: unless somebody has said otherwise, no Python client uses it.
    #[cfg(feature = "dynamodb")]
    pub(super) fn own_table(mut self) -> Self {
        if self.mixed_fleet.is_none() {
            self.settings.peers = Peers::Absent;
        }
        self
    }

    /// How many store calls may be in flight at once, at least 1: so many connections are open at the most. Requests
    /// that need more wait for their turn, no longer than their deadlines. Default: 256.
    pub fn max_store_calls(mut self, calls: usize) -> Self {
        self.store_calls = calls.max(1);
        self
    }

    /// How many buckets are remembered that have nothing to write, and how many entities'
    /// stored limits. Default: 100 000 each. One that was forgotten costs a round trip more.
    pub fn remembered_buckets(mut self, buckets: usize) -> Self {
        self.gates = buckets;
        self
    }

    pub(super) fn longest_call(&self) -> Duration {
        self.call_deadline.unwrap_or(Duration::from_secs(10))
    }

    pub(super) fn most_remembered(&self) -> usize {
        self.gates
    }

    /// A limiter whose buckets live in this process.
    pub fn build_memory(self, store: MemoryStore) -> RateLimiter {
        let builder = self.clone();
        let home = store.home(self.clock);
        let clock = home.clock();
        let memory = Memory { store, home };
        RateLimiter::new(Backend::Memory(Arc::new(memory)), clock, self.limiter, builder)
    }

    /// A limiter for tests: as [`build_memory`](Self::build_memory), but `script` decides before the
    /// buckets do, and sees what becomes of leases.
    pub fn build_scripted(self, store: MemoryStore, script: impl Script) -> RateLimiter {
        let builder = self.clone();
        let home = store.home(self.clock);
        let clock = home.clock();
        let scripted = Scripted::new(script, Memory { store, home });
        RateLimiter::new(Backend::Scripted(Arc::new(scripted)), clock, self.limiter, builder)
    }

    /// A limiter whose buckets live in `store`.
    ///
    /// # Errors
    /// [`Invalid::NoRuntime`] outside a tokio runtime, unless [`runtime`](Self::runtime) names one.
    pub fn build(self, store: impl Store) -> Result<RateLimiter, Invalid> {
        self.build_shared(Arc::new(store))
    }

    /// As [`build`](Self::build), over a store that others use too.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_shared(self, store: Arc<dyn Store>) -> Result<RateLimiter, Invalid> {
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
