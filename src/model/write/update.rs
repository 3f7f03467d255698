//! The conditional update of a bucket.

use smallvec::SmallVec;

use super::{Anchor, Boundary, Expiry, Guard, Line, NewLimit, StampChange, TokenChange, WriteId};
use crate::model::{
    BucketStamps, BucketState, InvalidParameters, LimitName, MILLI, ParentLink, PeriodChange,
    StampGuard, Validity,
};

/// A conditional update of a bucket that exists and has not expired.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Update {
    /// The write's id, stored in the item.
    pub id: WriteId,
    /// The time at which expiry is checked (epoch ms).
    pub now: i64,
    /// The condition on the bucket's anchor, and the new anchor.
    pub anchor: Anchor,
    pub(crate) lines: SmallVec<[Line; 2]>,
    pub(crate) added: Vec<NewLimit>,
    /// `true` if the bucket has a reset schedule that would count for added token buckets too.
    pub(crate) has_reset_schedule: bool,
    /// `true` if the bucket has a schedule that would count for added limits too.
    pub(crate) has_schedule: bool,
    /// The change of the internal limit that counts writes.
    pub pressure: Option<TokenChange>,
    /// The change of the expiry.
    pub expiry: Expiry,
    /// The change of the time before which tokens may be spent.
    pub boundary: Boundary,
    /// The parent that the bucket gets, for a bucket that was created before its entity. The bucket
    /// must have no parent yet.
    pub lineage: Option<ParentLink>,
    /// The condition of a repeat.
    pub guard: Guard,
    /// The conditions on the stamps.
    pub stamps: StampGuard,
    /// The change of the stamps.
    pub stamp_change: Option<Box<StampChange>>,
    /// The number of shards that the bucket must have, by which capacity and refill were divided;
    /// `None` for no such condition.
    pub shard_count: Option<u32>,
    /// The number of shards that the bucket's item states after the write, if that is more.
    pub raises_to: Option<u32>,
}

impl Update {
    /// Returns an update at `now` (epoch ms) that changes only the bucket's last write.
    pub fn new(id: WriteId, now: i64) -> Self {
        Self {
            id,
            now,
            anchor: Anchor::Free,
            lines: SmallVec::new(),
            added: Vec::new(),
            has_reset_schedule: false,
            has_schedule: false,
            pressure: None,
            expiry: Expiry::Keep,
            boundary: Boundary::Keep,
            lineage: None,
            guard: Guard::None,
            stamps: StampGuard::default(),
            stamp_change: None,
            shard_count: None,
            raises_to: None,
        }
    }

    /// Returns the changes of the limits.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Returns the limits that are added.
    pub fn added(&self) -> &[NewLimit] {
        &self.added
    }

    /// Returns the sessions that the update begins, with the times at which they begin: epoch ms.
    pub(crate) fn opened(&self) -> Vec<(LimitName, i64)> {
        let opened = |line: &Line| match line.period {
            PeriodChange::Opens(at) => Some((line.limit.clone(), at)),
            _ => None,
        };
        self.lines.iter().filter_map(opened).collect()
    }

