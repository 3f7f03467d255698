//! Estimates that get better.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::model::{EntityId, Resource};

/// Estimates the cost of a limit by what requests of the same entity and resource have really used.
///
/// The first request costs what is fixed; from then on an exponentially weighted mean, rounded up,
/// never above what a full bucket holds, the parent's too. Only what was told counts, by a
/// [rule](super::super::Settle) or by the handler: a request that nobody tells of, or that is given
/// back, teaches nothing.
///
/// ```
/// use tollgate::{Limit, layer::{Learn, Policy, Settle, keys}};
///
/// let policy = Policy::builder()
///     .entity(keys::header("x-api-key"))
///     .resource(keys::fixed("gpt-4"))
///     .limit(Limit::per_minute("tpm", 100_000))
///     .cost("tpm", 1000)
///     .learn("tpm", Learn::over(20).floor(50))
///     .settle("tpm", Settle::header("x-usage-tokens"))
///     .build()?;
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
///
/// # Memory
/// About 60 bytes for each of the entities and resources that are [remembered](Self::remember).
/// Every process learns by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it does nothing until a policy has it"]
pub struct Learn {
    requests: u32,
    floor: u64,
    most: usize,
}

impl Learn {
    /// A mean in which about the last `requests` count: each new one weighs `2 / (requests + 1)`.
    pub fn over(requests: u32) -> Self {
        Self { requests: requests.max(1), floor: 1, most: 10_000 }
    }

    /// The least that is estimated, in tokens, of which no more counts than a full bucket holds; 0
    /// counts as 1. Default: 1.
    pub fn floor(self, tokens: u64) -> Self {
        Self { floor: tokens.max(1), ..self }
    }

    /// The most entities and resources that are remembered; beyond, those that come least often are
    /// forgotten and cost what is fixed. Default: 10 000.
    pub fn remember(self, most: usize) -> Self {
        Self { most: most.max(1), ..self }
    }
}

impl Default for Learn {
    /// Over the last 20 requests.
    fn default() -> Self {
        Self::over(20)
    }
}

/// What was learned of one limit.
pub(in crate::layer) struct Learned {
    learn: Learn,
    /// By the hash of entity and resource: where two share one they share an estimate, no more.
    means: Cache<u64, Mean, UnitWeighter, RandomState, DefaultLifecycle<u64, Mean>>,
}

#[derive(Clone, Copy)]
struct Mean {
    tokens: f64,
    /// What a full bucket held when it was last heard of.
    capacity: u64,
}

/// Hashes an entity and a resource.
#[derive(Clone, Default)]
pub(in crate::layer) struct Seen(RandomState);

impl Seen {
    pub(in crate::layer) fn key(&self, entity: &str, resource: &str) -> u64 {
        self.0.hash_one((entity, resource))
    }

    pub(in crate::layer) fn key_of(&self, entity: &EntityId, resource: &Resource) -> u64 {
        self.key(entity.as_str(), resource.as_str())
    }
}

impl Learned {
    pub(in crate::layer) fn new(learn: Learn) -> Self {
        let means = Cache::with(
            learn.most,
            learn.most as u64,
            UnitWeighter,
            RandomState::default(),
            DefaultLifecycle::default(),
        );
        Self { learn, means }
    }

    /// The estimate in tokens; `None` where nothing is known.
    pub(in crate::layer) fn estimate(&self, key: u64, capacity: Option<u64>) -> Option<u64> {
        let mean = self.means.get(&key)?;
        // Amounts are far below what a float holds exactly.
        let tokens = (mean.tokens.ceil() as u64).max(self.learn.floor);
        // A floor above the capacity would refuse every request.
        Some(tokens.min(mean.capacity).min(capacity.unwrap_or(u64::MAX)))
    }

    pub(in crate::layer) fn observe(&self, key: u64, used: u64, capacity: Option<u64>) {
        let capacity = capacity.unwrap_or(u64::MAX);
        let used = used.min(capacity) as f64;
        // Two at once may lose one of them: it is an estimate.
        let tokens = match self.means.get(&key) {
            None => used,
            Some(Mean { tokens, .. }) => tokens + (used - tokens) * 2.0 / (f64::from(self.learn.requests) + 1.0),
        };
        self.means.insert(key, Mean { tokens, capacity });
    }

    /// No estimate may be above it any more.
    pub(in crate::layer) fn cap(&self, key: u64, capacity: u64) {
        if let Some(Mean { tokens, .. }) = self.means.get(&key) {
            self.means.insert(key, Mean { tokens: tokens.min(capacity as f64), capacity });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_what_is_used() {
        let learned = Learned::new(Learn::over(3).floor(5));
        assert_eq!(learned.estimate(1, None), None);
        learned.observe(1, 100, None);
        assert_eq!(learned.estimate(1, None), Some(100));
        learned.observe(1, 50, None);
        assert_eq!(learned.estimate(1, None), Some(75));
        learned.observe(1, 0, None);
        assert_eq!(learned.estimate(1, None), Some(38), "rounded up");
        for _ in 0..20 {
            learned.observe(1, 0, None);
        }
        assert_eq!(learned.estimate(1, None), Some(5), "the floor");
        assert_eq!(learned.estimate(1, Some(3)), Some(3), "never above the capacity");
        learned.observe(2, 1000, Some(60));
        assert_eq!(learned.estimate(2, None), Some(60));
        learned.cap(2, 40);
        assert_eq!(learned.estimate(2, None), Some(40));
        learned.observe(3, 0, Some(2));
        assert_eq!(learned.estimate(3, None), Some(2), "no floor lifts it above what a bucket holds");
        learned.observe(3, 0, Some(9));
        assert_eq!(learned.estimate(3, None), Some(5));
        learned.cap(3, 1);
        assert_eq!(learned.estimate(3, None), Some(1));
    }

    #[test]
    fn it_forgets_what_is_too_much() {
        let learned = Learned::new(Learn::default().remember(100));
        for key in 0..100_000 {
            learned.observe(key, 7, None);
        }
        assert!(learned.means.len() <= 100, "{}", learned.means.len());
    }
}
