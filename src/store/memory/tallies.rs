//! What changes about a bucket's limits.

use smallvec::SmallVec;

use crate::model::{BucketState, Level};

/// What changes about one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) level: Level,
    /// Net consumption, millitokens.
    pub(super) consumed: i64,
}

/// In the order of the shape's limits. Most buckets have one limit: it stands in place, and costs the
/// others of them nothing.
#[derive(Clone, Debug)]
pub(super) struct Tallies {
    /// Of nothing, in a bucket without limits.
    first: Tally,
    rare: Option<Box<Rare>>,
}

/// What most buckets do not have.
#[derive(Clone, Debug)]
struct Rare {
    /// Those after the first.
    others: SmallVec<[Tally; 1]>,
    /// What only buckets have that the [`Store`](crate::store::Store) trait wrote: all of it but
    /// the limits.
    rest: Option<Box<BucketState>>,
}

impl Tallies {
    pub(super) fn new(tallies: impl IntoIterator<Item = Tally>, rest: Option<Box<BucketState>>) -> Self {
        let mut tallies = tallies.into_iter();
        let first = tallies.next().unwrap_or_default();
        let others: SmallVec<[Tally; 1]> = tallies.collect();
        let rare = (rest.is_some() || !others.is_empty()).then(|| Box::new(Rare { others, rest }));
        Self { first, rare }
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&Tally> {
        match place.checked_sub(1) {
            None => Some(&self.first),
            Some(place) => self.rare.as_deref()?.others.get(place),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Tally> {
        match place.checked_sub(1) {
            None => Some(&mut self.first),
            Some(place) => self.rare.as_deref_mut()?.others.get_mut(place),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Tally> {
        std::iter::once(&self.first).chain(self.rare.iter().flat_map(|rare| &rare.others))
    }

    #[inline]
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tally> {
        std::iter::once(&mut self.first).chain(self.rare.iter_mut().flat_map(|rare| &mut rare.others))
    }

    /// What stands beside the limits, where the bucket has it.
    pub(super) fn rest(&self) -> Option<&BucketState> {
        self.rare.as_ref()?.rest.as_deref()
    }

    pub(super) fn take_rest(&mut self) -> Option<Box<BucketState>> {
        self.rare.as_mut()?.rest.take()
    }
}
