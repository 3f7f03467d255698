//! When the next write departs, and which requests it is too late for.

use std::time::Duration;

use crate::{
    error::Unavailable,
    limiter::gate::{batch::Batch, gate::Gate, pacing},
};

/// The part of the last round trip, as its divisor, for which the loop waits for requests of the
/// tasks that it has woken.
const GATHER: u32 = 4;

/// Waits for tasks that decisions have woken together and that may ask for the same bucket again,
/// so that the next write carries all their requests and those in the queue. Waits while more
/// requests come, and at most for a part of `last`, the time that the last write took. Otherwise the
/// first task would start a write alone, the others would wait for the write after it, and they
/// would stay apart for ever.
pub(super) async fn gather(gate: &Gate, woken: usize, last: Duration) {
    let until = pacing::now() + last / GATHER;
    let mut waiting = gate.lock().queue.len();
    let all = waiting.saturating_add(woken);
    loop {
        tokio::task::yield_now().await;
        let before = std::mem::replace(&mut waiting, gate.lock().queue.len());
        if waiting <= before || waiting >= all || pacing::now() >= until {
            return;
        }
    }
}

/// Waits until the next write is worth sending, but not past a deadline: a write starts early
/// enough for the requests that need it. If the store throttles, requests that need it earlier are
/// told so instead.
pub(super) async fn pace(gate: &Gate) {
    let now = pacing::now();
    let mut late = Vec::new();
    let departs = {
        let mut state = gate.lock();
        let Some(departs) = state.pace.departs(now) else {
            return;
        };
        let round_trip = gate.context.round_trip.mean();
        if state.pace.is_throttled(now) {
            late = state.overdue(
                departs + round_trip,
                Unavailable::Throttled {
                    retry_after: departs - now,
                },
            );
            departs
        } else {
            let first = state.queue.iter().filter_map(|waiter| waiter.until).min();
            let last_call = first.and_then(|until| until.checked_sub(round_trip * 2));
            last_call.map_or(departs, |last_call| departs.min(last_call))
        }
    };
    for (waiter, decision) in late {
        waiter.answer(decision);
    }
    let wait = departs.saturating_duration_since(now);
    if !wait.is_zero() {
        gate.context.background.pause(wait).await;
    }
}

/// Answers the requests whose deadline is before a write can be back: there is no decision.
/// Otherwise the write would be done for nobody.
pub(super) fn reject_overdue(gate: &Gate) {
    let back = pacing::now() + gate.context.round_trip.mean() / 2;
    let late = gate.lock().overdue(back, Unavailable::Deadline);
    for (waiter, decision) in late {
        waiter.answer(decision);
    }
}

/// Puts back a batch that the store has throttled, and delays the next write. Returns the number of
/// throttled writes in a row.
pub(super) fn put_back_throttled(gate: &Gate, batch: Batch) -> u32 {
    let mut state = gate.lock();
    state.put_back(batch);
    state
        .pace
        .throttled(gate.context.round_trip.mean(), pacing::now())
}
