//! The variable part of a bucket's limits.

use smallvec::SmallVec;

use crate::model::{BucketState, Level};

/// The variable part of one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct LimitLevel {
    pub(super) level: Level,
    /// Net consumption, millitokens.
    pub(super) consumed: i64,
    /// The end of a quota's period: epoch ms. 0 for a token bucket.
    pub(super) ends_at: i64,
}

/// The levels, in the order of the schema's limits. Most buckets have one limit. Its level is
/// stored inline, without an allocation.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    /// The level of the first limit. Not used in a bucket without limits.
    first: LimitLevel,
    rare: Option<Box<Rare>>,
}

/// The parts that most buckets do not have.
#[derive(Clone, Debug)]
struct Rare {
    /// The levels after the first one.
    others: SmallVec<[LimitLevel; 1]>,
    /// The state besides the limits, which only the [`Store`](crate::store::Store) trait writes.
    rest: Option<Box<BucketState>>,
}

impl Levels {
    pub(super) fn new(
        levels: impl IntoIterator<Item = LimitLevel>,
        rest: Option<Box<BucketState>>,
    ) -> Self {
        let mut levels = levels.into_iter();
        let first = levels.next().unwrap_or_default();
        let others: SmallVec<[LimitLevel; 1]> = levels.collect();
        let rare = (rest.is_some() || !others.is_empty()).then(|| Box::new(Rare { others, rest }));
        Self { first, rare }
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&LimitLevel> {
        match place.checked_sub(1) {
            None => Some(&self.first),
            Some(place) => self.rare.as_deref()?.others.get(place),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut LimitLevel> {
        match place.checked_sub(1) {
            None => Some(&mut self.first),
            Some(place) => self.rare.as_deref_mut()?.others.get_mut(place),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &LimitLevel> {
        std::iter::once(&self.first).chain(self.rare.iter().flat_map(|rare| &rare.others))
    }

    #[inline]
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut LimitLevel> {
        std::iter::once(&mut self.first)
            .chain(self.rare.iter_mut().flat_map(|rare| &mut rare.others))
    }

    /// Returns the state besides the limits, if the bucket has it.
    pub(super) fn rest(&self) -> Option<&BucketState> {
        self.rare.as_ref()?.rest.as_deref()
    }

    pub(super) fn rest_mut(&mut self) -> Option<&mut BucketState> {
        self.rare.as_mut()?.rest.as_deref_mut()
    }

    pub(super) fn take_rest(&mut self) -> Option<Box<BucketState>> {
        self.rare.as_mut()?.rest.take()
    }
}
