//! The state that a write changes a bucket to, and the expected writes of other processes.

use smallvec::SmallVec;

use crate::model::{BucketTtl, Limit, LimitName, Limits, ParentLink};

/// The state that a write changes a bucket to, and the expected other writers.
#[derive(Clone, Debug, Default)]
pub struct Desired<'a> {
    /// The limits. Other limits of the bucket stay as they are.
    pub limits: &'a [Limit],
    /// `true` if the limits are the entity's own, so that the bucket never expires; `None` if that
    /// is not known, and the bucket's expiry stays as it is.
    pub own: Option<bool>,
    /// The entity's parent, if the entity is known to have one.
    pub lineage: Option<&'a ParentLink>,
    /// The other writers of the bucket.
    pub others: Others,
    /// The time after which the bucket is deleted if nobody uses it.
    pub ttl: BucketTtl,
    /// The known facts about the bucket's other shards, if it has some.
    pub siblings: Siblings,
}

/// The facts about a bucket's other shards that a write of one shard needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Siblings {
    /// The number of shards of the bucket, if the shard's item states fewer.
    pub raises_to: Option<u32>,
    /// The sessions that other shards have begun, and the times at which they did: epoch ms.
    pub sessions: Vec<(LimitName, i64)>,
    /// The quotas of which another shard holds this shard's share of the period. A new shard has
    /// none of them until the period ends.
    pub covered: Vec<LimitName>,
}

/// The expected other writers of a bucket. These expectations affect the choice of rows, and never
/// the grants: every row is exact for any content of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// The presence of Python clients, whose writes need the anchor to move.
    pub peers: Peers,
    /// The slack: the refill, in ms, that a full bucket may grant in addition to its capacity,
    /// once. With a slack, a write is done even if the bucket holds a little more than the image
    /// shows. 0 if nobody else writes.
    pub slack: i64,
    /// The millitokens that others have probably taken since the image, in the order of its limits.
    pub taken: SmallVec<[i64; 2]>,
}

/// The presence of Python clients that spend from the same bucket. A Python client computes the
/// refill from its own image. An old anchor makes the result wrong: tokens may be lost, but are
/// never minted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Peers {
    /// No Python client spends. The anchor moves only if it must.
    Absent,
    /// Some Python clients may spend. The first race with one of them may lose the tokens of one
    /// full bucket.
    #[default]
    Unknown,
    /// Python clients spend. Every write of a full bucket moves the anchor.
    Present,
}

impl<'a> From<&'a [Limit]> for Desired<'a> {
    fn from(limits: &'a [Limit]) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }
}

impl<'a, const N: usize> From<&'a [Limit; N]> for Desired<'a> {
    fn from(limits: &'a [Limit; N]) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }
}

impl<'a> From<&'a Limits> for Desired<'a> {
    fn from(limits: &'a Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }
}

impl<'a> From<&'a Vec<Limit>> for Desired<'a> {
    fn from(limits: &'a Vec<Limit>) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }
}
