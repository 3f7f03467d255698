//! Carries batches to the store, one at a time, until nothing is left to do.
//!
//! It runs in a task of its own, or is [carried](super::super::carried) by the caller of its only request:
//! no caller's drop cancels it. A caller that has given up by the time its batch lands drops the grant that
//! it is sent, which gives it back.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    super::{
        bucket::Verdict,
        grant::{Amounts, Grant},
    },
    Gate, SettleError, confirm,
    growth::grow,
    state::{Batch, Flight, Seen, Waiter},
};
use crate::{
    error::Unavailable,
    model::{
        BucketKey, BucketState, Create, Guard, LimitName, Limits, Update, WriteId,
        plan::{self, Changes, Wanted},
    },
    store::{Outcome, StoreError, StoreErrorKind},
    telemetry::{self, Answer, Dropped, Retry, StoreCall},
};

/// How many races in a row one batch may lose before its requests are told so.
const MOST_RACES: u32 = 50;

/// How often in a row the store may refuse a write for now before the bucket is split.
const THROTTLED: u32 = 3;

/// Who was woken together boards together within this part of the last round trip.
const GATHER: u32 = 4;

/// How often in a row pending differences are tried before they are dropped.
const MOST_FAILURES: u32 = 10;

/// The step of the pauses between these tries, where differences are to be written at once.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// Puts the gate down if the flight ends before it has landed, or before it has begun: its runtime
/// was shut down.
pub(super) struct Airborne {
    gate: Arc<Gate>,
    landed: bool,
}

impl Airborne {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self { gate, landed: false }
    }
}

impl Drop for Airborne {
    fn drop(&mut self) {
        if !self.landed {
            let mut state = self.gate.lock();
            state.flight = Flight::None;
            // Their senders go: whoever waits is told that the limiter was shut down.
            let queue = std::mem::take(&mut state.queue);
            self.gate.abandon(state);
            drop(queue);
        }
    }
}

pub(super) async fn fly(mut airborne: Airborne) {
    let gate = &airborne.gate.clone();
    let mut races = 0;
    // Whether the store has just shown the bucket, or that there is none.
    let mut looked = false;
    loop {
        pace(gate).await;
        let begun = Instant::now();
        let mut write = match board(gate, looked) {
            Boarding::Write(write) => write,
            Boarding::Look(batch) => {
                match gate.read().await {
                    Ok(bucket) => {
                        looked = true;
                        gate.learn(bucket.as_ref());
                        let mut state = gate.lock();
                        state.pace.looked(begun, Instant::now());
                        state.was_shown(bucket, gate.context.now());
                        state.put_back(batch);
                    }
                    Err(error) if error.kind() == StoreErrorKind::Busy && races < MOST_RACES => {
                        races += 1;
                        let mut state = gate.lock();
                        state.pace.throttled(begun, Instant::now());
                        state.put_back(batch);
                    }
                    Err(error) => {
                        telemetry::store_call_failed(&gate.key, &error);
                        fail(gate, batch, &Unavailable::Store(error), true);
                    }
                }
                continue;
            }
            Boarding::Begin(batch) => match begin(gate, batch).await {
                Some(write) => write,
                None => continue,
            },
            Boarding::Rest => {
                // The gate is down, and may have taken off again.
                airborne.landed = true;
                return;
            }
        };
        looked = false;
        // How many, all at once.
        let mut woken = 0;
        match execute(gate, &mut write).await {
            Landing::Applied(state) => {
                races = 0;
                woken = write.batch.waiters.len().max(1);
                let carried = {
                    let mut state = gate.lock();
                    state.pace.landed(begun, Instant::now());
                    matches!(state.flight, Flight::Carried(_))
                };
                if woken == 1 && !carried {
                    // The connection's task is to run next. To be overtaken by the one that is woken here
                    // would wake another thread for it.
                    tokio::task::yield_now().await;
                }
                land(gate, write.batch, state);
                grow(gate, false).await;
            }
            Landing::Refused(state) => {
                telemetry::store_retried(Retry::Condition);
                races += 1;
                looked = true;
                gate.learn(state.as_ref());
                lose(gate, state, begun, races);
                if races >= MOST_RACES {
                    races = 0;
                    fail(gate, write.batch, &Unavailable::Contended, true);
                } else {
                    gate.lock().put_back(write.batch);
                }
            }
            Landing::Busy(error) => {
                telemetry::store_retried(Retry::Busy);
                races += 1;
                telemetry::store_call_failed(&gate.key, &error);
                if races >= MOST_RACES {
                    races = 0;
                    fail(gate, write.batch, &Unavailable::Store(error), true);
                } else {
                    {
                        let mut state = gate.lock();
                        state.pace.throttled(begun, Instant::now());
                        state.put_back(write.batch);
                    }
                    if races >= THROTTLED {
                        grow(gate, true).await;
                    }
                }
            }
            Landing::Failed(error) => {
                telemetry::store_call_failed(&gate.key, &error);
                let keep = error.kind() == StoreErrorKind::NotApplied;
                if !error.is_not_applied() {
                    gate.lock().seen = Seen::Unknown;
                }
                fail(gate, write.batch, &Unavailable::Store(error), keep);
            }
        }
        if woken != 1 {
            gather(gate, woken, begun.elapsed() / GATHER).await;
        }
    }
}

