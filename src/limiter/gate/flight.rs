//! Carries batches to the store, one at a time, until nothing is left to do.
//!
//! It runs in a task of its own: no caller's drop cancels it. A caller that has given up by the
//! time its batch lands drops the grant that it is sent, which gives it back.

use std::{future::Future, sync::Arc, time::Duration};

use super::{
    super::{
        bucket::Verdict,
        grant::{Amounts, Grant},
    },
    Gate, SettleError, confirm,
    state::{Batch, Seen, Waiter},
};
use crate::{
    error::Unavailable,
    model::{
        BucketState, Create, Guard, LimitName, LimitStatus, Update, WriteId,
        plan::{self, Changes, Wanted},
    },
    store::{Outcome, StoreError, StoreErrorKind},
    telemetry,
};

/// How many races in a row one batch may lose before its requests are told so.
const MOST_RACES: u32 = 50;

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
            state.flying = false;
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
        let mut write = match board(gate, looked) {
            Boarding::Write(write) => write,
            Boarding::Look(batch) => {
                match gate.read().await {
                    Ok(bucket) => {
                        looked = true;
                        let mut state = gate.lock();
                        state.saw(bucket, gate.context.clock.now());
                        state.put_back(batch);
                    }
                    Err(error) => {
                        telemetry::store_call_failed(&gate.key, &error);
                        fail(gate, batch, &Unavailable::Store(error), true);
                    }
                }
                continue;
            }
            Boarding::Rest => {
                // The gate is down, and may have taken off again.
                airborne.landed = true;
                return;
            }
        };
        looked = false;
        match execute(gate, &mut write).await {
            Landing::Applied(state) => {
                races = 0;
                land(gate, write.batch, state);
            }
            Landing::Refused(state) => {
                races += 1;
                looked = true;
                gate.lock().saw_refused(state, gate.context.clock.now());
                if races >= MOST_RACES {
                    races = 0;
                    fail(gate, write.batch, &Unavailable::Contended, true);
                } else {
                    gate.lock().put_back(write.batch);
                    if races > 2 {
                        jitter(races).await;
                    }
                }
            }
            Landing::Busy(error) => {
                races += 1;
                telemetry::store_call_failed(&gate.key, &error);
                if races >= MOST_RACES {
                    races = 0;
                    fail(gate, write.batch, &Unavailable::Store(error), true);
                } else {
                    gate.lock().put_back(write.batch);
                    jitter(races + 2).await;
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
        // Tasks that the verdicts woke may want more of the same bucket: let them board.
        tokio::task::yield_now().await;
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
        let deadline = gate.context.settings.store_deadline;
        match self {
            Self::Update(update) => in_time(deadline, gate.context.store.update(&gate.key, update)).await,
            Self::Create(create) => in_time(deadline, gate.context.store.create(&gate.key, create)).await,
        }
    }
}

/// What a flight does next.
enum Boarding {
    Write(Write),
    /// Finds out whether the bucket of these differences is still there.
    Look(Batch),
    /// Nothing: the gate is down.
    Rest,
}

/// Takes the next batch, answers what is known to be short, and plans the write. `looked`: the
/// store has just shown the bucket.
fn board(gate: &Arc<Gate>, looked: bool) -> Boarding {
    loop {
        let now = gate.context.clock.now();
        let mut denied = Vec::new();
        let mut state = gate.lock();
        let next = state.next(now, gate.context.settings.deny_from_memory, &mut denied);
        let boarding = match next {
            None => {
                state.flying = false;
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
            Some(batch) => {
                let id = gate.context.write_ids.next();
                let wanted = Wanted { limits: batch.wanted.as_deref().unwrap_or_default(), own: batch.own };
                let order = match state.seen.live(now) {
                    Some(known) => Order::Update(Box::new(plan::update(known, &batch.changes, wanted, now, id))),
                    None => Order::Create(Box::new(plan::create(&batch.changes, wanted, now, id))),
                };
                Boarding::Write(Write { batch, order })
            }
        };
        drop(state);
        // Not under the lock: a reply that nobody takes ends up in the gate again.
        for (waiter, statuses) in denied {
            deny(waiter, statuses);
        }
        return boarding;
    }
}

fn deny(waiter: Waiter, statuses: Vec<LimitStatus>) {
    let _ = waiter.reply.send(Verdict::Denied(statuses));
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
    match order.send(gate).await {
        Ok(Outcome::Applied(state)) => Landing::Applied(state),
        // The first one landed after all.
        Ok(Outcome::Refused(Some(state))) if state.last_write.as_ref() == Some(order.id()) => Landing::Applied(state),
        // It may have, before somebody else's write.
        Ok(Outcome::Refused(_)) | Err(_) => Landing::Failed(error),
    }
}

/// A store call that ends in time, one way or another.
pub(super) async fn in_time<T>(
    deadline: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(deadline, call).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::new(StoreErrorKind::Unknown, "the store did not answer in time")),
    }
}

/// Tells everybody whose wish the write has fulfilled.
fn land(gate: &Arc<Gate>, batch: Batch, bucket: BucketState) {
    let now = gate.context.clock.now();
    let mut state = gate.lock();
    let left = |name: &LimitName| {
        let known = bucket.limit(name);
        known.map_or(0, |known| plan::projected(&bucket, known, &Changes::new(), now).tokens)
    };
    let grants: Vec<_> = batch
        .waiters
        .into_iter()
        .map(|waiter| {
            let bucket = gate.bucket(waiter.limits);
            let left: Amounts = bucket.limits().iter().map(|limit| left(limit.name())).collect();
            let grant = Grant::of(bucket, &waiter.amounts, left);
            (waiter.reply, grant)
        })
        .collect();
    state.saw(Some(bucket), now);
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
    telemetry::settlement_dropped(&gate.key, &error.to_string());
    let lost = match error {
        Unavailable::Store(error) => error.clone(),
        other => StoreError::new(StoreErrorKind::NotApplied, other.to_string()),
    };
    confirm(batch.confirmations, &Err(SettleError::Store(lost)));
}

fn drop_pending(gate: &Gate, batch: Batch, reason: &str) {
    if !batch.pending.is_empty() {
        telemetry::settlement_dropped(&gate.key, reason);
    }
    confirm(batch.confirmations, &Err(SettleError::Gone));
}

/// A pause that grows with the lost races, so that the racers spread out.
async fn jitter(races: u32) {
    let most = u64::from(races.min(16)) * 2;
    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=most))).await;
}
