//! Metrics of prefetched tokens.

use super::{count, names};
use crate::model::{Limits, Resource};

/// Counts a request that may be granted from prefetched tokens.
#[inline]
pub(crate) fn prefetch_served(from_memory: bool) {
    #[cfg(feature = "metrics")]
    super::meters::with(|meters| meters.prefetched(from_memory).increment(1));
    #[cfg(not(feature = "metrics"))]
    let _ = from_memory;
}

/// Counts a chunk that was requested.
pub(crate) fn prefetch_filled(granted: bool) {
    let event = if granted { "taken" } else { "refused" };
    count(names::PREFETCH_CHUNKS, &[("event", event)], 1);
}

/// Counts chunks of which something was given back, because they were too old or (`idle`) not
/// requested any more.
pub(crate) fn prefetch_given_back(chunks: u64, idle: bool) {
    if chunks > 0 {
        let event = if idle { "idle" } else { "expired" };
        count(names::PREFETCH_CHUNKS, &[("event", event)], chunks);
    }
}

/// The prefetched tokens that one gate holds. Empty without the feature `metrics`.
#[derive(Debug)]
pub(crate) struct HeldAhead {
    #[cfg(feature = "metrics")]
    resource: Resource,
    #[cfg(feature = "metrics")]
    limits: Limits,
    /// The amounts that were reported last: millitokens.
    #[cfg(feature = "metrics")]
    reported: smallvec::SmallVec<[i64; 2]>,
}

#[cfg(not(feature = "metrics"))]
impl HeldAhead {
    pub(crate) fn new(_: &Resource, _: &Limits) -> Self {
        Self {}
    }

    #[inline]
    pub(crate) fn set(&mut self, _: &[i64]) {}
}

#[cfg(feature = "metrics")]
impl HeldAhead {
    pub(crate) fn new(resource: &Resource, limits: &Limits) -> Self {
        let reported = limits.iter().map(|_| 0).collect();
        Self {
            resource: resource.clone(),
            limits: limits.clone(),
            reported,
        }
    }

    /// Reports the tokens that are held now: millitokens, in the order of the limits.
    pub(crate) fn set(&mut self, held: &[i64]) {
        use super::{meters, series::ResourceSeries};
        use std::sync::atomic::Ordering;

        if *self.reported == *held {
            return;
        }
        let resource = ResourceSeries::of(&self.resource);
        meters::with(|meters| {
            for ((limit, reported), held) in self.limits.iter().zip(&mut self.reported).zip(held) {
                let more = held.saturating_sub(std::mem::replace(reported, *held));
                if more != 0 {
                    let series = resource.limit(limit.name());
                    let all = series
                        .held
                        .fetch_add(more, Ordering::Relaxed)
                        .saturating_add(more);
                    meters
                        .held(resource, series)
                        .set(all as f64 / crate::model::MILLI as f64);
                }
            }
        });
    }
}

#[cfg(feature = "metrics")]
impl Drop for HeldAhead {
    fn drop(&mut self) {
        let nothing: smallvec::SmallVec<[i64; 2]> = self.reported.iter().map(|_| 0).collect();
        self.set(&nothing);
    }
}
