//! The agent of this process for one bucket: it keeps the last image of the bucket, the tokens that were taken ahead,
//! and the changes that are not written yet.
//!
//! A gate has at most one write in flight. Requests that come meanwhile wait in a queue. When the write is answered,
//! the next write carries all queued requests that fit, first come, first served, together with the differences of the
//! leases that were settled since.
//!
//! [`state`] has what the gate knows, and decides without I/O: [`batch`] selects the requests of the next write,
//! [`room`] says how many fit, [`others`] estimates the other writers. While nobody uses the gate it is at [`rest`],
//! and only a [`record`] of it is kept. [`flight`] is the write loop, and [`pacing`] delays its next write.
//! [`settling`] brings the differences of settled leases, and [`ahead`] grants from tokens that were taken ahead. A
//! bucket with several shards has a gate for each of them: [`shards`] finds them, [`growth`] splits the bucket into
//! more.

mod ahead;
mod batch;
mod flight;
mod growth;
mod others;
mod pacing;
mod record;
mod rest;
mod room;
mod settling;
mod shards;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use self::{
    flight::Airborne,
    rest::{Locked, Slot},
    shards::Shards,
    state::{GateState, Waiter},
};
pub(super) use self::{
    record::Kinds,
    rest::Resting,
    shards::{Image, Planned, transact},
    state::Wish,
};
use super::{
    bucket::{Asked, Bucket, Refusal, Verdict},
    charge::Mode,
    context::Context,
    deadline::Deadline,
    lease::{Amounts, Share},
    waits::Timeout,
};
use crate::{
    error::Unavailable,
    model::{BucketKey, BucketState, LimitStatus, Limits, plan},
    store::StoreError,
    telemetry::{LiveGate, StoreCall},
};

/// The shortest wait that a refusal reports. A wait of zero would mean that the request may try again at once.
const LEAST_WAIT: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Gate {
    key: BucketKey,
    context: Arc<Context>,
    state: Mutex<Slot>,
    /// Empty if the bucket has one shard, as far as was ever seen.
    shards: OnceLock<Box<Shards>>,
    counted: LiveGate,
}

impl Gate {
    pub(super) fn new(key: BucketKey, context: Arc<Context>) -> Self {
        Self { key, context, state: Mutex::default(), shards: OnceLock::new(), counted: LiveGate::new() }
    }

    /// Creates the gate again from its record.
    pub(super) fn wake(key: BucketKey, context: Arc<Context>, resting: Resting) -> Self {
        let Resting { record, counted } = resting;
        Self { key, context, state: Mutex::new(Slot::resting(record)), shards: OnceLock::new(), counted }
    }

    fn with_shards(key: BucketKey, context: Arc<Context>, shards: Shards) -> Self {
        Self { shards: Box::new(shards).into(), ..Self::new(key, context) }
    }

    pub(super) fn is_in(&self, context: &Arc<Context>) -> bool {
        Arc::ptr_eq(&self.context, context)
    }

    pub(super) fn key(&self) -> &BucketKey {
        &self.key
    }

    /// Starts a timeout on the limiter's runtime. The caller may be in another runtime, or in none.
    pub(super) fn deadline(&self, time: Duration) -> Timeout {
        self.context.background.deadline(time)
    }

    /// Notes that a request has missed its deadline before the store answered. Returns the reason.
    #[allow(clippy::disallowed_methods, reason = "no owner yet: the time of the pace")]
    pub(super) fn missed_deadline(&self) -> Unavailable {
        self.context.missed_deadline();
        let throttled = self.peek(self.context.clock.now(), |state| state.pace.throttled_for(Instant::now()));
        throttled.map_or(Unavailable::Deadline, |wait| Unavailable::Throttled { retry_after: wait.max(LEAST_WAIT) })
    }

