//! Counts of calls.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// The number of calls by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Calls that the limits granted.
    pub granted: u64,
    /// Calls that the limits denied.
    pub denied: u64,
    /// Calls without a decision.
    pub unavailable: u64,
    /// Calls that failed.
    pub error: u64,
    /// Calls that took longer than the timeout of the test.
    pub timeout: u64,
    /// Calls that should have begun, but never had room.
    pub unsent: u64,
}

impl Counts {
    /// Returns the number of calls with an outcome.
    pub fn get(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Granted => self.granted,
            Outcome::Denied => self.denied,
            Outcome::Unavailable => self.unavailable,
            Outcome::Error => self.error,
            Outcome::Timeout => self.timeout,
            Outcome::Unsent => self.unsent,
        }
    }

    /// Returns the number of all calls.
    pub fn total(&self) -> u64 {
        Outcome::ALL.iter().map(|outcome| self.get(*outcome)).sum()
    }

    /// Returns the number of calls that got a decision.
    pub fn decided(&self) -> u64 {
        self.granted + self.denied
    }

    /// Returns the number of calls that got no decision.
    pub fn failed(&self) -> u64 {
        self.total() - self.decided()
    }

    pub(crate) fn add(&mut self, outcome: Outcome, calls: u64) {
        let count = match outcome {
            Outcome::Granted => &mut self.granted,
            Outcome::Denied => &mut self.denied,
            Outcome::Unavailable => &mut self.unavailable,
            Outcome::Error => &mut self.error,
            Outcome::Timeout => &mut self.timeout,
            Outcome::Unsent => &mut self.unsent,
        };
        *count += calls;
    }

    /// Adds the counts of another part of the test.
    pub fn merge(&mut self, other: &Self) {
        for outcome in Outcome::ALL {
            self.add(outcome, other.get(outcome));
        }
    }
}
