//! Leases that are settled.

use crate::model::{Limits, Resource};

/// A lease was settled: by so many millitokens of each limit, in their order, its bucket was charged more
/// or less than before. Allocates nothing.
#[inline]
pub(crate) fn settled(resource: &Resource, limits: &Limits, differences: impl Iterator<Item = i64>) {
    #[cfg(not(feature = "metrics"))]
    let _ = (resource, limits, differences);
    #[cfg(feature = "metrics")]
    {
        let series = super::series::ResourceSeries::of(resource);
        super::meters::with(|meters| {
            for (limit, difference) in limits.iter().zip(differences) {
                // Rounded: leases are settled in whole tokens.
                let tokens = difference.unsigned_abs() / crate::model::MILLI.unsigned_abs();
                if tokens > 0 {
                    meters.settled(series, series.limit(limit.name()), difference > 0).increment(tokens);
                }
            }
        });
    }
}