    /// Returns why the bucket grants nothing, if a fresh image shows that.
    pub(super) fn known_refusal(&self) -> Option<Refusal> {
        let now = self.context.clock.now();
        let mut state = self.lock();
        let refusal = state.refuse_from_memory(now, self.context.settings.deny_from_memory)?;
        state.denied_at = now;
        Some(refusal)
    }

    /// Returns the statuses of the limits if a fresh image shows that `amounts` do not fit, and the request cannot be
    /// served from tokens that were taken ahead.
    pub(super) fn known_denial(
        self: &Arc<Self>,
        limits: &Limits,
        mode: &Mode,
        amounts: &[i64],
    ) -> Option<Vec<LimitStatus>> {
        let (now, trusted_for) = (self.context.clock.now(), self.context.settings.deny_from_memory);
        let mut state = self.lock();
        if mode.prefetch.is_some() && state.holds_ahead(limits, amounts, now) {
            return None;
        }
        let denial = state.deny_from_memory(Wish::new(limits, mode, amounts), now, trusted_for)?;
        state.denied_at = now;
        self.write_debt(state);
        Some(denial)
    }

    /// Returns `true` if `amounts` do not fit by the last image, however old that is, and were not taken ahead either.
    pub(super) fn seems_short(&self, limits: &Limits, mode: &Mode, amounts: &[i64]) -> bool {
        let now = self.context.clock.now();
        self.peek(now, |state| {
            let held = mode.prefetch.is_some() && state.holds_ahead(limits, amounts, now);
            !held && state.denial(Wish::new(limits, mode, amounts), &state.pending, now).is_some()
        })
    }

    /// Writes at once the tokens that settled leases take, if there are any.
    pub(super) fn write_debts(self: &Arc<Self>) {
        self.write_debt(self.lock());
    }

    /// Writes the debt of settled leases at once, if there is one. The wait of a denied request counts from that write.
    fn write_debt(self: &Arc<Self>, mut state: Locked<'_>) {
        if state.pending.takes() {
            state.flush_now = true;
            self.take_off(state);
        }
    }

    /// Returns the statuses of the limits for `amounts`, as far as they are known.
    pub(super) fn glance(&self, limits: &Limits, amounts: &[i64]) -> Vec<LimitStatus> {
        let now = self.context.clock.now();
        self.peek(now, |state| plan::statuses(state.seen.live(now), limits, amounts, &state.pending, now))
    }

    /// Asks for `amounts`. Returns a receiver for the verdict, which the caller awaits for at most `deadline`, or as an
    /// `Err` the answer that is known at once. If the receiver is dropped, a grant is given back.
    #[allow(clippy::disallowed_methods, reason = "no owner yet: the time of the pace")]
    pub(super) fn acquire(
        self: &Arc<Self>,
        limits: &Limits,
        mode: &Mode,
        amounts: &Amounts,
        deadline: Deadline,
    ) -> Result<oneshot::Receiver<Verdict>, Asked> {
        if self.context.background.is_closed() {
            return Err(Asked::Unavailable(Unavailable::ShutDown));
        }
        let now = self.context.clock.now();
        let trusted_for = self.context.settings.deny_from_memory;
        let mut state = self.lock();
        if let Some(refusal) = state.refuse_from_memory(now, trusted_for) {
            state.denied_at = now;
            return Err(Asked::Refused(refusal));
        }
        if let Some(prefetch) = mode.prefetch {
            state = match self.serve_ahead(state, limits, mode, amounts, prefetch, now) {
                Err(state) => state,
                Ok(left) => {
                    let shares = amounts.iter().zip(left).map(|(amount, left)| Share { left, ..Share::asked(*amount) });
                    return Err(Asked::Granted(shares.collect(), 0));
                }
            };
        }
        if let Some(statuses) = state.deny_from_memory(Wish::new(limits, mode, amounts), now, trusted_for) {
            state.denied_at = now;
            self.write_debt(state);
            return Err(Asked::Denied(statuses));
        }
        let came = Instant::now();
        let until = came.checked_add(deadline.into());
        if let Some(wait) = state.pace.throttled_for(came)
            && wait + self.context.round_trip.mean() > Duration::from(deadline)
        {
            return Err(Asked::Unavailable(Unavailable::Throttled { retry_after: wait.max(LEAST_WAIT) }));
        }
        if !self.context.breaker.admits(|| self.context.clock.now()) {
            return Err(Asked::Unavailable(Unavailable::BreakerOpen));
        }
        let (reply, verdict) = oneshot::channel();
        state.asked(limits, amounts);
        state.queue.push_back(Waiter::new(limits, mode, amounts.clone(), until, reply));
        if let Some(prefetch) = mode.prefetch {
            self.take_ahead(state, mode, amounts, prefetch, now);
            state = self.lock();
        }
        self.take_off(state);
        Ok(verdict)
    }

