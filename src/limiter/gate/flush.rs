//! Adds the differences of settled leases to the bucket's next write, or has them written alone.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    limiter::{
        gate::{confirmation::Confirmation, gate::Gate, slot::Locked},
        terms::{Amounts, Settlement},
    },
    model::Limits,
    telemetry::{self, Dropped},
};

impl Gate {
    /// Notes differences (millitokens, in the order of `limits`). The bucket's next write carries
    /// them; if there is none in a short time, they are written alone. A quota gets tokens back
    /// only in its period of `periods`. `counts` are amounts that count
    /// as consumed without any tokens being taken.
    pub(crate) fn settle(
        self: &Arc<Self>,
        limits: &Limits,
        differences: &[i64],
        periods: &[i64],
        counts: &[i64],
    ) -> Settlement {
        if differences.iter().chain(counts).all(|amount| *amount == 0) {
            return Settlement::done();
        }
        let mut state = self.lock();
        let mut differences = Amounts::from_slice(differences);
        state.settle_prefetched(limits, &mut differences, periods);
        if differences
            .iter()
            .chain(counts)
            .all(|difference| *difference == 0)
        {
            return Settlement::done();
        }
        let (confirm, confirmed) = oneshot::channel();
        let differences = differences.iter().zip(periods);
        for (limit, (difference, period)) in limits
            .iter()
            .zip(differences)
            .filter(|(_, (difference, _))| **difference != 0)
        {
            state.pending.settle_in(limit.name(), *difference, *period);
        }
        for (limit, count) in limits.iter().zip(counts).filter(|(_, count)| **count != 0) {
            state.pending.count(limit.name(), *count);
        }
        state
            .confirmations
            .push(Confirmation::new(confirm, &self.context.background));
        self.flush_later(state, self.context.settings.flush_after);
        Settlement::pending(confirmed)
    }

    /// Writes the pending differences at once, and waits until they are written or dropped.
    pub(crate) async fn write_pending(self: &Arc<Self>) {
        let confirmed = {
            let mut state = self.lock();
            if state.pending.is_empty() {
                return;
            }
            let (confirm, confirmed) = oneshot::channel();
            state
                .confirmations
                .push(Confirmation::new(confirm, &self.context.background));
            state.flush_now = true;
            self.start_writing(state);
            confirmed
        };
        // The difference was written or dropped, so it is not pending any more.
        let _ = confirmed.await;
    }

    /// Starts a timer that has the pending differences written alone after `time`, unless another
    /// write carries them before.
    pub(super) fn flush_later(self: &Arc<Self>, mut state: Locked<'_>, time: Duration) {
        if state.flush_due {
            return;
        }
        state.flush_due = true;
        drop(state);
        let gate = self.clone();
        self.context.background.after(time, move |alive| {
            let mut state = gate.lock();
            state.flush_due = false;
            if !alive {
                gate.abandon(state);
            } else if !state.pending.is_empty() {
                state.flush_now = true;
                gate.start_writing(state);
            }
        });
    }

    /// Drops pending differences that nothing will write any more, unless a timer will still write
    /// them. Settlements that wait for them get the error that the limiter was shut down.
    pub(super) fn abandon(&self, mut state: Locked<'_>) {
        if state.flush_due {
            return;
        }
        let (pending, confirmations) = state.take_pending();
        drop(state);
        drop(confirmations);
        if !pending.is_empty() {
            telemetry::settlement_dropped(
                &self.key,
                Dropped::ShutDown,
                "the runtime was shut down",
            );
        }
    }
}
