//! Random histories that combine all features: children and their parent (in one transaction or in
//! two writes), prefetched tokens, changing limits, splits, settled leases and callers that give
//! up. Writes and answers are lost, and writes are executed twice. No shard ever holds more than a
//! perfect shard that was charged the same, and callers know of exactly what was charged.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};

use fastrand::Rng;
use tollgate::{
    Lease, Limit, RateLimiter,
    clock::{Clock, ManualClock},
    limiter::Prefetch,
    model::{BucketKey, BucketState, Create, Entity, Split, Update, WriteId},
    store::{MemoryStore, Records, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome},
};

use super::fixture::{START, key};

const CHILDREN: [&str; 2] = ["ann", "bob"];
const PARENT: &str = "org";

/// The largest number of shards. Amounts are counted in millitokens · period · `MOST`, a unit that
/// never needs rounding.
const MOST: i128 = 32;

/// A bound on the writes of a history, far above what one needs.
const MOST_WRITES: u32 = 20_000;

/// Returns one of the definitions of the limit that the processes use in turn.
fn definition(number: usize) -> Limit {
    let (capacity, amount, period) = [(64, 7, 900), (40, 7, 900), (64, 11, 700)][number];
    Limit::new("tokens", capacity, amount, Duration::from_millis(period)).unwrap()
}

/// A shard without rounding errors.
#[derive(Clone, Copy, Debug)]
struct Perfect {
    units: i128,
    at: i64,
    amount: i128,
    period: i128,
    capacity: i128,
    count: i128,
}

impl Perfect {
    /// Creates a shard with the parameters of the real one.
    fn of(real: &BucketState, units: i128, at: i64) -> Self {
        let limit = &real.limits()[0];
        let parameters = limit.parameters;
        Self {
            units,
            at,
            amount: parameters.refill_amount().into(),
            period: parameters.refill_period().into(),
            capacity: limit.rule_at(0).capacity().into(),
            count: real.shard_count.into(),
        }
        .capped()
    }

    fn capped(self) -> Self {
        Self {
            units: self.units.min(self.capacity * self.period * MOST),
            ..self
        }
    }

    fn refilled(self, now: i64) -> Self {
        let elapsed = (now - self.at).max(0);
        let units = self.units + self.amount * i128::from(elapsed) * (MOST / self.count);
        Self {
            units,
            at: self.at + elapsed,
            ..self
        }
        .capped()
    }

    /// The amount that several processes may spend above the capacity, once: 250 ms of refill.
    fn slack(self) -> i128 {
        self.amount * 250 * (MOST / self.count)
    }

    fn consumed(self, millitokens: i64) -> Self {
        Self {
            units: self.units - i128::from(millitokens) * self.period * MOST,
            ..self
        }
        .capped()
    }

    /// Takes over the parameters of the real shard: the level is cut to the new capacity and loses
    /// its fraction.
    fn like(self, real: &BucketState) -> Self {
        let millitokens = self.units.div_euclid(self.period * MOST);
        let period: i128 = real.limits()[0].parameters.refill_period().into();
        Self::of(real, millitokens * period * MOST, self.at)
    }
}

/// Returns the level of the real shard at `now`, in the same units.
fn held(real: &BucketState, now: i64) -> i128 {
    let limit = &real.limits()[0];
    let (period, count) = (
        i128::from(limit.parameters.refill_period()),
        i128::from(real.shard_count),
    );
    let amount = i128::from(limit.parameters.refill_amount());
    let refill =
        (i128::from(real.age(now)) * amount + i128::from(limit.level.remainder)) * (MOST / count);
    let units = i128::from(limit.level.tokens) * period * MOST + refill;
    units.min(i128::from(limit.rule_at(0).capacity()) * period * MOST)
}

/// A memory store that checks every write and injects faults.
#[derive(Debug)]
struct Checked {
    inner: MemoryStore,
    clock: ManualClock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    /// Percentage of writes that fail in some way.
    trouble: u32,
    writes: u32,
    perfect: BTreeMap<(String, u32), Perfect>,
    /// Net consumption of each entity, millitokens.
    net: BTreeMap<String, i64>,
    /// Number of shards of each entity that were split. A split may round a millitoken up in one
    /// half and down in the other.
    splits: BTreeMap<String, i128>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Fails(StoreErrorKind),
    AnswerLost,
    Twice,
}

