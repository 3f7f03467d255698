//! The gates of a bucket that has several shards: the first one's gate finds the others.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicI64, AtomicU32, Ordering},
};

use super::{
    Gate,
    state::{GateState, Seen, Waiter},
};
use crate::{
    error::Unavailable,
    limiter::{charge::Mode, lease::Amounts, places::InFlight},
    model::{
        BucketKey, BucketState, Limit, Limits, Split, Update,
        plan::{self, Changes, Wanted},
    },
    store::{StoreError, StoreErrorKind, apply},
    telemetry::StoreCall,
};

/// A shard as it was seen, and what is to be written to it.
#[derive(Clone, Debug)]
pub(in crate::limiter) struct Image {
    pub(in crate::limiter) bucket: BucketState,
    pub(in crate::limiter) pending: Changes,
}

/// A write of a shard that goes with others.
#[derive(Debug)]
pub(in crate::limiter) struct Planned {
    gate: Arc<Gate>,
    /// The shard, as it was planned from.
    from: BucketState,
    update: Update,
}

/// Executes writes of several shards, all or none. Returns `false` if one was refused. The caller has a place.
pub(in crate::limiter) async fn transact(writes: &[Planned]) -> Result<bool, StoreError> {
    let Some(Planned { gate, update, .. }) = writes.first() else { return Ok(true) };
    let updates: Vec<_> = writes.iter().map(|write| (write.gate.key.clone(), write.update.clone())).collect();
    writes.iter().for_each(|write| write.gate.lock().others.begin_unseen());
    let mut result = gate.call(StoreCall::Transact, gate.context.store.transact(&updates)).await;
    if result.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Unknown) {
        // Its answer was lost: one of the items tells whether it has landed.
        let read = gate.call(StoreCall::Read, gate.context.store.read(&gate.key)).await;
        if matches!(read, Ok(Some(state)) if state.last_write.as_ref() == Some(&update.id)) {
            result = Ok(true);
        }
    }
    let done = matches!(result, Ok(true));
    writes.iter().for_each(|write| write.gate.transacted(write, done));
    result
}

/// What a gate knows of the other shards of its bucket.
#[derive(Debug)]
pub(super) struct Shards {
    /// How many there are, as far as any of their gates has seen.
    count: Arc<AtomicU32>,
    /// The gate of the first shard, for the gates of the others.
    first: Weak<Gate>,
    /// The gates of the others, for the gate of the first.
    others: Mutex<Vec<Arc<Gate>>>,
    /// The shard that granted last.
    preferred: AtomicU32,
    /// When all shards were looked at last, epoch ms.
    explored_at: AtomicI64,
}

impl Shards {
    /// For the gate of a first shard.
    pub(super) fn first() -> Self {
        Self::new(Arc::new(AtomicU32::new(1)), Weak::new())
    }

    fn new(count: Arc<AtomicU32>, first: Weak<Gate>) -> Self {
        // Processes begin at different shards.
        Self {
            count,
            first,
            others: Mutex::default(),
            preferred: AtomicU32::new(fastrand::u32(..)),
            explored_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Notes how many shards the bucket has.
    pub(super) fn learn(&self, count: u32) {
        self.count.fetch_max(count.min(Split::MOST_SHARDS), Ordering::AcqRel);
    }

    /// Notes how many there are, and no more.
    pub(super) fn set(&self, count: u32) {
        self.count.store(count.min(Split::MOST_SHARDS), Ordering::Release);
    }

    pub(super) fn are_idle(&self) -> bool {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).iter().all(|gate| gate.is_idle())
    }
}

impl Gate {
    /// How many shards the bucket has, as far as is known.
    pub(in crate::limiter) fn shard_count(&self) -> u32 {
        self.shards.get().map_or(1, |shards| shards.count.load(Ordering::Acquire))
    }

    /// Notes how many shards the bucket has, unless it is known better.
    pub(in crate::limiter) fn has_shards(&self, count: u32) {
        let now = self.context.clock.now();
        let known = self.peek(now, |state| state.seen.live(now).is_some());
        if !known {
            self.learn_shards(count);
        }
    }

    /// The gate of the bucket's first shard, unless it was forgotten.
    pub(in crate::limiter) fn first(self: &Arc<Self>) -> Option<Arc<Self>> {
        if self.key.shard == 0 { Some(self.clone()) } else { self.shards.get()?.first.upgrade() }
    }