    /// Returns the statuses of `limits` after a fresh read. One round trip, no write unit.
    pub(super) async fn statuses(
        self: &Arc<Self>,
        limits: &Limits,
        amounts: &[i64],
    ) -> Result<Vec<LimitStatus>, Unavailable> {
        // In the limiter's own runtime: the caller may be in another runtime, or in none.
        let (reply, answer) = oneshot::channel();
        let gate = self.clone();
        self.context.background.spawn(async move {
            let _place = gate.place().await;
            if !reply.is_closed() {
                let _ = reply.send(gate.read().await);
            }
        });
        let bucket = answer.await.map_err(|_| Unavailable::RuntimeGone)?.map_err(Unavailable::Store)?;
        self.learn(bucket.as_ref());
        let now = self.context.clock.now();
        Ok(self.peek(now, |state| plan::statuses(bucket.as_ref(), limits, amounts, &state.pending, now)))
    }

    /// Returns `true` if the gate can be evicted without losing anything.
    pub(super) fn is_idle(&self) -> bool {
        let idle = self.slot().is_idle();
        idle && self.shards.get().is_none_or(|shards| shards.are_idle())
    }

    async fn read(&self) -> Result<Option<BucketState>, StoreError> {
        self.call(StoreCall::Read, self.context.store.read(&self.key)).await
    }

    /// Notes if a bucket is gone before it has expired: somebody has deleted it, or the whole table.
    fn miss(&self, state: &GateState, shown: Option<&BucketState>) {
        if shown.is_none() && state.seen.live(self.context.clock.now()).is_some() {
            self.context.suspect();
        }
    }

    /// Returns what a write expects of the other writers.
    fn others(&self, state: &GateState, now: i64) -> plan::Others {
        let Context { round_trip, settings, .. } = &*self.context;
        state.others.expected(state.seen_at, now, round_trip.millis(), settings.peers)
    }

    /// Returns about when a write that was answered at `now` reached the store, epoch ms.
    fn written_at(&self, now: i64) -> i64 {
        now.saturating_sub(self.context.round_trip.millis() / 2)
    }

    /// Starts the write loop unless it runs already.
    fn take_off(self: &Arc<Self>, mut state: Locked<'_>) {
        if !std::mem::replace(&mut state.flying, true) {
            drop(state);
            self.context.background.spawn(flight::fly(Airborne::new(self.clone())));
        }
    }

    /// Returns `true` if the charge of a cancelled request is given back.
    pub(super) fn forgives(&self, limits: &Limits) -> bool {
        self.context.forgiveness.forgive(self.key.parts(), limits, self.context.clock.now())
    }

    fn bucket(self: &Arc<Self>, limits: Limits) -> Bucket {
        Bucket::Gated { gate: self.clone(), limits }
    }

    fn lock(&self) -> Locked<'_> {
        Locked::new(self.slot())
    }

    /// Reads the state without keeping the gate awake.
    fn peek<T>(&self, now: i64, look: impl FnOnce(&GateState) -> T) -> T {
        rest::peek(self.slot(), &self.context.kinds, now, look)
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Nothing panics while the lock is held. Even if something did, what the gate knows would still be true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
