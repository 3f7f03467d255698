//! The state of a bucket as a store returns it.

use smallvec::SmallVec;

use super::{
    BucketStamps, Definition, EntityId, InvalidParameters, Level, LimitName, LimitState,
    OwnerStamp, ParentLink, Pressure, Refill, RefillRule, WriteId,
};

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
    /// `true` if the bucket has the incarnation of its entity. Then its parent changes only with a
    /// newer [`stamp`](Self::stamp).
    pub stamped: bool,
    /// The version of the link to the parent, if it is known.
    pub stamp: Option<Box<OwnerStamp>>,
    /// The id of the last write by this crate.
    pub last_write: Option<WriteId>,
    pub(crate) limits: SmallVec<[LimitState; 2]>,
    /// The internal limit that counts the writes on the item, if the store has one.
    pub pressure: Option<Pressure>,
    /// The stamps, if there are any.
    pub stamps: Option<Box<BucketStamps>>,
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
            stamp: None,
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

    /// Returns `true` if a write should give the bucket this link, because the bucket has none.
    pub(crate) fn lacks(&self, link: &ParentLink) -> bool {
        self.lacks_parent() && (link.parent.is_some() || link.stamp.is_some())
    }

    /// Sets the parent, and the version of the link to it.
    pub(crate) fn set_lineage(&mut self, lineage: Option<&ParentLink>) {
        if let Some(lineage) = lineage {
            self.parent.clone_from(&lineage.parent);
            self.cascade = lineage.cascade;
            if let Some(stamp) = &lineage.stamp {
                self.stamped = true;
                self.stamp = Some(Box::new(stamp.clone()));
            }
        }
    }

    /// Returns `true` if a move of the entity may give the bucket this link: the bucket has no
    /// newer one of the same incarnation.
    pub(crate) fn takes(&self, link: &ParentLink) -> bool {
        let newer = |(own, new): (&OwnerStamp, &OwnerStamp)| new.is_older_than(own);
        let both = self.stamp.as_deref().zip(link.stamp.as_ref());
        !both.is_some_and(newer)
    }

    /// Makes this shard one of `count`, which is more than before. Quotas stay granted as they are.
    ///
    /// # Errors
    /// [`InvalidParameters`] if a limit cannot be divided by `count`.
    pub(crate) fn raise(&mut self, count: u32) -> Result<(), InvalidParameters> {
        let (shard, before) = (self.shard, self.shard_count);
        for limit in &mut self.limits {
            limit.rule = limit.parameters.shard(shard, count)?;
            if let Some(scheduled) = &mut limit.scheduled {
                scheduled.shard = (shard, count);
            }
            limit.set_anchor(self.refilled_at);
            if let Some(period) = &mut limit.period
                && count > before
            {
                period.grant.get_or_insert((shard, before));
            }
        }
        self.shard_count = count;
        Ok(())
    }

    /// Returns the time before which tokens may be spent: epoch ms. `None` for any time.
    pub(crate) fn valid_until(&self) -> Option<i64> {
        self.stamps.as_ref()?.valid_until
    }

    /// Sets the time before which tokens may be spent: epoch ms.
    pub(crate) fn set_valid_until(&mut self, end: Option<i64>) {
        let mut stamps = self.stamps.take().unwrap_or_default();
        stamps.valid_until = end;
        self.stamps = (!stamps.is_empty()).then_some(stamps);
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

    /// Returns `true` if the bucket does not enforce the limit at `now` (epoch ms).
    pub(crate) fn waives(&self, limit: &LimitName, now: i64) -> bool {
        self.stamps
            .as_ref()
            .is_some_and(|stamps| stamps.is_bypassed(now) || stamps.is_soft(limit, now))
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

    /// Returns the rule by which `known` would refill at `now` (epoch ms) if it had another
    /// definition. A definition that is not valid for the number of shards changes nothing.
    pub(crate) fn rule_with(
        &self,
        known: &LimitState,
        wanted: impl Into<Definition>,
        now: i64,
    ) -> RefillRule {
        let wanted = wanted.into();
        let parameters = wanted.parameters_at(now.max(self.refilled_at));
        let renewal = wanted.renewal;
        let Ok(rule) = parameters.shard(self.shard, self.shard_count) else {
            return known.rule_at(now);
        };
        match renewal {
            None => rule,
            Some(renewal) if known.renewal() == Some(&renewal) => {
                let before = known.rule_at(now);
                let capacity = match known.period() {
                    Some(period) if !before.is_renewed() => {
                        period.ceiling(parameters, rule.capacity())
                    }
                    _ => rule.capacity(),
                };
                RefillRule::quota(capacity, renewal.cycle(), before.renewed_in())
            }
            Some(renewal) => {
                let left = renewal.end_after(now).saturating_sub(now);
                RefillRule::quota(rule.capacity(), renewal.cycle(), left)
            }
        }
    }

    /// Returns the level of `known`, one of the bucket's limits, at `now` (epoch ms).
    pub fn level_at(&self, known: &LimitState, now: i64) -> Level {
        self.refilled(known, 0, now)
    }

    /// Returns the level at `now` (epoch ms) after `give` millitokens are given back. They never
    /// raise it above the capacity of that time.
    pub(crate) fn refilled(&self, known: &LimitState, give: i64, now: i64) -> Level {
        let rule = known.rule_at(now);
        let level = Level {
            tokens: known.level.tokens.saturating_add(give),
            ..known.level
        };
        match known.course_at(now).filter(|_| !rule.is_quota()) {
            None => rule.refill(level, self.age_for(rule, now)),
            Some(course) => {
                let span = course.refill(self.refilled_at, now, level.remainder);
                // An earlier window cuts what was there then, and not what is given back now.
                let span = span.with_more(give);
                rule.refill(span.apply(level), 0)
            }
        }
    }

    /// Returns the refill of `known` since the anchor, before the capacity limits it, at `now`
    /// (epoch ms).
    pub(crate) fn due_at(&self, known: &LimitState, now: i64) -> Refill {
        self.due_by(known.rule_at(now), known, now)
    }

    /// Returns the refill as [`due_at`](Self::due_at) does, by this rule of the limit.
    pub(crate) fn due_by(&self, rule: RefillRule, known: &LimitState, now: i64) -> Refill {
        self.due_with_ceiling(rule, known, now).0
    }

    /// Returns the refill as [`due_by`](Self::due_by) does, and the most that the limit can hold at
    /// `now` because of the capacities that its schedule has set since the anchor.
    pub(crate) fn due_with_ceiling(
        &self,
        rule: RefillRule,
        known: &LimitState,
        now: i64,
    ) -> (Refill, i64) {
        match known.course_at(now).filter(|_| !rule.is_quota()) {
            None => {
                let refill = rule.accrue(self.age_for(rule, now), known.level.remainder);
                (refill, i64::MAX)
            }
            Some(course) => {
                let span = course.refill(self.refilled_at, now, known.level.remainder);
                (span.refill, span.ceiling)
            }
        }
    }

    /// Moves the anchor to `to`: epoch ms. The rules of the limits are those of that time.
    pub(crate) fn set_anchor(&mut self, to: i64) {
        self.refilled_at = to;
        for limit in &mut self.limits {
            limit.set_anchor(to);
        }
    }

    /// Returns the time that counts for the refill. A quota's rule is that of `now`, and the time
    /// before does not count.
    fn age_for(&self, rule: RefillRule, now: i64) -> i64 {
        if rule.is_quota() { 0 } else { self.age(now) }
    }

    /// Returns the first time at which the period of a limit ends, or at which its schedule changes
    /// its numbers: epoch ms. `None` if the bucket has neither quotas nor schedules.
    pub(crate) fn first_end(&self) -> Option<i64> {
        let periods = self.limits.iter().filter_map(|known| known.period.as_ref());
        let periods = periods.map(|period| period.ends_at).min();
        match (periods, self.first_change()) {
            (Some(period), Some(change)) => Some(period.min(change)),
            (period, change) => period.or(change),
        }
    }

    /// Returns the first time after the anchor at which a schedule changes the numbers of a limit:
    /// epoch ms.
    fn first_change(&self) -> Option<i64> {
        let scheduled = self
            .limits
            .iter()
            .filter_map(|known| known.scheduled.as_ref());
        scheduled.map(|scheduled| scheduled.until).min()
    }

    /// Returns `true` if one of the limits is a quota.
    pub(crate) fn has_a_quota(&self) -> bool {
        self.limits.iter().any(|known| known.period.is_some())
    }

    /// Returns `true` if a schedule has changed the numbers of a limit since the anchor, or if the
    /// bucket does not tell other clients when it will.
    pub(crate) fn is_past_a_change(&self, now: i64) -> bool {
        self.first_change().is_some_and(|change| {
            change <= now || self.valid_until().is_none_or(|until| until > change)
        })
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