impl Checked {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn fault(&self) -> Fault {
        let mut state = self.state();
        if state.rng.u32(0..100) >= state.trouble {
            return Fault::None;
        }
        match state.rng.u32(0..6) {
            0 => Fault::Fails(StoreErrorKind::Busy),
            1 => Fault::Fails(StoreErrorKind::NotApplied),
            2 => Fault::Fails(StoreErrorKind::Unknown),
            3 | 4 => Fault::AnswerLost,
            _ => Fault::Twice,
        }
    }

    async fn execute<T>(
        &self,
        twice: bool,
        write: impl Fn() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.state().writes += 1;
        assert!(
            self.state().writes < MOST_WRITES,
            "it does not come to an end"
        );
        let fault = self.fault();
        tokio::task::yield_now().await;
        if let Fault::Fails(kind) = fault {
            return Err(StoreError::new(kind, "trouble"));
        }
        let mut outcome = write();
        if fault == Fault::Twice && twice {
            // The caller may receive the answer to either of the two executions.
            let again = write();
            if self.state().rng.bool() {
                outcome = again;
            }
        }
        tokio::task::yield_now().await;
        match fault {
            Fault::AnswerLost => Err(StoreError::new(
                StoreErrorKind::Unknown,
                "its answer is lost",
            )),
            _ => outcome,
        }
    }

    fn shard(&self, key: &BucketKey) -> Option<BucketState> {
        now(self.inner.read(key)).unwrap()
    }

    fn updated(&self, key: &BucketKey, update: &Update) -> Result<WriteOutcome, StoreError> {
        let outcome = now(self.inner.update(key, update))?;
        if let WriteOutcome::Applied(_) = &outcome {
            self.account(key, update);
        }
        Ok(outcome)
    }

    fn account(&self, key: &BucketKey, update: &Update) {
        let real = self.shard(key).unwrap();
        let mut state = self.state();
        let place = (key.entity.to_string(), key.shard);
        let consumed: i64 = update.lines().iter().map(|line| line.consumed).sum();
        let mut perfect = state.perfect[&place].refilled(update.now);
        if update.lines().iter().any(|line| line.parameters.is_some()) {
            perfect = perfect.like(&real);
        }
        let perfect = perfect.consumed(consumed);
        *state.net.entry(place.0.clone()).or_default() += consumed;
        state.check(&place, &real, perfect);
        state.perfect.insert(place, perfect);
    }

    fn created(&self, key: &BucketKey, create: &Create) -> Result<WriteOutcome, StoreError> {
        let outcome = now(self.inner.create(key, create))?;
        if let WriteOutcome::Applied(real) = &outcome {
            assert_eq!(real.shard_count, 1, "no shard is ever missing");
            let mut state = self.state();
            let place = (key.entity.to_string(), key.shard);
            let consumed = create.limits()[0].consumed;
            let perfect = Perfect::of(real, i128::MAX / 4, create.now).consumed(consumed);
            *state.net.entry(place.0.clone()).or_default() += consumed;
            state.check(&place, real, perfect);
            state.perfect.insert(place, perfect);
        }
        Ok(outcome)
    }

    fn transacted(&self, updates: &[(BucketKey, Update)]) -> Result<bool, StoreError> {
        let done = now(self.inner.transact(updates))?;
        for (key, update) in updates.iter().filter(|_| done) {
            self.account(key, update);
        }
        Ok(done)
    }

    fn halved(&self, key: &BucketKey, split: &Split) -> Result<bool, StoreError> {
        let done = now(self.inner.split(key, split))?;
        for shard in (0..split.shard_count).filter(|_| done) {
            let twin = shard + split.shard_count;
            let mut state = self.state();
            let name = key.entity.to_string();
            *state.splits.entry(name.clone()).or_default() += 1;
            let whole = state.perfect[&(name.clone(), shard)].refilled(split.now);
            for part in [shard, twin] {
                let real = self.shard(&key.clone().with_shard(part)).unwrap();
                let perfect = Perfect::of(&real, whole.units / 2, split.now);
                state.check(&(name.clone(), part), &real, perfect);
                state.perfect.insert((name.clone(), part), perfect);
            }
        }
        Ok(done)
    }

