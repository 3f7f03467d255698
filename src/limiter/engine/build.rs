//! Builds engines from settings and a store.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize},
};

use tokio::{runtime::Handle, sync::Mutex};

use super::Settings;
use crate::{
    clock::{Clock, CorrectedClock, SystemClock},
    error::Invalid,
    limiter::{
        bucket::{Memory, Script, Scripted},
        engine::{Backend, Engine},
        gate::{Forgiveness, GateContext, Gates, Interner, RoundTrip, WriteIds},
        resolver::Resolver,
        runtime::{Background, CircuitBreaker, MonitoredStore, StoreCallPermits},
        terms::Counters,
    },
    store::{MemoryStore, Store},
    telemetry::Refusals,
};

impl Engine {
    /// Builds an engine whose buckets live in this process.
    pub(crate) fn memory(settings: Settings, store: MemoryStore) -> Self {
        let home = store.home(settings.clock.clone());
        let clock = home.clock();
        Self::new(
            Backend::Memory(Arc::new(Memory { store, home })),
            clock,
            settings,
        )
    }

    /// Builds an engine whose buckets live in this process, and are decided by a script.
    pub(crate) fn scripted(settings: Settings, store: MemoryStore, script: impl Script) -> Self {
        let home = store.home(settings.clock.clone());
        let clock = home.clock();
        let scripted = Scripted::new(script, Memory { store, home });
        Self::new(Backend::Scripted(Arc::new(scripted)), clock, settings)
    }

    /// Builds an engine whose buckets live in `store`.
    ///
    /// # Errors
    /// [`Invalid::NoRuntime`] outside a tokio runtime, unless the settings name one;
    /// [`Invalid::Setting`] for a value that makes no sense.
    pub(crate) fn over(mut settings: Settings, store: Arc<dyn Store>) -> Result<Self, Invalid> {
        settings.check()?;
        let runtime = match &settings.runtime {
            Some(runtime) => runtime.clone(),
            None => Handle::try_current().map_err(|_| Invalid::NoRuntime)?,
        };
        settings.runtime = Some(runtime.clone());
        let wall = settings
            .clock
            .clone()
            .unwrap_or_else(|| Arc::new(SystemClock));
        let time = store.time().filter(|_| settings.corrected);
        let clock: Arc<dyn Clock> = match &time {
            Some(time) => Arc::new(CorrectedClock::new(wall, time.clone())),
            None => wall,
        };
        let breaker = Arc::new(CircuitBreaker::new(settings.breaker));
        let store: Arc<dyn Store> = if breaker.is_on() {
            Arc::new(MonitoredStore::new(store, breaker.clone(), clock.clone()))
        } else {
            store
        };
        let background = Background::new(runtime);
        let permits = StoreCallPermits::new(settings.store_calls);
        let refusals = Arc::<Refusals>::default();
        let resolver = Resolver::new(
            store.clone(),
            background.clone(),
            clock.clone(),
            permits.clone(),
            settings.gate.store_deadline,
            (settings.config_ttl, settings.remembered),
            (breaker.clone(), refusals.clone()),
        );
        let context = GateContext {
            store,
            resolver: Arc::new(resolver),
            clock: clock.clone(),
            time,
            background,
            settings: settings.gate,
            write_ids: WriteIds::new(),
            prefetched: Counters::default(),
            interner: Interner::default(),
            breaker,
            refusals,
            round_trip: RoundTrip::default(),
            forgiveness: Forgiveness::default(),
            permits,
            suspicions: AtomicU64::new(0),
            cleared: AtomicU64::new(0),
            look: Mutex::default(),
            unanswered: AtomicUsize::new(0),
        };
        let gates = Gates::new(settings.remembered, context);
        Ok(Self::new(Backend::Gated(gates), clock, settings))
    }
}