/// Tasks that verdicts have woken together may want more of the same bucket: lets them board together, with
/// those who wait already, as long as more of them come and not for longer than `most`. Otherwise those who
/// come first take off alone, the others wait for the flight after that, and they never meet again.
async fn gather(gate: &Gate, woken: usize, most: Duration) {
    let until = Instant::now() + most;
    let mut waiting = gate.lock().queue.len();
    let all = waiting.saturating_add(woken);
    loop {
        tokio::task::yield_now().await;
        let before = std::mem::replace(&mut waiting, gate.lock().queue.len());
        if waiting <= before || waiting >= all || Instant::now() >= until {
            return;
        }
    }
}

/// Waits until the next flight is worth it.
async fn pace(gate: &Gate) {
    if let Some(wait) = thin_out(gate) {
        gate.context.background.pause(wait).await;
    }
}

/// How long the next flight has to wait, if it has: without the requests that cannot.
fn thin_out(gate: &Gate) -> Option<Duration> {
    let mut denied = Vec::new();
    let mut state = gate.lock();
    let wait = state.pace.wait(Instant::now());
    if wait.is_zero() {
        return None;
    }
    state.thin_out(gate.context.clock.now(), &mut denied);
    drop(state);
    answer(denied);
    Some(wait)
}

/// Not under the lock: a reply that nobody takes ends up in the gate again.
fn answer(verdicts: Vec<(Waiter, Verdict)>) {
    for (waiter, verdict) in verdicts {
        let _ = waiter.reply.send(verdict);
    }
}

/// A batch and the write that serves it.
struct Write {
    batch: Batch,
    order: Order,
}

/// A write that can be sent again without being done twice.
enum Order {
    Update(Box<Update>),
    Create(Box<Create>),
}

impl Order {
    fn id(&self) -> &WriteId {
        match self {
            Self::Update(update) => &update.id,
            Self::Create(create) => &create.id,
        }
    }

    /// A create needs no guard: if it has landed, there is a bucket.
    fn guard(&mut self) {
        if let Self::Update(update) = self {
            update.guard = Guard::NotLanded(update.id.clone());
        }
    }

    async fn send(&self, gate: &Gate) -> Result<Outcome, StoreError> {
        match self {
            Self::Update(update) => gate.call(StoreCall::Update, gate.context.store.update(&gate.key, update)).await,
            Self::Create(create) => gate.call(StoreCall::Create, gate.context.store.create(&gate.key, create)).await,
        }
    }
}

/// What a flight does next.
enum Boarding {
    Write(Write),
    /// Finds out how the bucket of these differences and requests is by now.
    Look(Batch),
    /// Begins a shard that is missing beside others.
    Begin(Batch),
    /// Nothing: the gate is down.
    Rest,
}

