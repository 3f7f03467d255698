//! What requests turn out to have cost.

use super::{InvalidPolicy, PolicyBuilder, PolicyLimits};
use crate::{layer::Settle, model::LimitName};

/// What becomes of the lease when the response is known.
pub(in crate::layer) struct SettlementRules {
    pub(in crate::layer) settle: Vec<(LimitName, Settle)>,
    pub(in crate::layer) refund_server_errors: bool,
    /// Whether handlers get a handle of the lease.
    pub(in crate::layer) shares_lease: bool,
}

impl Default for SettlementRules {
    fn default() -> Self {
        Self { settle: Vec::new(), refund_server_errors: false, shares_lease: true }
    }
}

/// What a builder was told.
#[derive(Debug, Default)]
pub(super) struct Draft {
    settle: Vec<(String, Settle)>,
    refund_server_errors: bool,
    without_handle: bool,
}

impl Draft {
    pub(super) fn check(self, limits: &PolicyLimits) -> Result<SettlementRules, InvalidPolicy> {
        let settle = self.settle.into_iter().map(|(name, rule)| Ok((limits.known(name)?, rule)));
        Ok(SettlementRules {
            settle: settle.collect::<Result<_, InvalidPolicy>>()?,
            refund_server_errors: self.refund_server_errors,
            shares_lease: !self.without_handle,
        })
    }
}

/// Settlement.
impl PolicyBuilder {
    /// Finds the real use of the limit `name` in the response's head. Stored limits that lack it
    /// are left alone.
    pub fn settle(mut self, name: impl Into<String>, rule: Settle) -> Self {
        self.settlement.settle.push((name.into(), rule));
        self
    }

    /// Gives the cost of requests back whose response is a 5xx. Off by default: a refund on
    /// errors invites retry storms.
    pub fn refund_server_errors(mut self) -> Self {
        self.settlement.refund_server_errors = true;
        self
    }

    /// Keeps the lease to the layer: handlers get no [`LeaseHandle`](crate::layer::LeaseHandle) of
    /// it, nor [`RateLimitStatus`](crate::layer::RateLimitStatus) from it, and it is committed as
    /// soon as the response's head is ready. For limits that only count requests; it saves each of
    /// them the entry in its extensions. A handle that a layer further out has put there stays.
    pub fn without_handle(mut self) -> Self {
        self.settlement.without_handle = true;
        self
    }
}
