//! One level of a search.

use serde::Serialize;

use super::figures::Figures;

/// A level that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// The users or the rate.
    pub level: f64,
    /// The rounds, in their order.
    pub rounds: Vec<Figures>,
    /// The verdict of most rounds.
    pub verdict: Verdict,
}

/// The verdict on a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// The bounds are kept.
    Keeps,
    /// The latency is too long.
    Latency,
    /// Too many calls got no decision.
    Failures,
    /// This process cannot make the load: the level says nothing about the target.
    Generator,
}

impl Step {
    /// Returns the figures of the round whose 99th percentile is in the middle.
    pub fn figures(&self) -> Figures {
        let mut rounds: Vec<_> = self.rounds.iter().collect();
        rounds.sort_by_key(|round| round.p99);
        rounds
            .get(rounds.len() / 2)
            .map_or_else(Figures::default, |figures| **figures)
    }
}
