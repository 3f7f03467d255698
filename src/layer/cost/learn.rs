//! Cost estimates that are learned from earlier requests.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::model::{EntityId, Resource};

/// Estimates the cost in tokens of a limit from the real use of earlier requests of the same entity
/// and resource.
///
/// The first request costs the fixed cost. After that, the estimate is an exponentially weighted
/// mean, rounded up. The estimate is never above the capacity of the bucket, or of the parent's
/// bucket. Only use that a [rule](super::super::Settle) or the handler reports counts. A request
/// without a report, or whose cost is given back, changes nothing.
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
/// About 60 bytes for each pair of entity and resource that is [remembered](Self::remember). Every
/// process learns alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it does nothing until a policy has it"]
pub struct Learn {
    requests: u32,
    floor: u64,
    most: usize,
}

impl Learn {
    /// Creates a mean over about the last `requests` requests: each new request weighs
    /// `2 / (requests + 1)`.
    pub fn over(requests: u32) -> Self {
        Self {
            requests: requests.max(1),
            floor: 1,
            most: 10_000,
        }
    }

    /// Sets the minimum estimate, in tokens. The minimum does not raise an estimate above the
    /// capacity. 0 counts as 1. Default: 1.
    pub fn floor(self, tokens: u64) -> Self {
        Self {
            floor: tokens.max(1),
            ..self
        }
    }

    /// Sets how many pairs of entity and resource are remembered. If there are more, the least
    /// frequently used ones are forgotten, and cost the fixed cost again. Default: 10 000.
    pub fn remember(self, most: usize) -> Self {
        Self {
            most: most.max(1),
            ..self
        }
    }
}

impl Default for Learn {
    /// A mean over about the last 20 requests.
    fn default() -> Self {
        Self::over(20)
    }
}

/// The means that were learned for one limit.
pub(crate) struct Learned {
    learn: Learn,
    /// The means, by the hash of entity and resource. Two pairs with the same hash share an
    /// estimate. That does no other harm.
    means: Cache<u64, Mean, UnitWeighter, RandomState, DefaultLifecycle<u64, Mean>>,
}

#[derive(Clone, Copy)]
struct Mean {
    tokens: f64,
    /// The number of tokens that a full bucket held at the last update.
    capacity: u64,
}

/// Hashes an entity and a resource.
#[derive(Clone, Default)]
pub(crate) struct KeyHasher(RandomState);

impl KeyHasher {
    pub(crate) fn key(&self, entity: &str, resource: &str) -> u64 {
        self.0.hash_one((entity, resource))
    }

    pub(crate) fn key_of(&self, entity: &EntityId, resource: &Resource) -> u64 {
        self.key(entity.as_str(), resource.as_str())
    }
}

impl Learned {
    pub(crate) fn new(learn: Learn) -> Self {
        let means = Cache::with(
            learn.most,
            learn.most as u64,
            UnitWeighter,
            RandomState::default(),
            DefaultLifecycle::default(),
        );
        Self { learn, means }
    }

    /// Returns the estimate in tokens. `None` if nothing was learned yet.
    pub(crate) fn estimate(&self, key: u64, capacity: Option<u64>) -> Option<u64> {
        let mean = self.means.get(&key)?;
        // Amounts are below 2^53, so an `f64` holds them exactly.
        let tokens = (mean.tokens.ceil() as u64).max(self.learn.floor);
        // With a floor above the capacity, every request would be refused.
        Some(tokens.min(mean.capacity).min(capacity.unwrap_or(u64::MAX)))
    }

    pub(crate) fn observe(&self, key: u64, used: u64, capacity: Option<u64>) {
        let capacity = capacity.unwrap_or(u64::MAX);
        let used = used.min(capacity) as f64;
        // If two requests update the mean at once, one update may be lost. An estimate tolerates
        // that.
        let tokens = match self.means.get(&key) {
            None => used,
            Some(Mean { tokens, .. }) => {
                tokens + (used - tokens) * 2.0 / (f64::from(self.learn.requests) + 1.0)
            }
        };
        self.means.insert(key, Mean { tokens, capacity });
    }

    /// Caps the mean at the new capacity.
    pub(crate) fn cap(&self, key: u64, capacity: u64) {
        if let Some(Mean { tokens, .. }) = self.means.get(&key) {
            self.means.insert(
                key,
                Mean {
                    tokens: tokens.min(capacity as f64),
                    capacity,
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_the_use() {
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
        assert_eq!(
            learned.estimate(1, Some(3)),
            Some(3),
            "never above the capacity"
        );
        learned.observe(2, 1000, Some(60));
        assert_eq!(learned.estimate(2, None), Some(60));
        learned.cap(2, 40);
        assert_eq!(learned.estimate(2, None), Some(40));
        learned.observe(3, 0, Some(2));
        assert_eq!(
            learned.estimate(3, None),
            Some(2),
            "no floor lifts it above what a bucket holds"
        );
        learned.observe(3, 0, Some(9));
        assert_eq!(learned.estimate(3, None), Some(5));
        learned.cap(3, 1);
        assert_eq!(learned.estimate(3, None), Some(1));
    }

    #[test]
    fn the_number_of_means_is_bounded() {
        let learned = Learned::new(Learn::default().remember(100));
        for key in 0..100_000 {
            learned.observe(key, 7, None);
        }
        assert!(learned.means.len() <= 100, "{}", learned.means.len());
    }
}