/// Takes the next batch, answers what is known to be short, and plans the write. `looked`: the
/// store has just shown the bucket.
fn board(gate: &Arc<Gate>, looked: bool) -> Boarding {
    loop {
        let time = gate.context.now();
        let now = time.at;
        let mut denied = Vec::new();
        let mut state = gate.lock();
        let trusted_for = gate.context.settings.deny_from_memory;
        if let Some(batch) = state.suspended(now, trusted_for) {
            return Boarding::Look(batch);
        }
        if !looked && !state.queue.is_empty() && state.pace.is_stale(Instant::now()) {
            return Boarding::Look(state.all());
        }
        let next = state.next(now, trusted_for, &mut denied);
        let boarding = match next {
            None => {
                state.flight = Flight::None;
                Boarding::Rest
            }
            Some(batch) if batch.wanted.is_none() && state.seen.live(now).is_none() => {
                if !looked {
                    // Unknown, or gone by an image that others may have made old.
                    return Boarding::Look(batch);
                }
                // Differences of a bucket that is gone, and nobody who wants a new one.
                drop(state);
                drop_pending(gate, batch, "the bucket is gone");
                continue;
            }
            Some(batch) if gate.shard_count() > 1 && state.seen.live(now).is_none() => match state.seen {
                Seen::Unknown => Boarding::Look(batch),
                _ => Boarding::Begin(batch),
            },
            Some(batch) => {
                let id = gate.context.write_ids.next();
                let wanted = Wanted {
                    limits: batch.wanted.as_deref().unwrap_or_default(),
                    own: batch.own,
                    lineage: batch.lineage.as_deref(),
                    crowd: state.pace.is_crowded(),
                };
                let order = match state.seen.live(now) {
                    Some(known) => {
                        if state.is_ahead() {
                            telemetry::refill_time_ahead(&gate.key, known.refilled_at.saturating_sub(now));
                        }
                        Order::Update(Box::new(plan::update(known, &batch.changes, wanted, time, id)))
                    }
                    None => Order::Create(Box::new(plan::create(&batch.changes, wanted, now, id))),
                };
                Boarding::Write(Write { batch, order })
            }
        };
        let doubt = state.take_doubt();
        if matches!(boarding, Boarding::Rest) {
            state.settle(&gate.context.kinds, now);
        }
        drop(state);
        if let Some(since) = doubt {
            gate.context.resolver.doubt(&gate.key, since);
        }
        answer(denied);
        return boarding;
    }
}

/// The write that begins a shard that is missing beside others: empty, because nobody knows whether it
/// has ever been, or full, because it has not been used for longer than it takes to fill. Nothing where
/// there are no others any more.
async fn begin(gate: &Arc<Gate>, mut batch: Batch) -> Option<Write> {
    // The first shard says how many there are; where it is missing itself, the second one does.
    let witness = BucketKey { shard: u32::from(gate.key.shard == 0), ..gate.key.clone() };
    let read = gate.call(StoreCall::Read, gate.context.store.read(&witness)).await;
    let witness = match read {
        Ok(found) => found.filter(|state| !state.is_expired(gate.context.clock.now())),
        Err(error) => {
            telemetry::store_call_failed(&gate.key, &error);
            fail(gate, batch, &Unavailable::Store(error), true);
            return None;
        }
    };
    let count = witness.map_or(1, |state| state.shard_count);
    gate.set_shards(count);
    if count <= gate.key.shard {
        // There is no such shard: nobody gets anything from it.
        for waiter in batch.waiters {
            let _ = waiter.reply.send(Verdict::Denied(Vec::new()));
        }
        if !batch.pending.is_empty() {
            telemetry::settlement_dropped(&gate.key, Dropped::Gone, "the bucket is gone");
        }
        confirm(batch.confirmations, &Err(SettleError::Gone));
        return None;
    }
    if count == 1 {
        gate.lock().put_back(batch);
        return None;
    }
    let now = gate.context.clock.now();
    let mut state = gate.lock();
    let full = matches!(state.seen, Seen::Present(_));
    let wanted = Wanted {
        limits: batch.wanted.as_deref().unwrap_or_default(),
        own: batch.own,
        lineage: batch.lineage.as_deref(),
        crowd: false,
    };
    let shard = (gate.key.shard, count);
    let create = plan::create_shard(&batch.pending, wanted, shard, full, now, gate.context.write_ids.next());
    // They are decided by what it holds then.
    state.await_turn(std::mem::take(&mut batch.waiters));
    Some(Write { batch, order: Order::Create(Box::new(create)) })
}

/// How a write ended.
enum Landing {
    Applied(BucketState),
    Refused(Option<BucketState>),
    Busy(StoreError),
    Failed(StoreError),
}

async fn execute(gate: &Gate, write: &mut Write) -> Landing {
    let order = &mut write.order;
    let error = match order.send(gate).await {
        Ok(Outcome::Applied(state)) => return Landing::Applied(state),
        Ok(Outcome::Refused(state)) => return Landing::Refused(state),
        Err(error) => error,
    };
    match error.kind() {
        StoreErrorKind::Busy => return Landing::Busy(error),
        StoreErrorKind::Unknown => {}
        _ => return Landing::Failed(error),
    }
    if write.batch.changes.iter().any(|change| change.give > 0) {
        // Never mint: what is given back is not sent twice. A look tells whether it has landed.
        return match gate.read().await {
            Ok(Some(state)) if state.last_write.as_ref() == Some(order.id()) => Landing::Applied(state),
            _ => Landing::Failed(error),
        };
    }
    order.guard();
    telemetry::store_retried(Retry::LostAnswer);
    match order.send(gate).await {
        Ok(Outcome::Applied(state)) => Landing::Applied(state),
        // The first one landed after all.
        Ok(Outcome::Refused(Some(state))) if state.last_write.as_ref() == Some(order.id()) => Landing::Applied(state),
        // It may have, before somebody else's write.
        Ok(Outcome::Refused(_)) | Err(_) => Landing::Failed(error),
    }
}

