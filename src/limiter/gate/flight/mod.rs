//! Carries batches to the store, one at a time, until nothing is left to do.
//!
//! It runs in a task of its own: no caller's drop cancels it, and nobody depends on a caller that is not
//! polled. A caller that has given up by the time its batch lands drops the grant that
//! it is sent, which gives it back.
//!
//! [`boarding`] takes a batch and plans its write, [`order`] sends it, [`landing`] says what came of it.

mod boarding;
mod landing;
mod order;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use self::{
    boarding::{Boarding, begin, board},
    landing::{fail, land, refuse},
    order::execute,
};
use super::{
    super::bucket::Verdict,
    Gate,
    growth::grow,
    state::{Seen, Waiter},
};
use crate::{
    error::Unavailable,
    store::{Outcome, StoreErrorKind},
    telemetry::{self, Retry},
};

/// How often in a row the store may throttle a hot key before its bucket is split.
const THROTTLED: u32 = 3;

/// How often in a row a call may be refused for now before those who wait are told so.
const MOST_REFUSALS: u32 = 50;

/// Who was woken together boards together within this part of the last round trip.
const GATHER: u32 = 4;

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
    let mut refusals = 0;
    // Whether the store has just shown the bucket, or that there is none.
    let mut looked = false;
    loop {
        if rest(gate) {
            // The gate is down, and may have taken off again.
            airborne.landed = true;
            return;
        }
        pace(gate).await;
        // What to write is decided once there is a place: who has given up by then is not written for.
        let place = gate.context.places.take().await;
        if place.waited {
            reject_overdue(gate);
        }
        if gate.context.gives_up() {
            let batch = gate.lock().all();
            fail(gate, batch, &Unavailable::ShutDown, false);
            continue;
        }
        if let Err(error) = gate.context.check_table().await {
            drop(place);
            let batch = gate.lock().all();
            fail(gate, batch, &error, !matches!(error, Unavailable::Unregistered));
            continue;
        }
        let mut write = match board(gate, looked) {
            Boarding::Write(write) => write,
            Boarding::Look(batch) => {
                match gate.read().await {
                    Ok(bucket) => {
                        looked = true;
                        gate.learn(bucket.as_ref());
                        let mut state = gate.lock();
                        gate.miss(&state, bucket.as_ref());
                        state.was_shown(bucket, gate.context.now());
                        state.put_back(batch);
                    }
                    Err(error) if error.is_busy() && refusals < MOST_REFUSALS => {
                        refusals += 1;
                        let mut state = gate.lock();
                        state.pace.throttled(gate.context.round_trip.mean(), Instant::now());
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
            Boarding::Nothing => continue,
        };
        looked = false;
        // How many, all at once.
        let mut woken = 0;
        let begun = Instant::now();
        let landing = execute(gate, &mut write).await;
        drop(place);
        if landing.is_ok() {
            gate.context.flew(true);
        }
        match landing {
            Ok(Outcome::Applied(state)) => {
                refusals = 0;
                woken = write.batch.waiters.len().max(1);
                gate.context.round_trip.took(begun.elapsed());
                land(gate, write, state);
                grow(gate, false).await;
            }
            Ok(Outcome::Refused(state)) => {
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
                    let throttled = {
                        let mut state = gate.lock();
                        state.put_back(write.batch);
                        state.pace.throttled(gate.context.round_trip.mean(), Instant::now())
                    };
                    if hot && throttled >= THROTTLED {
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
            gather(gate, woken, begun.elapsed() / GATHER).await;
        }
    }
}

/// Ends the flight if there is nothing to write.
fn rest(gate: &Gate) -> bool {
    let mut state = gate.lock();
    if state.has_work() {
        return false;
    }
    state.flying = false;
    state.settle(&gate.context.kinds, gate.context.clock.now());
    true
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

/// Waits until the next write is worth it. Nobody waits past a deadline: a write that somebody needs departs
/// early enough for it, or if the store throttles, who needs it earlier is told so.
async fn pace(gate: &Gate) {
    let now = Instant::now();
    let mut late = Vec::new();
    let departs = {
        let mut state = gate.lock();
        let Some(departs) = state.pace.departs(now) else { return };
        let round_trip = gate.context.round_trip.mean();
        if state.pace.is_throttled(now) {
            late = state.overdue(departs + round_trip, Unavailable::Throttled { retry_after: departs - now });
            departs
        } else {
            let first = state.queue.iter().filter_map(|waiter| waiter.until).min();
            let last_call = first.and_then(|until| until.checked_sub(round_trip * 2));
            last_call.map_or(departs, |last_call| departs.min(last_call))
        }
    };
    answer(late);
    let wait = departs.saturating_duration_since(now);
    if !wait.is_zero() {
        gate.context.background.pause(wait).await;
    }
}

/// Tells those whose deadline comes before a write can be back that there is no decision: it would be done for
/// nobody.
fn reject_overdue(gate: &Gate) {
    let back = Instant::now() + gate.context.round_trip.mean() / 2;
    let late = gate.lock().overdue(back, Unavailable::Deadline);
    answer(late);
}

/// Not under the lock: a reply that nobody takes ends up in the gate again.
fn answer(verdicts: Vec<(Waiter, Verdict)>) {
    for (waiter, verdict) in verdicts {
        let _ = waiter.reply.send(verdict);
    }
}