    fn split(&self, entity: &str) {
        let Some(first) = self.shard(&key(entity, "api")) else {
            return;
        };
        if first.shard_count <= 4 {
            let id = WriteId::from_number(u64::from(first.shard_count));
            let split = Split::new(id, self.clock.now(), first.shard_count);
            let _ = self.halved(&key(entity, "api"), &split);
        }
    }
}

impl State {
    fn check(&self, place: &(String, u32), real: &BucketState, perfect: Perfect) {
        let splits = self.splits.get(&place.0).copied().unwrap_or(0) * perfect.period * MOST;
        let slack = splits + perfect.slack();
        let held = held(real, perfect.at);
        assert!(
            held <= perfect.units + slack,
            "minted: {held} of {perfect:?} in {place:?}: {real:?}"
        );
    }
}

impl Store for Checked {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.inner.read(bucket)
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.execute(true, move || self.updated(bucket, update)))
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.execute(true, move || self.created(bucket, create)))
    }

    /// A transaction is not executed twice: DynamoDB recognises a repeated transaction by its
    /// client request token.
    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        Box::pin(self.execute(false, move || self.transacted(updates)))
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        Box::pin(self.execute(true, move || self.halved(bucket, split)))
    }

    fn records(&self) -> Option<&dyn Records> {
        self.inner.records()
    }
}

/// Returns the result of a future of the memory store, which is ready at the first poll.
fn now<T>(mut future: StoreFuture<'_, T>) -> Result<T, StoreError> {
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("the memory store answers at once"),
    }
}

/// Processes that acquire and settle, with the results that their callers know.
struct World {
    rng: Rng,
    store: Arc<Checked>,
    limiters: Vec<RateLimiter>,
    definitions: [usize; 3],
    held: Vec<(&'static str, Lease)>,
    /// Millitokens that callers know they used, and by how much this exceeds what they asked for.
    used: BTreeMap<&'static str, i64>,
    beyond: BTreeMap<&'static str, i64>,
    granted: u32,
}

impl World {
    async fn new(seed: u64, trouble: u32) -> Self {
        let mut rng = Rng::with_seed(seed);
        let clock = ManualClock::at(START);
        let state = State {
            rng: rng.fork(),
            trouble,
            writes: 0,
            perfect: BTreeMap::new(),
            net: BTreeMap::new(),
            splits: BTreeMap::new(),
        };
        let store = Arc::new(Checked {
            inner: MemoryStore::new(),
            clock: clock.clone(),
            state: Mutex::new(state),
        });
        let limiters: Vec<RateLimiter> = (0..3)
            .map(|_| {
                let settings = RateLimiter::builder()
                    .clock(clock.clone())
                    .flush_after(Duration::from_millis(5));
                let settings = settings
                    .without_breaker()
                    .deny_from_memory(Duration::from_millis(rng.u64(0..2) * 1000));
                settings.build_shared(store.clone()).unwrap()
            })
            .collect();
        for child in CHILDREN {
            let child = Entity::new(child.try_into().unwrap())
                .with_parent(PARENT.try_into().unwrap())
                .cascading();
            limiters[0].entities().create(child).await.unwrap();
        }
        Self {
            rng,
            store,
            limiters,
            definitions: [0; 3],
            held: Vec::new(),
            used: BTreeMap::new(),
            beyond: BTreeMap::new(),
            granted: 0,
        }
    }

    async fn burst(&mut self) {
        let mut asks = Vec::new();
        for _ in 0..self.rng.usize(1..7) {
            let (process, child) = (self.rng.usize(0..3), CHILDREN[self.rng.usize(0..2)]);
            let limit = definition(self.definitions[process]);
            let cost = if self.rng.u32(0..8) == 0 {
                self.rng.u64(12..40)
            } else {
                self.rng.u64(0..6)
            };
            let acquire = self.limiters[process]
                .acquire(child, "api")
                .limits(limit)
                .cost("tokens", cost);
            let acquire = match self.rng.u32(0..3) {
                0 => acquire.in_one_transaction(),
                1 => acquire.prefetch(
                    Prefetch::new()
                        .interval(Duration::from_millis(200))
                        .share(30),
                ),
                _ => acquire,
            };
            let patience = (self.rng.u32(0..6) == 0).then(|| self.rng.usize(0..8));
            asks.push(tokio::spawn(async move {
                let mut acquire = std::pin::pin!(acquire.into_future());
                let Some(turns) = patience else {
                    return Some((child, acquire.await.ok()?));
                };
                for _ in 0..turns {
                    if let Poll::Ready(result) = futures_poll(acquire.as_mut()).await {
                        return Some((child, result.ok()?));
                    }
                    tokio::task::yield_now().await;
                }
                None
            }));
        }
        for ask in asks {
            if let Some((child, lease)) = ask.await.unwrap() {
                self.granted += 1;
                self.held.push((child, lease));
            }
        }
    }