impl Gate {
    /// A store call that ends in time, one way or another.
    pub(super) async fn call<T: Answer>(
        &self,
        which: StoreCall,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        which.watch(&self.key.resource, self.context.in_time(call)).await
    }
}

/// Notes that a condition has failed, for the `races`th time in a row, and what the bucket is instead.
fn lose(gate: &Gate, bucket: Option<BucketState>, begun: Instant, races: u32) {
    let mut state = gate.lock();
    // Not where the bucket is short and was asked all the same, or was not known.
    if matches!((&state.seen, &bucket), (Seen::Present(seen), Some(bucket)) if seen.was_changed(bucket)) {
        state.pace.lost(begun, Instant::now(), races);
    }
    state.was_shown(bucket, gate.context.now());
}

/// Tells everybody whose wish the write has fulfilled.
fn land(gate: &Arc<Gate>, batch: Batch, bucket: BucketState) {
    let time = gate.context.now();
    let now = time.at;
    let mut state = gate.lock();
    let left = |name: &LimitName| {
        let known = bucket.limit(name);
        known.map_or(0, |known| plan::projected(&bucket, known, &Changes::new(), now).tokens)
    };
    // Mostly they have the same limits.
    let mut last: Option<(Limits, Amounts)> = None;
    let grants: Vec<_> = batch
        .waiters
        .into_iter()
        .map(|waiter| {
            let left = match &last {
                Some((limits, left)) if limits.same(&waiter.limits) => left.clone(),
                _ => {
                    let left: Amounts = waiter.limits.iter().map(|limit| left(limit.name())).collect();
                    last = Some((waiter.limits.clone(), left.clone()));
                    left
                }
            };
            let bucket = gate.bucket(waiter.limits);
            let grant = if batch.bypassed { Grant::bypassed } else { Grant::of };
            let grant = grant(bucket, &waiter.amounts, left);
            (waiter.reply, grant)
        })
        .collect();
    gate.learn(Some(&bucket));
    state.saw(Some(bucket), time);
    state.failures = 0;
    drop(state);
    for (reply, grant) in grants {
        // Nobody waits for it any more: dropping it gives it back.
        let _ = reply.send(Verdict::Granted(grant));
    }
    confirm(batch.confirmations, &Ok(()));
}

/// Tells a batch's requests that there was no decision, and keeps its differences for later
/// where that is safe.
fn fail(gate: &Arc<Gate>, batch: Batch, error: &Unavailable, keep: bool) {
    for waiter in batch.waiters {
        let _ = waiter.reply.send(Verdict::Unavailable(error.clone()));
    }
    if batch.pending.is_empty() && batch.confirmations.is_empty() {
        return;
    }
    let mut state = gate.lock();
    if !state.flush_due {
        // Requests that fail meanwhile do not count: only the settlements' own tries do.
        state.failures += 1;
    }
    let give_up = state.failures >= MOST_FAILURES || (gate.context.background.is_closed() && state.failures > 1);
    if keep && !give_up {
        state.keep_pending(batch.pending, batch.confirmations);
        // Not at once: the flight would turn in circles while the store is down.
        let step = gate.context.settings.flush_after.max(LEAST_PAUSE);
        let pause = step.saturating_mul(2u32.saturating_pow(state.failures.min(6)));
        gate.flush_later(state, pause);
        return;
    }
    state.failures = 0;
    drop(state);
    telemetry::settlement_dropped(&gate.key, Dropped::Store, &error.to_string());
    let lost = match error {
        Unavailable::Store(error) => error.clone(),
        other => StoreError::new(StoreErrorKind::NotApplied, other.to_string()),
    };
    confirm(batch.confirmations, &Err(SettleError::Store(lost)));
}

fn drop_pending(gate: &Gate, batch: Batch, reason: &str) {
    if !batch.pending.is_empty() {
        telemetry::settlement_dropped(&gate.key, Dropped::Gone, reason);
    }
    confirm(batch.confirmations, &Err(SettleError::Gone));
}
