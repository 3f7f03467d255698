//! A memory store that keeps a perfect bucket in addition to the real one.
//!
//! The perfect bucket gets the consumption of every write, in the store's order of execution and at
//! the times that the writes carry, and refills in rational numbers. The real bucket must never
//! hold more. Answers can be lost.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tollgate::{
    LimitName,
    clock::{Clock, ManualClock},
    model::{BucketKey, BucketState, Create, LimitState, Parameters, Update},
    store::{MemoryStore, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome},
};

/// A fault that may happen to a write in transit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    /// The request is lost before it arrives.
    Request,
    /// The write is executed, but its answer is lost.
    Answer,
    /// The answer is lost, and the write is executed after later ones.
    Late,
    /// The store refuses the write because it is busy.
    Busy,
    /// The store does not apply the write.
    Refused,
    /// The write is executed, and the answer comes late.
    Slow,
}

/// The buckets of one key.
#[derive(Debug)]
pub(super) struct Ledger {
    inner: MemoryStore,
    clock: ManualClock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    perfect: BTreeMap<LimitName, Perfect>,
    /// Millitokens that all writes together have consumed.
    net: BTreeMap<LimitName, i64>,
    troubles: VecDeque<Trouble>,
    late: Vec<(BucketKey, Write)>,
    /// Millitokens that settlements may have taken beyond the level of the bucket.
    debt: i64,
    /// Milliseconds by which refills ran ahead of the clock. Their refill may be missing.
    ahead: i64,
    /// The total delay of writes that arrived after later ones, ms. A write refills up to the time
    /// that it carries, so the bound is wider by this time.
    late_by: i64,
    violations: Vec<String>,
}

/// A bucket in units of millitoken · refill period.
#[derive(Clone, Copy, Debug)]
struct Perfect {
    units: i128,
    at: i64,
    parameters: Parameters,
    /// The largest amount that several processes may spend above the capacity, over all parameters
    /// so far, in millitokens.
    slack: i128,
}

#[derive(Clone, Debug)]
enum Write {
    Update(Box<Update>),
    Create(Box<Create>),
}

impl Perfect {
    fn new(parameters: Parameters, consumed: i64, at: i64) -> Self {
        let units =
            i128::from(parameters.capacity() - consumed) * i128::from(parameters.refill_period());
        Self {
            units,
            at,
            parameters,
            slack: slack(parameters),
        }
        .capped()
    }

    fn full(&self) -> i128 {
        i128::from(self.parameters.capacity()) * i128::from(self.parameters.refill_period())
    }

    fn capped(mut self) -> Self {
        self.units = self.units.min(self.full());
        self
    }

    fn refilled(mut self, now: i64) -> Self {
        // If a write carries an earlier time than the write before it, it counts as done at the
        // time of the write before it.
        let elapsed = (now - self.at).max(0);
        self.units += i128::from(self.parameters.refill_amount()) * i128::from(elapsed);
        self.at += elapsed;
        self.capped()
    }

    fn consume(&mut self, millitokens: i64) {
        self.units -= i128::from(millitokens) * i128::from(self.parameters.refill_period());
        *self = self.capped();
    }

    /// Sets new parameters: the level is cut to the new capacity and loses its fraction.
    fn change(&mut self, parameters: Parameters) {
        let millitokens = self
            .units
            .div_euclid(i128::from(self.parameters.refill_period()));
        self.parameters = parameters;
        self.slack = self.slack.max(slack(parameters));
        self.units = millitokens * i128::from(parameters.refill_period());
        *self = self.capped();
    }
}

/// Returns the refill during the longest slack, in millitokens.
fn slack(parameters: Parameters) -> i128 {
    i128::from(parameters.refill_amount()) * i128::from(SLACK)
        / i128::from(parameters.refill_period())
}

/// Returns the level of the real bucket, in the same units.
fn real(state: &BucketState, limit: &LimitState, now: i64) -> i128 {
    let parameters = limit.parameters;
    let period = i128::from(parameters.refill_period());
    let refill = i128::from(parameters.refill_amount()) * i128::from(state.age(now));
    let units =
        i128::from(limit.level.tokens) * period + i128::from(limit.level.remainder) + refill;
    units.min(i128::from(parameters.capacity()) * period)
}

/// If several processes spend, the refill of this many ms may be spent above the capacity, once.
const SLACK: i64 = 250;

