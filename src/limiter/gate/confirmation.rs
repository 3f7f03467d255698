//! Confirmations of settlements.

use tokio::sync::oneshot;

use crate::{
    error::SettleError,
    limiter::runtime::{Background, Counted},
    telemetry::PendingSettlement,
};

/// Confirms a settlement to the one that waits for it.
#[derive(Debug)]
pub(super) struct Confirmation {
    confirm: oneshot::Sender<Result<(), SettleError>>,
    _counted: (PendingSettlement, Counted),
}

impl Confirmation {
    pub(super) fn new(
        confirm: oneshot::Sender<Result<(), SettleError>>,
        background: &Background,
    ) -> Self {
        Self {
            confirm,
            _counted: (PendingSettlement::new(), background.unwritten()),
        }
    }
}

/// Sends the result to all tasks that wait for a settlement.
pub(super) fn confirm(confirmations: Vec<Confirmation>, result: &Result<(), SettleError>) {
    for Confirmation { confirm, .. } in confirmations {
        // The settlement may have been dropped.
        let _ = confirm.send(result.clone());
    }
}
