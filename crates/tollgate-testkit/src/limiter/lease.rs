//! Records of requests and their outcomes.

use std::collections::BTreeMap;

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseOutcome {
    /// The request was not granted: it was denied, asked for more than the capacity, was disabled,
    /// or got no decision.
    Refused,
    /// The request was granted, and the lease is still held.
    Held,
    /// The lease has ended, and tokens were used.
    Settled,
    /// The lease has ended, and everything granted was given back.
    RolledBack,
}

/// A request to a [`TestLimiter`](super::TestLimiter), and its outcome at the time of the call that
/// returned the record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The entity of the request.
    pub entity: String,
    /// The resource of the request.
    pub resource: String,
    /// The requested tokens, by limit.
    pub cost: BTreeMap<String, u64>,
    /// The tokens that were used, by limit. Equal to the cost until the lease is settled. Empty if
    /// the request was refused.
    pub used: BTreeMap<String, u64>,
    /// The outcome.
    pub outcome: LeaseOutcome,
}

impl Recorded {
    /// Returns the requested tokens of the limit; 0 if there is no such limit.
    pub fn cost(&self, limit: &str) -> u64 {
        self.cost.get(limit).copied().unwrap_or(0)
    }

    /// Returns the used tokens of the limit; 0 if there is no such limit.
    pub fn used(&self, limit: &str) -> u64 {
        self.used.get(limit).copied().unwrap_or(0)
    }

    /// Asserts that the lease has ended and used `tokens` of the limit.
    ///
    /// # Panics
    ///
    /// If the lease has not ended, or has used another amount.
    #[track_caller]
    pub fn assert_used(&self, limit: &str, tokens: u64) {
        assert_ne!(
            self.outcome,
            LeaseOutcome::Held,
            "the lease has not ended: {self:?}"
        );
        assert!(
            self.cost.contains_key(limit),
            "there is no limit {limit}: {self:?}"
        );
        assert_eq!(self.used(limit), tokens, "used of {limit}: {self:?}");
    }

    /// Asserts that the lease has ended and everything was given back.
    ///
    /// # Panics
    ///
    /// If the lease has not ended, or something was used.
    #[track_caller]
    pub fn assert_rolled_back(&self) {
        assert_eq!(self.outcome, LeaseOutcome::RolledBack, "{self:?}");
    }

    /// Asserts that the request was not granted.
    ///
    /// # Panics
    ///
    /// If the request was granted.
    #[track_caller]
    pub fn assert_refused(&self) {
        assert_eq!(self.outcome, LeaseOutcome::Refused, "{self:?}");
    }

    pub(super) fn settle(&mut self, limit: &str, difference: i64) {
        if let Some(used) = self.used.get_mut(limit) {
            *used = used.saturating_add_signed(difference);
        }
    }

    pub(super) fn end(&mut self) {
        // A lease that cost 0 tokens and used 0 tokens counts as settled.
        let nothing = self.used.values().all(|tokens| *tokens == 0)
            && self.cost.values().any(|tokens| *tokens > 0);
        self.outcome = if nothing {
            LeaseOutcome::RolledBack
        } else {
            LeaseOutcome::Settled
        };
    }
}