impl Ledger {
    pub(super) fn new(clock: ManualClock) -> Self {
        Self {
            inner: MemoryStore::new(),
            clock,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Sets what happens to the next writes.
    pub(super) fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.state().troubles.extend(troubles);
    }

    /// Ends all faults and executes the late writes.
    pub(super) fn calm(&self) {
        self.state().troubles.clear();
        self.arrive();
    }

    /// Executes the late writes.
    pub(super) fn arrive(&self) {
        let late = std::mem::take(&mut self.state().late);
        for (key, write) in late {
            // No caller waits for the answer.
            let _ = self.execute(&key, &write, true);
        }
    }

    /// Lets settlements drive the bucket further into debt by `millitokens`.
    pub(super) fn allow_debt(&self, millitokens: i64) {
        self.state().debt += millitokens;
    }

    /// Returns the millitokens that all writes together have consumed.
    pub(super) fn net(&self, limit: &str) -> i64 {
        self.state().net.get(limit).copied().unwrap_or(0)
    }

    /// Fails if the real bucket has ever held more than the perfect one, or granted tokens that the
    /// perfect one did not have.
    pub(super) fn assert_nothing_minted(&self) {
        let violations = std::mem::take(&mut self.state().violations);
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }

    /// Fails if the real bucket holds less than the perfect one.
    pub(super) async fn assert_nothing_lost(&self, key: &BucketKey) {
        let Some(bucket) = self.inner.read(key).await.unwrap() else {
            return;
        };
        let (now, state) = (self.clock.now(), self.state());
        for limit in bucket.limits() {
            let perfect = state.perfect[&limit.name].refilled(now);
            let ahead = i128::from(perfect.parameters.refill_amount()) * i128::from(state.ahead);
            // If several processes find the bucket full, a fraction of a millitoken is lost.
            let slack = ahead + 2 * i128::from(perfect.parameters.refill_period());
            let real = real(&bucket, limit, now);
            let name = &limit.name;
            assert!(
                real + slack >= perfect.units,
                "{name}: {real} of {} are left, slack {slack}",
                perfect.units
            );
        }
    }

    /// Returns the whole millitokens that the perfect bucket holds now.
    pub(super) fn perfect(&self, limit: &str) -> i64 {
        let perfect = self.state().perfect[limit].refilled(self.clock.now());
        i64::try_from(
            perfect
                .units
                .div_euclid(i128::from(perfect.parameters.refill_period())),
        )
        .unwrap()
    }

    fn execute(
        &self,
        key: &BucketKey,
        write: &Write,
        late: bool,
    ) -> Result<WriteOutcome, StoreError> {
        let now = match write {
            Write::Update(update) => update.now,
            Write::Create(create) => create.now,
        };
        let mut state = self.state();
        let before = ready(self.inner.read(key))?;
        let outcome = match write {
            Write::Update(update) => ready(self.inner.update(key, update))?,
            Write::Create(create) => ready(self.inner.create(key, create))?,
        };
        if let WriteOutcome::Applied(after) = &outcome {
            match write {
                Write::Update(update) => state.updated(update, now, late),
                Write::Create(create) => state.created(create, before.is_some(), now),
            }
            state.check(after, write, now);
        }
        Ok(outcome)
    }

    async fn answer(&self, key: &BucketKey, write: Write) -> Result<WriteOutcome, StoreError> {
        let error = |kind| Err(StoreError::new(kind, "trouble"));
        let trouble = self.state().troubles.pop_front().unwrap_or(Trouble::None);
        // Let other tasks run while the request, and then the answer, is in transit.
        tokio::task::yield_now().await;
        match trouble {
            Trouble::Request => return error(StoreErrorKind::Unknown),
            Trouble::Busy => return error(StoreErrorKind::Busy),
            Trouble::Refused => return error(StoreErrorKind::NotApplied),
            Trouble::Late => {
                self.state().late.push((key.clone(), write));
                return error(StoreErrorKind::Unknown);
            }
            Trouble::None | Trouble::Answer | Trouble::Slow => {}
        }
        let outcome = self.execute(key, &write, false);
        tokio::task::yield_now().await;
        match trouble {
            Trouble::Answer => return error(StoreErrorKind::Unknown),
            Trouble::Slow => tokio::time::sleep(Duration::from_millis(700)).await,
            _ => {}
        }
        outcome
    }
}

impl State {
    fn updated(&mut self, update: &Update, now: i64, late: bool) {
        self.ahead += update.anchor.moves_to().map_or(0, |to| (to - now).max(0));
        if late {
            let latest = self.perfect.values().map(|perfect| perfect.at).max();
            self.late_by += latest.map_or(0, |latest| (latest - now).max(0));
        }
        for line in update.lines() {
            let Some(perfect) = self.perfect.get_mut(&line.limit) else {
                continue;
            };
            *perfect = perfect.refilled(now);
            if let Some(parameters) = line.parameters {
                perfect.change(parameters);
            }
            perfect.consume(line.consumed);
            *self.net.entry(line.limit.clone()).or_default() += line.consumed;
        }
        for new in update.added() {
            self.perfect.insert(
                new.limit.clone(),
                Perfect::new(new.parameters, new.consumed, now),
            );
            *self.net.entry(new.limit.clone()).or_default() += new.consumed;
        }
    }

    fn created(&mut self, create: &Create, replaces: bool, now: i64) {
        if replaces {
            for (limit, perfect) in &self.perfect {
                if perfect.refilled(now).units < perfect.full() {
                    self.violations.push(format!(
                        "{limit} counted as gone before it was full: {perfect:?}"
                    ));
                }
            }
        }
        self.perfect.clear();
        for new in create.limits() {
            self.perfect.insert(
                new.limit.clone(),
                Perfect::new(new.parameters, new.consumed, now),
            );
            *self.net.entry(new.limit.clone()).or_default() += new.consumed;
        }
    }

    fn check(&mut self, after: &BucketState, write: &Write, now: i64) {
        for limit in after.limits() {
            let perfect = self.perfect[&limit.name].refilled(now);
            let period = i128::from(perfect.parameters.refill_period());
            let real = real(after, limit, perfect.at);
            let late = i128::from(perfect.parameters.refill_amount()) * i128::from(self.late_by);
            let slack = late + perfect.slack * period;
            let minted = real > perfect.units + slack;
            // A settlement that is repeated because its answer was lost may take twice.
            let overdrawn =
                perfect.units < -2 * i128::from(self.debt) * period - perfect.slack * period;
            if minted || overdrawn {
                let what = if minted { "minted" } else { "overdrawn" };
                let perfect = perfect.units;
                self.violations.push(format!(
                    "{what}: {real} against {perfect}: {limit:?} after {write:?} at {now}"
                ));
            }
        }
    }
}

/// Returns the result of a future of the memory store, which is ready at the first poll.
fn ready<T>(mut future: StoreFuture<'_, T>) -> Result<T, StoreError> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => unreachable!("the memory store answers at once"),
    }
}

impl Store for Ledger {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.inner.read(bucket)
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.answer(bucket, Write::Update(Box::new(update.clone()))))
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.answer(bucket, Write::Create(Box::new(create.clone()))))
    }
}
