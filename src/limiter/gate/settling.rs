//! Differences of leases that were settled: they ride on the bucket's next write, or fly alone.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{Gate, rest::Locked};
use crate::{
    error::SettleError,
    limiter::{
        background::{Background, Unwritten},
        lease::{Amounts, Settlement},
    },
    model::Limits,
    telemetry::{self, Dropped, PendingSettlement},
};

impl Gate {
    /// Notes differences (millitokens, in the order of `limits`): they ride on the bucket's next
    /// write, or are written alone after a short time. `counts` are consumption that no tokens stand for.
    pub(in crate::limiter) fn settle(
        self: &Arc<Self>,
        limits: &Limits,
        differences: &[i64],
        counts: &[i64],
    ) -> Settlement {
        let mut state = self.lock();
        let mut differences = Amounts::from_slice(differences);
        state.settle_ahead(limits, &mut differences);
        if differences.iter().chain(counts).all(|difference| *difference == 0) {
            return Settlement::done();
        }
        let (confirm, confirmed) = oneshot::channel();
        for (limit, difference) in limits.iter().zip(&differences).filter(|(_, difference)| **difference != 0) {
            state.pending.settle(limit.name(), *difference);
        }
        for (limit, count) in limits.iter().zip(counts).filter(|(_, count)| **count != 0) {
            state.pending.count(limit.name(), *count);
        }
        state.confirmations.push(Confirmation::new(confirm, &self.context.background));
        self.flush_later(state, self.context.settings.flush_after);
        Settlement::pending(confirmed)
    }

    /// Writes the pending differences at once, and waits until they are written or dropped.
    pub(in crate::limiter) async fn write_pending(self: &Arc<Self>) {
        let confirmed = {
            let mut state = self.lock();
            if state.pending.is_empty() {
                return;
            }
            let (confirm, confirmed) = oneshot::channel();
            state.confirmations.push(Confirmation::new(confirm, &self.context.background));
            state.flush_now = true;
            self.take_off(state);
            confirmed
        };
        // Either way it is not pending any more.
        let _ = confirmed.await;
    }

    /// Lets the pending differences fly alone in `time`, if nothing takes them along before.
    pub(super) fn flush_later(self: &Arc<Self>, mut state: Locked<'_>, time: Duration) {
        if state.flush_due {
            return;
        }
        state.flush_due = true;
        drop(state);
        let due = Due { gate: self.clone(), over: false };
        let flushes = self.context.background.flushes();
        self.context.background.spawn(async move {
            due.gate.context.background.pause_since(flushes, time).await;
            due.flush();
        });
    }

    /// Gives up what nothing will write any more, unless a timer is still there for it: who waits
    /// for it is told that the limiter was shut down.
    pub(super) fn abandon(&self, mut state: Locked<'_>) {
        if state.flush_due {
            return;
        }
        let (pending, confirmations) = state.take_pending();
        drop(state);
        drop(confirmations);
        if !pending.is_empty() {
            telemetry::settlement_dropped(&self.key, Dropped::ShutDown, "the runtime was shut down");
        }
    }
}

/// A timer that will let the pending differences fly. Dropped before: its runtime was shut down.
struct Due {
    gate: Arc<Gate>,
    over: bool,
}

impl Due {
    fn flush(mut self) {
        self.over = true;
        let mut state = self.gate.lock();
        state.flush_due = false;
        if !state.pending.is_empty() {
            state.flush_now = true;
            self.gate.take_off(state);
        }
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        if !self.over {
            let mut state = self.gate.lock();
            state.flush_due = false;
            self.gate.abandon(state);
        }
    }
}

/// Who waits for a settlement.
#[derive(Debug)]
pub(super) struct Confirmation {
    confirm: oneshot::Sender<Result<(), SettleError>>,
    _counted: (PendingSettlement, Unwritten),
}

impl Confirmation {
    fn new(confirm: oneshot::Sender<Result<(), SettleError>>, background: &Background) -> Self {
        Self { confirm, _counted: (PendingSettlement::new(), background.unwritten()) }
    }
}

/// Tells all that wait for a settlement.
pub(super) fn confirm(confirmations: Vec<Confirmation>, result: &Result<(), SettleError>) {
    for Confirmation { confirm, .. } in confirmations {
        // Nobody has to wait.
        let _ = confirm.send(result.clone());
    }
}
