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
    landing::{fail, land, lose},
    order::{Landing, execute},
};
use super::{
    super::bucket::Verdict,
    Gate,
    growth::grow,
    state::{Seen, Waiter},
};
use crate::{
    error::Unavailable,
    store::StoreErrorKind,
    telemetry::{self, Retry},
};

/// How many races in a row one batch may lose before its requests are told so.
const MOST_RACES: u32 = 50;

/// How often in a row the store may refuse a write for now before the bucket is split.
const THROTTLED: u32 = 3;

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
                gate.lock().pace.landed(begun, Instant::now());
                if woken == 1 {
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
                    let refused = {
                        let mut state = gate.lock();
                        state.put_back(write.batch);
                        state.pace.throttled(begun, Instant::now())
                    };
                    if refused >= THROTTLED {
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