    async fn end(&mut self, which: u32) {
        let (child, mut lease) = self.held.swap_remove(self.rng.usize(0..self.held.len()));
        match which {
            0 => drop(lease.rollback()),
            1 => drop(lease),
            2 => {
                let (asked, used) = (lease.consumed("tokens").unwrap(), self.rng.u64(0..10));
                lease.settle("tokens", used).unwrap();
                for entity in [child, PARENT] {
                    *self.beyond.entry(entity).or_default() +=
                        used.saturating_sub(asked) as i64 * 1000;
                }
                let _ = lease.consume("tokens", self.rng.u64(0..4)).await;
                self.keep(child, lease);
            }
            _ => self.keep(child, lease),
        }
    }

    fn keep(&mut self, child: &'static str, lease: Lease) {
        let used = lease.consumed("tokens").unwrap() as i64 * 1000;
        *self.used.entry(child).or_default() += used;
        *self.used.entry(PARENT).or_default() += used;
        drop(lease.commit());
    }
}

async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

async fn history(seed: u64, trouble: u32) -> (u32, u64) {
    fastrand::seed(seed);
    let mut world = World::new(seed, trouble).await;
    for _ in 0..60 {
        match world.rng.u32(0..12) {
            0..=4 => world.burst().await,
            5..=7 if !world.held.is_empty() => {
                let which = world.rng.u32(0..5);
                world.end(which).await;
            }
            8 => world
                .store
                .split([CHILDREN[0], CHILDREN[1], PARENT][world.rng.usize(0..3)]),
            9 => {
                let process = world.rng.usize(0..3);
                world.definitions[process] = world.rng.usize(0..3);
            }
            _ => {
                // The clock does not move while writes are in flight, so each write is executed at
                // the time that it carries.
                tokio::time::sleep(Duration::from_millis(50)).await;
                world
                    .store
                    .clock
                    .advance(Duration::from_millis(world.rng.u64(0..1500)));
            }
        }
    }
    world.store.state().trouble = 0;
    while !world.held.is_empty() {
        world.end(3).await;
    }
    let served = world
        .limiters
        .iter()
        .map(|limiter| limiter.prefetch_stats().served)
        .sum();
    for limiter in &world.limiters {
        limiter.shutdown().await;
    }
    assert!(
        world.store.state().writes < MOST_WRITES,
        "it does not come to an end"
    );
    for entity in [CHILDREN[0], CHILDREN[1], PARENT] {
        let net = world.store.state().net.get(entity).copied().unwrap_or(0);
        let of = |amounts: &BTreeMap<&str, i64>| amounts.get(entity).copied().unwrap_or(0);
        let (used, beyond) = (of(&world.used), of(&world.beyond));
        match trouble {
            0 => assert_eq!(net, used, "{entity}: what was used is what was charged"),
            // Tokens may be lost, and a settlement above the estimate may not be written.
            _ => assert!(
                net >= used - beyond,
                "{entity}: {net} were charged, {used} used, {beyond} beyond"
            ),
        }
    }
    (world.granted, served)
}

fn histories(seeds: std::ops::Range<u64>, trouble: u32) {
    let (mut granted, mut served) = (0, 0);
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let run = std::panic::AssertUnwindSafe(|| runtime.block_on(history(seed, trouble)));
        let (more_granted, more_served) = std::panic::catch_unwind(run).unwrap_or_else(|panic| {
            println!("with seed {seed}");
            std::panic::resume_unwind(panic)
        });
        granted += more_granted;
        served += more_served;
    }
    assert!(granted > 1_000 && served > 50, "{granted} {served}");
}

#[test]
fn a_history_without_faults_charges_what_was_used() {
    histories(0..150, 0);
}

#[test]
fn a_history_with_faults_mints_nothing() {
    histories(1_000..1_300, 25);
}
