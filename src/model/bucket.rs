//! The state of a bucket as a store returns it.

use smallvec::SmallVec;

use super::{EntityId, InvalidParameters, Level, LimitName, Parameters, Rate, Stamps, WriteId};

/// What an entity that has a parent tells its buckets: peers go by that, and do not look at the
/// entity again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The entity's parent.
    pub parent: EntityId,
    /// `true` if the parent's bucket is charged too.
    pub cascade: bool,
}

/// One bucket shard as it was last read or written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BucketState {
    /// The anchor: the time up to which the stored tokens are refilled, epoch ms. What has refilled since is
    /// added by whoever reads them; writes that rely on it require that it has not moved.
    pub refilled_at: i64,
    /// The anchor that a write of this crate set last, epoch ms: another [`refilled_at`](Self::refilled_at)
    /// shows that a Python client has written.
    pub own_anchor: Option<i64>,
    /// When the bucket counts as gone: epoch seconds.
    pub expires_at: Option<i64>,
    /// Which shard this is.
    pub shard: u32,
    /// Among how many.
    pub shard_count: u32,
    /// `true` if the parent's bucket is charged too.
    pub cascade: bool,
    /// The entity's parent.
    pub parent: Option<EntityId>,
    /// `true` if a peer says on it whose it is: such stamps are left to peers.
    pub stamped: bool,
    /// The id of the last write of ours.
    pub last_write: Option<WriteId>,
    /// The limits, in the store's order.
    pub limits: SmallVec<[LimitState; 2]>,
    /// The internal limit that measures writes on the item, if the store keeps one.
    pub pressure: Option<Pressure>,
    /// What newer peers have stamped on it, where they have.
    pub stamps: Option<Box<Stamps>>,
}

impl BucketState {
    /// An unsharded bucket without limits that was refilled at `refilled_at` (epoch ms).
    pub fn new(refilled_at: i64) -> Self {
        Self {
            refilled_at,
            own_anchor: None,
            expires_at: None,
            shard: 0,
            shard_count: 1,
            cascade: false,
            parent: None,
            stamped: false,
            last_write: None,
            limits: SmallVec::new(),
            pressure: None,
            stamps: None,
        }
    }

    /// The state of the limit `name`.
    pub fn limit(&self, name: &LimitName) -> Option<&LimitState> {
        self.limits.iter().find(|limit| limit.name == *name)
    }

    /// Returns `true` if the bucket says nothing of the entity's parent: it was made before the entity.
    pub(super) fn lacks_parent(&self) -> bool {
        self.parent.is_none() && !self.stamped
    }

    /// Returns `true` if the bucket counts as gone at `now` (epoch ms), deleted or not.
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|seconds| seconds <= now.div_euclid(1000))
    }

    /// Returns `true` if acquires are admitted and only counted at `now` (epoch ms).
    pub fn is_bypassed(&self, now: i64) -> bool {
        self.stamps.as_ref().is_some_and(|stamps| stamps.is_bypassed(now))
    }

    /// Returns `true` if the limit is charged but refuses nothing at `now` (epoch ms).
    pub fn is_soft(&self, limit: &LimitName, now: i64) -> bool {
        self.stamps.as_ref().is_some_and(|stamps| stamps.is_soft(limit, now))
    }

    /// Returns the millitokens with which the limit begins that the bucket does not have: its capacity, or nothing if a
    /// part of it is there.
    pub fn begins_with(&self, limit: &LimitName, capacity: i64) -> i64 {
        let incomplete = self.stamps.as_ref().is_some_and(|stamps| stamps.incomplete.contains(limit));
        if incomplete { 0 } else { capacity }
    }

    /// Returns `true` if a Python client has moved the anchor since a write of this crate did.
    pub fn shows_peer(&self) -> bool {
        self.own_anchor != Some(self.refilled_at)
    }

    /// Milliseconds since the anchor; 0 if it lies in the future.
    pub fn age(&self, now: i64) -> i64 {
        now.saturating_sub(self.refilled_at).max(0)
    }
}

/// The internal limit that measures writes on an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// The writes that one item takes.
    pub rate: Rate,
    /// What is left of them.
    pub level: Level,
    /// 1000 for each write since the item exists.
    pub consumed: i64,
}

/// One limit of a bucket shard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitState {
    /// The limit's name.
    pub name: LimitName,
    /// Its parameters, of the whole bucket.
    pub parameters: Parameters,
    /// What this shard holds at most and gains.
    pub rate: Rate,
    /// Tokens at the last refill.
    pub level: Level,
    /// Net consumption since the bucket exists, millitokens.
    pub consumed: i64,
}

impl LimitState {
    /// The limit `name` of shard `shard` among `count`.
    ///
    /// # Errors
    /// [`InvalidParameters`] where the shard count makes the refill period too long.
    pub fn new(
        name: LimitName,
        parameters: Parameters,
        (shard, count): (u32, u32),
        level: Level,
        consumed: i64,
    ) -> Result<Self, InvalidParameters> {
        let rate = parameters.shard(shard, count)?;
        Ok(Self { name, parameters, rate, level, consumed })
    }
}
