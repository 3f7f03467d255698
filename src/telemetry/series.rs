//! The label values that have time series of their own: the first resources and limits of a
//! process. All others share one, so that requests cannot create more.

use std::{
    hash::BuildHasher,
    sync::{
        LazyLock, OnceLock,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use crate::model::{LimitName, Resource};

/// The number of resources with series of their own, and the number of limits of each of them.
pub(super) const MOST_RESOURCES: usize = 100;
pub(super) const MOST_LIMITS: usize = 8;

/// The label of all others. The label is not a valid name of a resource or a limit.
pub(super) const OTHER: &str = "_other";

/// The number of slots: more than twice the number of resources, so that a search ends soon.
const SLOTS: usize = 256;

static RESOURCES: LazyLock<Resources> = LazyLock::new(|| Resources {
    hasher: foldhash::fast::RandomState::default(),
    taken: AtomicUsize::new(0),
    slots: [const { OnceLock::new() }; SLOTS],
    other: ResourceSeries::new(SLOTS, None),
});

/// The series of all resources. The series are found without a lock, and are never removed.
struct Resources {
    hasher: foldhash::fast::RandomState,
    taken: AtomicUsize,
    slots: [OnceLock<ResourceSeries>; SLOTS],
    other: ResourceSeries,
}

/// The series of a resource.
pub(super) struct ResourceSeries {
    /// The index of the series in a list of [`RESOURCE_PLACES`] entries.
    pub(super) place: usize,
    resource: Option<Resource>,
    limits: [OnceLock<LimitSeries>; MOST_LIMITS],
    other: LimitSeries,
}

/// The series of a limit of a resource.
pub(super) struct LimitSeries {
    /// The index of the series in a list of [`LIMIT_PLACES`] entries.
    pub(super) place: usize,
    limit: Option<LimitName>,
    /// The prefetched tokens that are not granted yet: millitokens.
    pub(super) held: AtomicI64,
}

/// The lengths of lists with an entry for each series.
pub(super) const RESOURCE_PLACES: usize = SLOTS + 1;
pub(super) const LIMIT_PLACES: usize = MOST_LIMITS + 1;

impl ResourceSeries {
    fn new(place: usize, resource: Option<Resource>) -> Self {
        let other = LimitSeries::new(MOST_LIMITS, None);
        Self {
            place,
            resource,
            limits: [const { OnceLock::new() }; MOST_LIMITS],
            other,
        }
    }

    /// Returns the series of `resource`.
    #[inline]
    pub(super) fn of(resource: &Resource) -> &'static Self {
        let all = &*RESOURCES;
        let hash = all.hasher.hash_one(resource.as_str()) as usize;
        for step in 0..SLOTS {
            let place = hash.wrapping_add(step) % SLOTS;
            let slot = &all.slots[place];
            let series = match slot.get() {
                Some(series) => series,
                None if all.taken.load(Ordering::Relaxed) >= MOST_RESOURCES => return &all.other,
                None => slot.get_or_init(|| {
                    all.taken.fetch_add(1, Ordering::Relaxed);
                    Self::new(place, Some(resource.clone()))
                }),
            };
            if series.resource.as_ref() == Some(resource) {
                return series;
            }
        }
        &all.other
    }

    pub(super) fn label(&self) -> &str {
        self.resource.as_ref().map_or(OTHER, Resource::as_str)
    }

    /// Returns the series of a limit of the resource.
    pub(super) fn limit(&self, limit: &LimitName) -> &LimitSeries {
        for (place, slot) in self.limits.iter().enumerate() {
            let series = slot.get_or_init(|| LimitSeries::new(place, Some(limit.clone())));
            if series.limit.as_ref() == Some(limit) {
                return series;
            }
        }
        &self.other
    }
}

impl LimitSeries {
    fn new(place: usize, limit: Option<LimitName>) -> Self {
        Self {
            place,
            limit,
            held: AtomicI64::new(0),
        }
    }

    pub(super) fn label(&self) -> &str {
        self.limit.as_ref().map_or(OTHER, LimitName::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str) -> Resource {
        Resource::new(name).unwrap()
    }

    /// Runs alone: no other test of this process counts anything.
    #[test]
    fn the_first_names_have_series_of_their_own_and_all_others_share_one() {
        for number in 0..MOST_RESOURCES * 3 {
            let name = format!("resource-{number}");
            let expected = if number < MOST_RESOURCES {
                &name
            } else {
                OTHER
            };
            assert_eq!(ResourceSeries::of(&resource(&name)).label(), expected);
        }
        let first = ResourceSeries::of(&resource("resource-0"));
        assert_eq!(first.label(), "resource-0", "it keeps it");
        let places: std::collections::BTreeSet<_> = (0..MOST_RESOURCES)
            .map(|number| ResourceSeries::of(&resource(&format!("resource-{number}"))).place)
            .collect();
        assert_eq!(places.len(), MOST_RESOURCES);

        for number in 0..MOST_LIMITS * 3 {
            let limit = LimitName::new(format!("limit-{number}")).unwrap();
            let expected = if number < MOST_LIMITS {
                limit.as_str()
            } else {
                OTHER
            };
            let series = first.limit(&limit);
            assert_eq!(
                (series.label(), series.place),
                (expected, number.min(MOST_LIMITS))
            );
        }
    }

    #[test]
    fn no_name_is_mistaken_for_the_shared_series() {
        assert!(Resource::new(OTHER).is_err());
        assert!(LimitName::new(OTHER).is_err());
    }
}
