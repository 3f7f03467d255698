//! Decides the next step of a write loop, and for which requests.

use std::sync::Arc;

use super::retry::{MOST_REFUSED_OVERDUE, MOST_REFUSED_TAKES};
use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            batch::Batch,
            gate::Gate,
            stamps::{StampStep, refuse_all},
            state::{GateState, Seen},
            writer::{
                outcome::{drop_pending, fail},
                pending_write::{PendingWrite, Write},
            },
        },
        terms::BucketDecision,
    },
    model::{
        BucketKey, BucketState, Create, Limit, Limits,
        plan::{self, Others},
    },
    telemetry::{self, StoreCall},
};

/// The next step of a write loop.
pub(super) enum NextStep {
    Write(Write),
    /// Reads the bucket again before anything is decided for this batch.
    Look(Batch),
    /// Creates a shard that is missing although other shards exist.
    Begin(Batch),
    /// Corrects the number of shards in this shard's item.
    Raise(Batch, Box<BucketState>),
    /// Reads the other shards, because a quota is added to this one.
    Survey(Batch, Limits),
    /// Reads the stored configs, to renew the bucket's stamps.
    ReadFlags,
    /// There is nothing to write.
    Nothing,
}

/// Takes the next batch, answers the requests that are known not to fit, and plans the write.
/// `looked` is `true` if the store has just shown the bucket.
pub(super) fn next_step(gate: &Arc<Gate>, looked: bool) -> NextStep {
    loop {
        // Never mint tokens. With a clock that is ahead, a live bucket looks expired. With a clock
        // that is behind, a new bucket begins in the past. Any answer of the store, to another gate
        // too, shows how far the clock is off, and may come at any time. So check this before the
        // time is read.
        let timeless = gate.context.is_timeless();
        let time = gate.context.now();
        let now = time.at;
        let mut denied = Vec::new();
        let sessions = gate.sessions_elsewhere(now);
        let mut state = gate.lock();
        let trusted_for = gate.context.settings.deny_from_memory;
        if let Some(batch) = state.suspended(now, trusted_for) {
            return NextStep::Look(batch);
        }
        if state.has_work()
            && let Some(known) = state.seen.live(now)
            && gate.raises_to(known).is_some()
        {
            let known = Box::new(known.clone());
            return NextStep::Raise(state.all(), known);
        }
        let blind = timeless && matches!(state.seen, Seen::Unknown);
        if !looked && !state.queue.is_empty() && blind {
            return NextStep::Look(state.all());
        }
        if let Some(write) = take_anyway(gate, &mut state, now) {
            return NextStep::Write(write);
        }
        match state.stamp_step(now, || gate.context.write_ids.next()) {
            None => {}
            Some(StampStep::Read) => return NextStep::ReadFlags,
            Some(StampStep::Write(update)) => {
                return NextStep::Write(Write {
                    batch: Batch::default(),
                    pending_write: PendingWrite::Update(update),
                });
            }
            Some(StampStep::Refuse(level)) => {
                drop(state);
                refuse_all(gate, level);
                continue;
            }
        }
        if !looked && state.is_in_another_zone(now) {
            // Somebody may have moved the bucket's limits into the other time zone.
            return NextStep::Look(state.all());
        }
        let others = gate.others(&state, now);
        let newer = state.follow(now);
        let newer = state.refuse_zones(now, &mut denied).or(newer);
        if state.asks_too_much(now) {
            if !looked && matches!(state.seen, Seen::Unknown) {
                return NextStep::Look(state.all());
            }
            state.deny_misfits(now, &mut denied);
        }
        let next = state.next(now, trusted_for, &mut denied);
        let next = match next {
            None => NextStep::Nothing,
            Some(batch) if batch.limits.is_none() && state.seen.live(now).is_none() => {
                if !looked {
                    // The bucket is unknown; or the last image has expired, but other processes may
                    // have written since.
                    return NextStep::Look(batch);
                }
                // The bucket is gone, and nobody asks for a new one.
                drop(state);
                drop_pending(gate, batch);
                continue;
            }
            Some(batch) if gate.shard_count() > 1 && state.seen.live(now).is_none() => {
                match state.seen {
                    Seen::Unknown => NextStep::Look(batch),
                    _ => NextStep::Begin(batch),
                }
            }
            Some(mut batch) => {
                let surveyed = state.surveyed.take();
                if gate.shard_count() > 1
                    && let Some(known) = state.seen.live(now)
                {
                    match (lacks_a_quota(known, &batch), surveyed) {
                        (Some(limits), None) => {
                            drop(state);
                            return NextStep::Survey(batch, limits);
                        }
                        (Some(_), Some(surveyed)) => batch.siblings = *surveyed,
                        (None, _) => batch.siblings.sessions = sessions,
                    }
                }
                let id = gate.context.write_ids.next();
                let desired = batch.desired(others, gate.context.settings.bucket_ttl);
                let pending_write = match state.seen.live(now) {
                    Some(known) => {
                        if state.refill_in_future {
                            telemetry::refill_time_ahead(
                                &gate.key,
                                known.refilled_at.saturating_sub(now),
                            );
                        }
                        PendingWrite::Update(Box::new(plan::update(
                            known,
                            &batch.changes,
                            desired,
                            time,
                            id,
                        )))
                    }
                    None => {
                        let create = plan::create(&batch.changes, desired, now, id);
                        PendingWrite::Create(Box::new(stamped(create, &mut state)))
                    }
                };
                NextStep::Write(Write {
                    batch,
                    pending_write,
                })
            }
        };
        drop(state);
        if let Some(version) = newer {
            gate.context.resolver.refresh_older(&gate.key, version);
        }
        for (waiter, decision) in denied {
            waiter.answer(decision);
        }
        return next;
    }
}

