//! The write loop of a gate: writes batches to the store, one at a time, until nothing is left to
//! write.
//!
//! The loop runs in a task of its own. So a caller that is dropped cancels no write, and no request
//! depends on a caller that is not polled. If a caller has given up before its batch is answered,
//! its grant is dropped, which gives the grant back.
//!
//! [`departure`] delays the next write, [`next_step`] takes a batch and plans its write,
//! [`pending_write`] sends the write, [`outcome`] handles the result. [`retry`] bounds what is
//! repeated.

mod departure;
mod next_step;
mod outcome;
mod pending_write;
pub(super) mod retry;

use std::sync::Arc;

use self::retry::MOST_REFUSALS;
use crate::{
    error::Unavailable,
    limiter::gate::{
        gate::Gate,
        pacing,
        split::{SPLIT_AFTER, grow},
        stamps::read_flags,
        state::Seen,
        writer::{
            departure::{gather, pace, put_back_throttled, reject_overdue},
            next_step::{NextStep, begin, next_step, raise, survey},
            outcome::{apply, fail, refuse},
            pending_write::execute,
        },
    },
    store::{StoreErrorKind, WriteOutcome},
    telemetry::{self, Retry},
};

/// Starts the write loop of a gate.
pub(super) fn start(gate: &Arc<Gate>) {
    let lost = gate.clone();
    gate.context
        .background
        .spawn_then(write_all(gate.clone()), move |ended| {
            // If the loop has ended, the gate may have started another one already.
            if !ended {
                clean_up(&lost);
            }
        });
}

/// Cleans up after a write loop whose runtime was shut down.
fn clean_up(gate: &Gate) {
    let mut state = gate.lock();
    state.is_writing = false;
    // Dropping the queue drops the reply senders, which tells the requests that their runtime is
    // gone.
    let queue = std::mem::take(&mut state.queue);
    gate.abandon(state);
    drop(queue);
}

async fn write_all(gate: Arc<Gate>) {
    let gate = &gate;
    let mut refusals = 0;
    // `true` if the store has just shown the bucket, or that there is none.
    let mut looked = false;
    loop {
        if rest(gate) {
            return;
        }
        pace(gate).await;
        // Plan the write after a permit is free: nothing is written for requests that have given up
        // by then.
        let permit = gate.context.permits.take().await;
        if permit.waited {
            reject_overdue(gate);
        }
        if gate.context.gives_up() {
            let batch = gate.lock().all();
            fail(gate, batch, &Unavailable::ShutDown, false);
            continue;
        }
        if let Err(error) = gate.context.check_table().await {
            drop(permit);
            let batch = gate.lock().all();
            fail(
                gate,
                batch,
                &error,
                !matches!(error, Unavailable::Unregistered),
            );
            continue;
        }
        let mut write = match next_step(gate, looked) {
            NextStep::Write(write) => write,
            NextStep::Look(batch) => {
                match gate.read().await {
                    Ok(bucket) => {
                        looked = true;
                        gate.learn(bucket.as_ref());
                        let mut state = gate.lock();
                        gate.miss(&state, bucket.as_ref());
                        state.put_back(batch);
                        state.was_shown(bucket, gate.context.now());
                    }
                    Err(error) if error.is_busy() && refusals < MOST_REFUSALS => {
                        refusals += 1;
                        put_back_throttled(gate, batch);
                    }
                    Err(error) => {
                        telemetry::store_call_failed(&gate.key, &error);
                        fail(gate, batch, &Unavailable::Store(error), true);
                    }
                }
                continue;
            }
            NextStep::Begin(batch) => match begin(gate, batch).await {
                Some(write) => write,
                None => continue,
            },
            NextStep::Raise(batch, known) => {
                raise(gate, batch, *known).await;
                continue;
            }
            NextStep::Survey(batch, limits) => {
                survey(gate, batch, &limits).await;
                continue;
            }
            NextStep::ReadFlags => {
                drop(permit);
                read_flags(gate).await;
                continue;
            }
            NextStep::Nothing => continue,
        };
        looked = false;
        // The number of tasks that this write wakes at once.
        let mut woken = 0;
        let begun = pacing::now();
        let outcome = execute(gate, &mut write).await;
        drop(permit);
        if outcome.is_ok() {
            gate.context.write_ended(true);
        }
        match outcome {
            Ok(WriteOutcome::Applied(state)) => {
                refusals = 0;
                woken = write.batch.waiters.len().max(1);
                gate.context.round_trip.took(begun.elapsed());
                let covered = std::mem::take(&mut write.batch.siblings.covered);
                let sessions = write.pending_write.opened();
                apply(gate, write, state);
                gate.spread(sessions);
                if !covered.is_empty() {
                    gate.take_share(&covered).await;
                }
                grow(gate, false).await;
            }
            Ok(WriteOutcome::Refused(state)) => {
                telemetry::store_retried(Retry::Condition);
                looked = true;
                gate.context.round_trip.took(begun.elapsed());
                gate.learn(state.as_ref());
                refuse(gate, write, state);
            }
            Err(error) if error.is_busy() => {
                telemetry::store_retried(Retry::Busy);
                refusals += 1;
                telemetry::store_call_failed(&gate.key, &error);
                if refusals >= MOST_REFUSALS {
                    refusals = 0;
                    fail(gate, write.batch, &Unavailable::Store(error), true);
                } else {
                    let hot = error.kind() == StoreErrorKind::HotKey;
                    let throttled = put_back_throttled(gate, write.batch);
                    if hot && throttled >= SPLIT_AFTER {
                        grow(gate, true).await;
                    }
                }
            }
            Err(error) => {
                telemetry::store_call_failed(&gate.key, &error);
                let keep = error.is_not_applied() && error.kind() != StoreErrorKind::Corrupt;
                if !error.is_not_applied() {
                    let mut state = gate.lock();
                    state.seen = Seen::Unknown;
                    state.others.forget();
                }
                fail(gate, write.batch, &Unavailable::Store(error), keep);
            }
        }
        if woken != 1 {
            gather(gate, woken, begun.elapsed()).await;
        }
    }
}

/// Ends the loop if there is nothing to write. Returns `true` if the loop is over.
fn rest(gate: &Gate) -> bool {
    let mut state = gate.lock();
    if state.has_work() {
        return false;
    }
    state.is_writing = false;
    state.rest(&gate.context.interner, gate.context.clock.now());
    true
}
