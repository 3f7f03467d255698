//! What the limiter was asked for, and what became of it.

use std::collections::BTreeMap;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was not granted: denied, above the capacity, disabled, or not decided.
    Refused,
    /// It was granted, and the lease is held.
    Held,
    /// The lease has ended, and something was used.
    Settled,
    /// The lease has ended, and all that was granted was given back.
    RolledBack,
}

/// What a [`TestLimiter`](super::TestLimiter) was asked for, and what became of it by the time when it was
/// looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// Who asked.
    pub entity: String,
    /// For what.
    pub resource: String,
    /// Tokens that were asked for, by limit.
    pub cost: BTreeMap<String, u64>,
    /// Tokens that were used as far as that is settled, by limit: the cost, until it is. Nothing where the
    /// request was refused.
    pub used: BTreeMap<String, u64>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Recorded {
    /// Tokens of the limit that were asked for; 0 where there is no such limit.
    pub fn cost(&self, limit: &str) -> u64 {
        self.cost.get(limit).copied().unwrap_or(0)
    }

    /// Tokens of the limit that were used; 0 where there is no such limit.
    pub fn used(&self, limit: &str) -> u64 {
        self.used.get(limit).copied().unwrap_or(0)
    }

    /// Checks that the lease has ended, with so many tokens of the limit used.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn assert_used(&self, limit: &str, tokens: u64) {
        assert_ne!(self.outcome, Outcome::Held, "the lease has not ended: {self:?}");
        assert!(self.cost.contains_key(limit), "there is no limit {limit}: {self:?}");
        assert_eq!(self.used(limit), tokens, "used of {limit}: {self:?}");
    }

    /// Checks that the lease has ended and everything was given back.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn assert_rolled_back(&self) {
        assert_eq!(self.outcome, Outcome::RolledBack, "{self:?}");
    }

    /// Checks that the request was not granted.
    ///
    /// # Panics
    ///
    /// If it was.
    #[track_caller]
    pub fn assert_refused(&self) {
        assert_eq!(self.outcome, Outcome::Refused, "{self:?}");
    }

    pub(super) fn settle(&mut self, limit: &str, difference: i64) {
        if let Some(used) = self.used.get_mut(limit) {
            *used = used.saturating_add_signed(difference);
        }
    }

    pub(super) fn end(&mut self) {
        // A cost of nothing that used nothing is settled.
        let nothing = self.used.values().all(|tokens| *tokens == 0) && self.cost.values().any(|tokens| *tokens > 0);
        self.outcome = if nothing { Outcome::RolledBack } else { Outcome::Settled };
    }
}