    /// Returns the same update at another time (epoch ms).
    #[must_use]
    pub fn with_now(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    /// Returns the same update with a condition on the anchor, and perhaps a new anchor.
    #[must_use]
    pub fn with_anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    /// Returns the same update with one more change of a limit.
    #[must_use]
    pub fn with_line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// Returns the same update with one more limit that is added.
    #[must_use]
    pub fn with_added(mut self, limit: NewLimit) -> Self {
        self.added.push(limit);
        self
    }

    /// Returns the same update with a change of the internal limit that counts writes.
    #[must_use]
    pub fn with_pressure(mut self, change: TokenChange) -> Self {
        self.pressure = Some(change);
        self
    }

    /// Returns the same update with a change of the expiry.
    #[must_use]
    pub fn with_expiry(mut self, expiry: Expiry) -> Self {
        self.expiry = expiry;
        self
    }

    /// Returns the same update with a change of the time before which tokens may be spent.
    #[must_use]
    pub fn with_boundary(mut self, boundary: Boundary) -> Self {
        self.boundary = boundary;
        self
    }

    /// Returns the same update with a parent, on condition that the bucket has none.
    #[must_use]
    pub fn with_lineage(mut self, lineage: ParentLink) -> Self {
        self.lineage = Some(lineage);
        self
    }

    /// Returns the same update with the condition of a repeat.
    #[must_use]
    pub fn with_guard(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// Returns the same update with conditions on the stamps.
    #[must_use]
    pub fn with_stamps(mut self, stamps: StampGuard) -> Self {
        self.stamps = stamps;
        self
    }

    /// Returns the same update with a change of the stamps.
    #[must_use]
    pub fn with_stamp_change(mut self, change: StampChange) -> Self {
        self.stamp_change = Some(Box::new(change));
        self
    }

    /// Returns the same update on condition that the bucket has `count` shards.
    #[must_use]
    pub fn with_shard_count(mut self, count: u32) -> Self {
        self.shard_count = Some(count);
        self
    }

    /// Returns `true` if every condition of the update holds for the bucket.
    pub fn holds(&self, state: &BucketState) -> bool {
        let guarded = match &self.guard {
            Guard::None => true,
            Guard::NotLanded(id) => state.last_write.as_ref() != Some(id),
        };
        guarded
            && !state.is_expired(self.now)
            && self
                .shard_count
                .is_none_or(|count| count == state.shard_count)
            && self
                .anchor
                .seen()
                .is_none_or(|seen| state.refilled_at == seen)
            && self.stamps.holds(
                state.stamps.as_deref().unwrap_or(&BucketStamps::default()),
                self.now,
            )
            && self
                .stamp_change
                .as_ref()
                .is_none_or(|change| change.holds(state, self.now))
            && self.lines.iter().all(|line| {
                state
                    .limit(&line.limit)
                    .is_some_and(|limit| line.holds(limit))
            })
            && self
                .added
                .iter()
                .all(|new| state.limit(&new.limit).is_none())
            && (self.lineage.is_none() || state.lacks_parent())
    }

    /// Changes the bucket as the update says. Its conditions must [hold](Self::holds).
    ///
    /// # Errors
    /// [`InvalidParameters`] if new parameters are not valid for the bucket's number of shards.
    /// Then the bucket is changed in part, and must not be stored.
    pub fn apply(&self, state: &mut BucketState) -> Result<(), InvalidParameters> {
        state.last_write = Some(self.id.clone());
        if let Some(count) = self.raises_to {
            state.raise(count)?;
        }
        if let Some(to) = self.anchor.moves_to() {
            state.set_anchor(to);
            state.own_anchor = Some(to);
            for limit in &mut state.limits {
                if let Some(period) = &mut limit.period {
                    period.ends_at = period.end_from(to);
                }
            }
        }
        match self.expiry {
            Expiry::Keep => {}
            Expiry::At(seconds) => state.expires_at = Some(seconds),
            Expiry::Never => state.expires_at = None,
        }
        state.set_lineage(self.lineage.as_ref());
        if let (Validity::Ends(_), Some(stamps)) = (self.stamps.validity, &mut state.stamps) {
            stamps.valid_until = None;
        }
        if let Some(change) = &self.stamp_change {
            change.apply(state);
        }
        match self.boundary {
            Boundary::Keep => {}
            Boundary::At(end) => state.set_valid_until(Some(end)),
            Boundary::Never => state.set_valid_until(None),
        }
        if let (Some(change), Some(pressure)) = (self.pressure, &mut state.pressure) {
            pressure.level.tokens = change.apply(pressure.level.tokens);
            pressure.consumed = pressure.consumed.saturating_add(MILLI);
        }
        let shard = (state.shard, state.shard_count);
        for line in &self.lines {
            if let Some(limit) = state
                .limits
                .iter_mut()
                .find(|limit| limit.name == line.limit)
            {
                line.apply(limit, shard, state.refilled_at)?;
            }
        }
        for new in &self.added {
            state.limits.push(new.state(shard, state.refilled_at)?);
        }
        Ok(())
    }
}
