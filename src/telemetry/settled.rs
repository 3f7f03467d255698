//! Counts the tokens of settled leases.

use crate::model::{Limits, Resource};

/// Counts the settlement of a lease. `differences` are the millitokens that its bucket was charged
/// more (or less, if negative) than before, in the order of the limits. Allocates nothing.
#[inline]
pub(crate) fn settled(
    resource: &Resource,
    limits: &Limits,
    differences: impl Iterator<Item = i64>,
) {
    #[cfg(not(feature = "metrics"))]
    let _ = (resource, limits, differences);
    #[cfg(feature = "metrics")]
    {
        let series = super::series::ResourceSeries::of(resource);
        super::meters::with(|meters| {
            for (limit, difference) in limits.iter().zip(differences) {
                // Rounded down: leases are settled in whole tokens.
                let tokens = difference.unsigned_abs() / crate::model::MILLI.unsigned_abs();
                if tokens > 0 {
                    meters
                        .settled(series, series.limit(limit.name()), difference > 0)
                        .increment(tokens);
                }
            }
        });
    }
}
