//! The tokens that buckets held at a given time.

use std::{collections::BTreeMap, time::Duration};

use super::{super::store::Image, Evidence};

/// The time that requests may wait for the processor, µs.
const SCHEDULING: i64 = 20_000;

/// The images of all items, by time.
pub(super) struct Room {
    /// The images of each item, with the time from which each was valid (epoch µs).
    images: BTreeMap<String, Vec<(i64, Image)>>,
    /// The cost of a request, in tokens.
    cost: i64,
}

impl Room {
    pub(super) fn new(evidence: &Evidence, cost: i64) -> Self {
        let mut images: BTreeMap<String, Vec<(i64, Image)>> = BTreeMap::new();
        for write in evidence
            .writes
            .iter()
            .filter(|write| write.done == Some(true))
        {
            let image = write.image.clone().unwrap_or_default();
            images
                .entry(write.item.clone())
                .or_default()
                .push((write.answered, image));
        }
        images
            .values_mut()
            .for_each(|images| images.sort_by_key(|(at, _)| *at));
        Self { images, cost }
    }

    /// Returns `true` if an answer that shows `left` remaining tokens shows enough for the cost.
    pub(super) fn is_told(&self, left: Option<i64>) -> bool {
        left.is_some_and(|left| left >= self.cost)
    }

    /// Returns `true` if all buckets held the cost during the whole time from `from` until `to`
    /// (epoch µs), extended at both ends by `distance` and 20 ms: the image of a process may be
    /// that old, and writes for other requests may arrive that late. Returns `false` if it is not
    /// known.
    pub(super) fn was_there(&self, from: i64, to: i64, distance: Duration) -> bool {
        let distance = i64::try_from(distance.as_micros()).unwrap_or(i64::MAX / 4) + SCHEDULING;
        let (from, to) = (from - distance, to + distance);
        // A bucket without writes so far is full.
        self.images.values().all(|images| {
            let begin = images.partition_point(|(at, _)| *at <= from);
            let end = images.partition_point(|(at, _)| *at <= to);
            let before = begin.checked_sub(1).map(|index| (from, &images[index].1));
            let within = images[begin..end].iter().map(|(at, image)| (*at, image));
            before
                .into_iter()
                .chain(within)
                .all(|(at, image)| self.holds(image, at))
        })
    }

    fn holds(&self, image: &Image, at: i64) -> bool {
        // A split bucket has its tokens in several items, and an action of a transaction has no
        // image.
        image.shards == 1
            && image.levels.keys().all(|limit| {
                image
                    .holds(limit, at / 1000)
                    .is_some_and(|held| held >= self.cost.saturating_mul(1000))
            })
    }
}
