//! What a write brings a bucket to, and what it expects of others who write to it.

use smallvec::SmallVec;

use crate::model::{Limit, Limits, Lineage};

/// The state that a write brings a bucket to, and the other writers that it expects.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// The limits. Others that the bucket has stay as they are.
    pub limits: &'a [Limit],
    /// `true` if they are the entity's own, so that the bucket never counts as gone; `None` if that is not
    /// known, and the bucket's expiry goes on as it is.
    pub own: Option<bool>,
    /// The entity's parent, if it is known to have one.
    pub lineage: Option<&'a Lineage>,
    /// The other writers of the bucket.
    pub others: Others,
}

/// The other writers of a bucket, as far as a writer knows them. It decides which row a write takes, and never
/// what is granted: every row is exact for whatever the store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Python clients, whose writes want the anchor moved.
    pub peers: Peers,
    /// The refill of so many ms may be spent above the capacity, once: a write whose image shows the bucket a
    /// little too full is done all the same. 0 if nobody else writes.
    pub slack: i64,
    /// Millitokens that others are expected to have taken since the image, in the order of its limits.
    pub taken: SmallVec<[i64; 2]>,
}

/// If Python clients spend from the same bucket. Their writes refill it by an image of their own, which an old
/// anchor makes them get wrong: tokens may be lost then, and never minted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Peers {
    /// They do not. The anchor moves only if it has to.
    Absent,
    /// They may. A first race with one of them costs at most one bucket.
    #[default]
    Unknown,
    /// They do. Every write of a full bucket moves the anchor.
    Present,
}

impl<'a> From<&'a [Limit]> for Wanted<'a> {
    fn from(limits: &'a [Limit]) -> Self {
        Self { limits, ..Self::default() }
    }
}

impl<'a, const N: usize> From<&'a [Limit; N]> for Wanted<'a> {
    fn from(limits: &'a [Limit; N]) -> Self {
        Self { limits, ..Self::default() }
    }
}

impl<'a> From<&'a Limits> for Wanted<'a> {
    fn from(limits: &'a Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

impl<'a> From<&'a Vec<Limit>> for Wanted<'a> {
    fn from(limits: &'a Vec<Limit>) -> Self {
        Self { limits, ..Self::default() }
    }
}
