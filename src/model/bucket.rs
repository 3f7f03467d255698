//! The state of a bucket as a store returns it.

use smallvec::SmallVec;

use super::{
    EntityId, InvalidParameters, Level, LimitName, Parameters, PeerFlags, RefillRule, WriteId,
};

/// The parent of an entity, as the entity's buckets store it. Python clients use this copy and do
/// not read the entity again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParentLink {
    /// The entity's parent.
    pub parent: EntityId,
    /// `true` if the parent's bucket is charged too.
    pub cascade: bool,
}

impl ParentLink {
    /// Returns the parent of an entity. If it cascades, the parent's bucket is charged too.
    pub fn new(parent: EntityId, cascade: bool) -> Self {
        Self { parent, cascade }
    }
}

/// One bucket shard as it was last read or written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BucketState {
    /// The anchor: the time up to which the stored tokens are refilled, epoch ms. A reader adds the
    /// refill since then. A write that relies on the anchor requires that it has not moved.
    pub refilled_at: i64,
    /// The anchor that the last write of this crate set, epoch ms. If this anchor differs from
    /// [`refilled_at`](Self::refilled_at), a Python client has written.
    pub own_anchor: Option<i64>,
    /// The time from which the bucket counts as gone: epoch seconds.
    pub expires_at: Option<i64>,
    /// The number of this shard, from 0.
    pub shard: u32,
    /// The number of shards of the bucket.
    pub shard_count: u32,
    /// `true` if the parent's bucket is charged too.
    pub cascade: bool,
    /// The entity's parent.
    pub parent: Option<EntityId>,
    /// `true` if a Python client has stamped the bucket with the incarnation of its entity. Then
    /// only Python clients change its parent.
    pub stamped: bool,
    /// The id of the last write by this crate.
    pub last_write: Option<WriteId>,
    pub(crate) limits: SmallVec<[LimitState; 2]>,
    /// The internal limit that counts the writes on the item, if the store has one.
    pub pressure: Option<Pressure>,
    /// The stamps of newer Python clients, if there are any.
    pub stamps: Option<Box<PeerFlags>>,
}

impl BucketState {
    /// Returns an unsharded bucket without limits that was refilled at `refilled_at` (epoch ms).
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

    /// Returns the limits, in the store's order.
    pub fn limits(&self) -> &[LimitState] {
        &self.limits
    }

    /// Returns the limits, to change them.
    pub fn limits_mut(&mut self) -> &mut [LimitState] {
        &mut self.limits
    }

    /// Returns the same bucket with these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: impl IntoIterator<Item = LimitState>) -> Self {
        self.limits = limits.into_iter().collect();
        self
    }

    /// Returns the state of the limit `name`.
    pub fn limit(&self, name: &LimitName) -> Option<&LimitState> {
        self.limits.iter().find(|limit| limit.name == *name)
    }

    /// Returns `true` if the bucket does not name the entity's parent, because it was created
    /// before the entity.
    pub(super) fn lacks_parent(&self) -> bool {
        self.parent.is_none() && !self.stamped
    }

    pub(super) fn set_lineage(&mut self, lineage: Option<&ParentLink>) {
        if let Some(lineage) = lineage {
            self.parent = Some(lineage.parent.clone());
            self.cascade = lineage.cascade;
        }
    }

    /// Returns `true` if the bucket counts as gone at `now` (epoch ms), even if it is not deleted
    /// yet.
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires_at
            .is_some_and(|seconds| seconds <= now.div_euclid(1000))
    }

    /// Returns `true` if acquires are admitted and only counted at `now` (epoch ms).
    pub fn is_bypassed(&self, now: i64) -> bool {
        self.stamps
            .as_ref()
            .is_some_and(|stamps| stamps.is_bypassed(now))
    }

    /// Returns `true` if the limit is charged but refuses nothing at `now` (epoch ms).
    pub fn is_soft(&self, limit: &LimitName, now: i64) -> bool {
        self.stamps
            .as_ref()
            .is_some_and(|stamps| stamps.is_soft(limit, now))
    }

    /// Returns the first level, in millitokens, of a limit that the bucket does not have yet:
    /// `capacity`, or 0 if the bucket has a part of the limit.
    pub fn begins_with(&self, limit: &LimitName, capacity: i64) -> i64 {
        let incomplete = self
            .stamps
            .as_ref()
            .is_some_and(|stamps| stamps.incomplete.contains(limit));
        if incomplete { 0 } else { capacity }
    }

    /// Returns the rule by which `known` would refill at `now` (epoch ms) if it had other
    /// parameters. Parameters that are not valid for the number of shards change nothing.
    pub(crate) fn rule_with(
        &self,
        known: &LimitState,
        parameters: impl Into<Parameters>,
        now: i64,
    ) -> RefillRule {
        parameters
            .into()
            .shard(self.shard, self.shard_count)
            .unwrap_or_else(|_| known.rule_at(now))
    }

    /// Returns the level of `known` at `now` (epoch ms).
    pub(crate) fn level_at(&self, known: &LimitState, now: i64) -> Level {
        known.rule_at(now).refill(known.level, self.age(now))
    }

    /// Returns `true` if a Python client has moved the anchor since the last write of this crate.
    pub fn shows_peer(&self) -> bool {
        self.own_anchor != Some(self.refilled_at)
    }

    /// Returns the milliseconds since the anchor; 0 if the anchor is in the future.
    pub fn age(&self, now: i64) -> i64 {
        now.saturating_sub(self.refilled_at).max(0)
    }
}

/// The internal limit that counts the writes on an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// The rule for the writes that one item takes.
    pub rule: RefillRule,
    /// The writes that are left.
    pub level: Level,
    /// 1000 for each write since the item was created.
    pub consumed: i64,
}

impl Pressure {
    /// Returns the count of an item that takes writes by this rule.
    pub fn new(rule: RefillRule, level: Level, consumed: i64) -> Self {
        Self {
            rule,
            level,
            consumed,
        }
    }
}

/// One limit of a bucket shard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitState {
    /// The limit's name.
    pub name: LimitName,
    /// The parameters of the limit, for all shards together.
    pub parameters: Parameters,
    /// The rule of this shard, computed once.
    pub(crate) rule: RefillRule,
    /// The tokens at the last refill.
    pub level: Level,
    /// The net consumption since the bucket was created, millitokens.
    pub consumed: i64,
}

impl LimitState {
    /// Returns the limit `name` of shard `shard` of `count`.
    ///
    /// # Errors
    /// [`InvalidParameters`] if period times shard count exceeds an `i64`, or if `shard` is not
    /// below `count`.
    pub fn new(
        name: LimitName,
        parameters: Parameters,
        (shard, count): (u32, u32),
        level: Level,
        consumed: i64,
    ) -> Result<Self, InvalidParameters> {
        let rule = parameters.shard(shard, count)?;
        Ok(Self {
            name,
            parameters,
            rule,
            level,
            consumed,
        })
    }

    /// Returns the rule by which this shard's limit refills at `_now` (epoch ms). A token bucket
    /// has the same rule at any time.
    #[inline]
    pub fn rule_at(&self, _now: i64) -> RefillRule {
        self.rule
    }
}
