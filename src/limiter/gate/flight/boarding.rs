//! What a flight does next, and for whom.

use std::sync::Arc;

use super::{
    super::{
        super::bucket::Verdict,
        Gate,
        batch::Batch,
        state::{GateState, Seen},
    },
    answer,
    landing::{drop_pending, fail},
    order::{Order, Write},
};
use crate::{
    error::Unavailable,
    model::{
        BucketKey,
        plan::{self, Others},
    },
    telemetry::{self, StoreCall},
};

/// How often in a row what leases take may be refused before it is written whatever else changes the bucket; and before
/// it is written even if tokens have come.
const MOST_REFUSED_TAKES: u32 = 3;
const MOST_REFUSED_OVERDUE: u32 = 10;

/// What a flight does next.
pub(super) enum Boarding {
    Write(Write),
    /// Finds out how the bucket of these differences and requests is by now.
    Look(Batch),
    /// Begins a shard that is missing beside others.
    Begin(Batch),
    /// There was nothing to write.
    Nothing,
}

/// Takes the next batch, answers what is known to be short, and plans the write. `looked`: the
/// store has just shown the bucket.
pub(super) fn board(gate: &Arc<Gate>, looked: bool) -> Boarding {
    loop {
        // Never mint: by a clock that is ahead a live bucket counts as gone, and one that is behind begins a
        // bucket in the past. Any answer tells, to another gate too: so this comes before the time.
        let timeless = gate.context.is_timeless();
        let time = gate.context.now();
        let now = time.at;
        let mut denied = Vec::new();
        let mut state = gate.lock();
        let trusted_for = gate.context.settings.deny_from_memory;
        if let Some(batch) = state.suspended(now, trusted_for) {
            return Boarding::Look(batch);
        }
        let blind = timeless && matches!(state.seen, Seen::Unknown);
        if !looked && !state.queue.is_empty() && blind {
            return Boarding::Look(state.all());
        }
        if let Some(write) = take_anyway(gate, &mut state, now) {
            return Boarding::Write(write);
        }
        let others = gate.others(&state, now);
        let next = state.next(now, trusted_for, &mut denied);
        let boarding = match next {
            None => Boarding::Nothing,
            Some(batch) if batch.wanted.is_none() && state.seen.live(now).is_none() => {
                if !looked {
                    // Unknown, or gone by an image that others may have made old.
                    return Boarding::Look(batch);
                }
                // Differences of a bucket that is gone, and nobody who wants a new one.
                drop(state);
                drop_pending(gate, batch);
                continue;
            }
            Some(batch) if gate.shard_count() > 1 && state.seen.live(now).is_none() => match state.seen {
                Seen::Unknown => Boarding::Look(batch),
                _ => Boarding::Begin(batch),
            },
            Some(batch) => {
                let id = gate.context.write_ids.next();
                let wanted = batch.wanted(others);
                let order = match state.seen.live(now) {
                    Some(known) => {
                        if state.ahead {
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
        drop(state);
        if let Some(since) = doubt {
            gate.context.resolver.doubt(&gate.key, since);
        }
        answer(denied);
        return boarding;
    }
}

/// The write of what leases take that was refused too often: it is done whatever the bucket holds.
fn take_anyway(gate: &Gate, state: &mut GateState, now: i64) -> Option<Write> {
    let most = if gate.context.background.is_closed() { 1 } else { MOST_REFUSED_TAKES };
    state.seen.live(now)?;
    let batch = state.overdue_takes(most)?;
    let plan = if state.takes_refused < MOST_REFUSED_OVERDUE { plan::take_overdue } else { plan::take_anyway };
    let update = plan(state.seen.live(now)?, &batch.changes, now, gate.context.write_ids.next());
    Some(Write { batch, order: Order::Update(Box::new(update)) })
}

/// The write that begins a shard that is missing beside others: empty, because nobody knows whether it
/// has ever been, or full, because it has not been used for longer than it takes to fill. Nothing where
/// there are no others any more.
pub(super) async fn begin(gate: &Arc<Gate>, mut batch: Batch) -> Option<Write> {
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
        for waiter in std::mem::take(&mut batch.waiters) {
            let _ = waiter.reply.send(Verdict::Denied(Vec::new()));
        }
        drop_pending(gate, batch);
        return None;
    }
    if count == 1 {
        gate.lock().put_back(batch);
        return None;
    }
    let now = gate.context.clock.now();
    let mut state = gate.lock();
    let full = matches!(state.seen, Seen::Present(_));
    let wanted = batch.wanted(Others::default());
    let shard = (gate.key.shard, count);
    let create = plan::create_shard(&batch.pending, wanted, shard, full, now, gate.context.write_ids.next());
    // They are decided by what it holds then.
    state.await_turn(std::mem::take(&mut batch.waiters));
    Some(Write { batch, order: Order::Create(Box::new(create)) })
}