/// Returns the limits of a batch, if the shard lacks one of them that is a quota.
fn lacks_a_quota(known: &BucketState, batch: &Batch) -> Option<Limits> {
    let limits = batch.limits.as_ref()?;
    let lacks = |limit: &Limit| limit.is_quota() && known.limit(limit.name()).is_none();
    limits.iter().any(lacks).then(|| limits.clone())
}

/// Corrects the number of shards in this shard's item before a batch is planned.
pub(super) async fn raise(gate: &Arc<Gate>, batch: Batch, known: BucketState) {
    match gate.raise(known).await {
        Ok(()) => gate.lock().put_back(batch),
        Err(error) => {
            telemetry::store_call_failed(&gate.key, &error);
            fail(gate, batch, &Unavailable::Store(error), true);
        }
    }
}

/// Reads the other shards for a batch that adds a quota to this shard. The next step adds it.
pub(super) async fn survey(gate: &Arc<Gate>, batch: Batch, limits: &Limits) {
    match gate.survey(limits, gate.shard_count()).await {
        Ok(siblings) => {
            let mut state = gate.lock();
            state.surveyed = Some(Box::new(siblings));
            state.put_back(batch);
        }
        Err(error) => {
            telemetry::store_call_failed(&gate.key, &error);
            fail(gate, batch, &Unavailable::Store(error), true);
        }
    }
}

/// Returns the creation with the stamps that the configs say, if they were read for it.
fn stamped(create: Create, state: &mut GateState) -> Create {
    match state.take_fresh_flags() {
        Some(fresh) => create.with_stamps(fresh.stamps()),
        None => create,
    }
}

/// Returns the write that takes tokens for settled leases, if it was refused too often. Such a
/// write is done even if the bucket does not hold the tokens.
fn take_anyway(gate: &Gate, state: &mut GateState, now: i64) -> Option<Write> {
    let most = if gate.context.background.is_closed() {
        1
    } else {
        MOST_REFUSED_TAKES
    };
    state.seen.live(now)?;
    let batch = state.overdue_takes(most)?;
    let plan = if state.takes_refused < MOST_REFUSED_OVERDUE {
        plan::take_overdue
    } else {
        plan::take_anyway
    };
    let update = plan(
        state.seen.live(now)?,
        &batch.changes,
        now,
        gate.context.write_ids.next(),
    );
    Some(Write {
        batch,
        pending_write: PendingWrite::Update(Box::new(update)),
    })
}

/// Returns the write that creates a shard that is missing although other shards exist. A shard that
/// was never seen begins empty, because its tokens may be spent already. A shard that was seen and
/// has expired begins full, because it was unused for longer than it takes to fill. A quota begins
/// with its share of the period, unless another shard holds that. Returns `None` if there are no
/// other shards any more, or a read fails.
pub(super) async fn begin(gate: &Arc<Gate>, mut batch: Batch) -> Option<Write> {
    // The first shard says how many shards there are. If the bucket of this gate is the first
    // shard, ask the second shard.
    let witness = BucketKey {
        shard: u32::from(gate.key.shard == 0),
        ..gate.key.clone()
    };
    let read = gate
        .call(StoreCall::Read, gate.context.store.read(&witness))
        .await;
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
        // There is no such shard, so its requests are denied.
        for waiter in std::mem::take(&mut batch.waiters) {
            waiter.answer(BucketDecision::Denied(Vec::new()));
        }
        drop_pending(gate, batch);
        return None;
    }
    if count == 1 {
        gate.lock().put_back(batch);
        return None;
    }
    if let Some(limits) = batch
        .limits
        .clone()
        .filter(|limits| limits.iter().any(Limit::is_quota))
    {
        batch.siblings = match gate.survey(&limits, count).await {
            Ok(siblings) => siblings,
            Err(error) => {
                telemetry::store_call_failed(&gate.key, &error);
                fail(gate, batch, &Unavailable::Store(error), true);
                return None;
            }
        };
    }
    let now = gate.context.clock.now();
    let mut state = gate.lock();
    let full = matches!(state.seen, Seen::Present(_));
    let desired = batch.desired(Others::default(), gate.context.settings.bucket_ttl);
    let shard = (gate.key.shard, count);
    let create = plan::create_shard(
        &batch.pending,
        desired,
        shard,
        full,
        now,
        gate.context.write_ids.next(),
    );
    let create = stamped(create, &mut state);
    // The contents of the new shard decide these requests.
    state.await_turn(std::mem::take(&mut batch.waiters));
    Some(Write {
        batch,
        pending_write: PendingWrite::Create(Box::new(create)),
    })
}
