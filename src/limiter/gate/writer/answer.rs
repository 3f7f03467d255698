//! Sends decisions to the requests that wait for them.

use crate::limiter::gate::{grant::GateDecision, state::Waiter};

/// Sends decisions. Must not be called under the lock: if nobody takes a grant, the grant goes back
/// to the gate.
pub(super) fn answer(decisions: Vec<(Waiter, GateDecision)>) {
    for (waiter, decision) in decisions {
        let _ = waiter.reply.send(decision);
    }
}