    /// The gates of all shards; of the first one's gate.
    pub(in crate::limiter) fn all(self: &Arc<Self>) -> Vec<Arc<Self>> {
        let shards = self.shards();
        let mut others = shards.others.lock().unwrap_or_else(PoisonError::into_inner);
        for shard in 1 + others.len() as u32..self.shard_count() {
            let key = BucketKey { shard, ..self.key.clone() };
            let shards = Shards::new(shards.count.clone(), Arc::downgrade(self));
            others.push(Arc::new(Self::with_shards(key, self.context.clone(), shards)));
        }
        std::iter::once(self.clone()).chain(others.iter().cloned()).collect()
    }

    /// Where to ask first: the shard that granted last.
    pub(in crate::limiter) fn preferred(&self) -> usize {
        self.shards().preferred.load(Ordering::Relaxed) as usize
    }

    pub(in crate::limiter) fn prefer(&self, shard: u32) {
        self.shards().preferred.store(shard, Ordering::Relaxed);
    }

    /// Returns `true` if it is time to look at shards that were not seen for long: for one request at a time.
    pub(in crate::limiter) fn explores(&self) -> bool {
        let trusted_for = i64::try_from(self.context.settings.deny_from_memory.as_millis()).unwrap_or(i64::MAX);
        let (now, last) = (self.context.clock.now(), self.shards().explored_at.load(Ordering::Relaxed));
        let due = now < last || now.saturating_sub(last) >= trusted_for;
        due && self.shards().explored_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Returns how much more than `amounts` the shard seems to hold after those who are in its queue: millitokens of
    /// the limit that has least. A shard that was not seen may hold anything.
    pub(in crate::limiter) fn headroom(&self, limits: &Limits, amounts: &[i64]) -> i64 {
        let now = self.context.clock.now();
        let state = self.lock();
        let Some(bucket) = state.seen.live(now) else { return i64::MAX };
        let left = |(limit, amount): (&Limit, &i64)| {
            let level = plan::projected(bucket, bucket.limit(limit.name())?, &state.pending, now);
            let asked = |waiter: &Waiter| Some(waiter.amounts[waiter.limits.index(limit.name().as_str())?]);
            Some(state.queue.iter().filter_map(asked).fold(level.tokens.saturating_sub(*amount), i64::saturating_sub))
        };
        limits.iter().zip(amounts).filter_map(left).min().unwrap_or(i64::MAX)
    }

    /// Notes what an item says of the other shards.
    pub(super) fn learn(&self, bucket: Option<&BucketState>) {
        match bucket {
            // The first one decides.
            Some(bucket) if self.key.shard == 0 => self.set_shards(bucket.shard_count),
            Some(bucket) => self.learn_shards(bucket.shard_count),
            None => {}
        }
    }

    /// Notes that there are so many shards at least.
    pub(super) fn learn_shards(&self, count: u32) {
        if count > self.shard_count() {
            self.shards().learn(count);
        }
    }

    /// Notes how many there are, and no more.
    pub(super) fn set_shards(&self, count: u32) {
        if count != self.shard_count() {
            self.shards().set(count);
        }
    }

    /// Returns how much all shards together hold of each of `limits` at `now`, as far as they were seen; this one holds `bucket`.
    /// Millitokens.
    pub(super) fn left(self: &Arc<Self>, bucket: &BucketState, limits: &Limits, now: i64) -> Amounts {
        let none = Changes::new();
        let held = |state: &BucketState, limit: &Limit, changes: &Changes| {
            state.limit(limit.name()).map_or(0, |known| plan::projected(state, known, changes, now).tokens)
        };
        let mut left: Amounts = limits.iter().map(|limit| held(bucket, limit, &none)).collect();
        if self.shard_count() > 1
            && let Some(first) = self.first()
        {
            for gate in first.all().iter().filter(|gate| !Arc::ptr_eq(gate, self)) {
                gate.peek(now, |state| {
                    let Some(bucket) = state.seen.live(now) else { return };
                    for (left, limit) in left.iter_mut().zip(limits.iter()) {
                        *left = left.saturating_add(held(bucket, limit, &state.pending));
                    }
                });
            }
        }
        left
    }

    fn shards(&self) -> &Shards {
        self.shards.get_or_init(|| Box::new(Shards::first()))
    }

    /// The shard, if it was seen and has not expired.
    pub(in crate::limiter) fn image(&self) -> Option<Image> {
        let now = self.context.clock.now();
        self.peek(now, |state| {
            let bucket = state.seen.live(now)?.clone();
            Some(Image { bucket, pending: state.pending.clone() })
        })
    }

    /// The shard, if it was seen so short a time ago that requests may be denied by it.
    pub(in crate::limiter) fn fresh_image(&self) -> Option<Image> {
        let (now, trusted_for) = (self.context.clock.now(), self.context.settings.deny_from_memory);
        let fresh = self.peek(now, |state| state.is_fresh(now, trusted_for));
        self.image().filter(|_| fresh)
    }

    /// Waits for a place among the store calls in flight.
    pub(in crate::limiter) async fn place(&self) -> InFlight {
        self.context.places.take().await
    }

    /// The shard as the store has it. One round trip.
    pub(in crate::limiter) async fn look(&self) -> Result<Option<Image>, StoreError> {
        let bucket = self.read().await?;
        self.learn(bucket.as_ref());
        let mut state = self.lock();
        self.miss(&state, bucket.as_ref());
        state.saw(bucket, self.context.now());
        drop(state);
        Ok(self.image())
    }

    /// Returns `true` if what was taken ahead of the shard has enough of all.
    pub(in crate::limiter) fn holds_ahead(&self, limits: &Limits, amounts: &[i64]) -> bool {
        let now = self.context.clock.now();
        self.peek(now, |state| state.holds_ahead(limits, amounts, now))
    }

    /// Returns `true` if the shard may hold `amounts`, as far as is known.
    pub(in crate::limiter) fn may_grant(self: &Arc<Self>, limits: &Limits, mode: &Mode, amounts: &[i64]) -> bool {
        let now = self.context.clock.now();
        let special = self.peek(now, |state| state.seen.live(now).is_some_and(|state| state.stamps.is_some()));
        // What a peer has stamped may admit more than there is.
        special || (self.may_hold(limits, amounts) && self.known_denial(limits, mode, amounts).is_none())
    }

    /// Returns `true` if the shard holds `amounts` when it is full.
    pub(in crate::limiter) fn may_hold(&self, limits: &Limits, amounts: &[i64]) -> bool {
        let count = self.shard_count();
        limits.iter().zip(amounts).all(|(limit, amount)| {
            let rate = crate::model::Parameters::from(limit).shard(self.key.shard, count);
            rate.is_ok_and(|rate| rate.capacity() >= *amount)
        })
    }

    /// Notes what is asked of the bucket, where that may go past this shard's own queue.
    pub(in crate::limiter) fn note_asked(&self, limits: &Limits, amounts: &[i64]) {
        let noted = |state: &GateState| {
            limits.iter().zip(amounts).all(|(limit, amount)| state.most_asked(limit.name()) >= *amount)
        };
        if !self.peek(self.context.clock.now(), noted) {
            self.lock().asked(limits, amounts);
        }
    }

    /// Whether the store may be asked.
    pub(in crate::limiter) fn admits(&self) -> Result<(), Unavailable> {
        if self.context.background.is_closed() {
            return Err(Unavailable::ShutDown);
        }
        match self.context.breaker.admits(|| self.context.clock.now()) {
            true => Ok(()),
            false => Err(Unavailable::BreakerOpen),
        }
    }

    /// The write that does `changes` to the shard as it is seen in `from`.
    pub(in crate::limiter) fn plan(
        self: &Arc<Self>,
        from: BucketState,
        limits: &Limits,
        mode: &Mode,
        changes: &Changes,
    ) -> Planned {
        let time = self.context.now();
        let wanted = {
            let state = self.lock();
            let others = self.others(&state, time.at);
            match mode.known_at < state.changed_at {
                // Its parameters stand.
                true => Wanted { others, ..Wanted::default() },
                false => Wanted { limits, own: Some(mode.own), lineage: mode.lineage.as_deref(), others },
            }
        };
        let update = plan::update(&from, changes, wanted, time, self.context.write_ids.next());
        Planned { gate: self.clone(), from, update }
    }

    /// What came of a write that was planned.
    fn transacted(&self, Planned { from, update, .. }: &Planned, done: bool) {
        let mut state = self.lock();
        state.others.end_unseen();
        let mut after = from.clone();
        // Unless somebody has changed it meanwhile.
        let known = matches!(&state.seen, Seen::Present(seen) if seen == from);
        let seen_at = if known && done && apply(&mut after, update).is_ok() {
            // It was not shown: what is known is as old as before.
            let seen_at = state.seen_at;
            state.saw(Some(after), self.context.now());
            seen_at
        } else {
            i64::MIN
        };
        state.seen_at = seen_at;
    }

    pub(in crate::limiter) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.context.background.spawn(task);
    }

    /// Returns `true` if a time lies further ahead than clocks that are kept right can be apart.
    pub(in crate::limiter) fn is_far_before(&self, time: i64) -> bool {
        self.context.now().is_far_before(time)
    }

    pub(in crate::limiter) fn now(&self) -> i64 {
        self.context.clock.now()
    }
}
