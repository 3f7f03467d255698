//! The creation of a bucket.

use smallvec::SmallVec;

use super::{NewLimit, WriteId};
use crate::model::{BucketStamps, BucketState, InvalidParameters, LimitState, ParentLink};

/// Creates a bucket if none exists or if the existing one has expired.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Create {
    /// The write's id, stored in the item.
    pub id: WriteId,
    /// The time at which expiry is checked, and the bucket's first anchor (epoch ms).
    pub now: i64,
    pub(crate) limits: SmallVec<[NewLimit; 2]>,
    /// The time from which the bucket counts as gone: epoch seconds.
    pub expires_at: Option<i64>,
    /// The number of shards of the bucket.
    pub shard_count: u32,
    /// The entity's parent, if the entity has one.
    pub lineage: Option<ParentLink>,
    /// The stamps of the bucket, except those that its quotas set.
    pub stamps: Option<Box<BucketStamps>>,
}

impl Create {
    /// Returns the creation of an unsharded bucket at `now` (epoch ms), which never expires.
    pub fn new(id: WriteId, now: i64, limits: impl IntoIterator<Item = NewLimit>) -> Self {
        let limits = limits.into_iter().collect();
        Self {
            id,
            now,
            limits,
            expires_at: None,
            shard_count: 1,
            lineage: None,
            stamps: None,
        }
    }

    /// Returns the first time at which a quota's period ends or a schedule changes a limit's numbers:
    /// epoch ms.
    #[cfg(feature = "dynamodb")]
    pub(crate) fn first_end(&self) -> Option<i64> {
        let periods = self.limits.iter().filter_map(|new| new.period.as_ref());
        let changes = self.limits.iter().filter_map(|new| new.timetable.as_ref());
        let changes = changes.map(|timetable| timetable.window(self.now).until);
        periods.map(|period| period.ends_at).chain(changes).min()
    }

    /// Returns the limits of the bucket.
    pub fn limits(&self) -> &[NewLimit] {
        &self.limits
    }

    /// Returns the same creation at another time (epoch ms).
    #[must_use]
    pub fn with_now(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    /// Returns the same creation with the time from which the bucket counts as gone: epoch seconds.
    #[must_use]
    pub fn with_expires_at(mut self, seconds: i64) -> Self {
        self.expires_at = Some(seconds);
        self
    }

    /// Returns the same creation for a bucket of `count` shards.
    #[must_use]
    pub fn with_shard_count(mut self, count: u32) -> Self {
        self.shard_count = count;
        self
    }

    /// Returns the same creation with the entity's parent.
    #[must_use]
    pub fn with_lineage(mut self, lineage: ParentLink) -> Self {
        self.lineage = Some(lineage);
        self
    }

    /// Returns the same creation with stamps.
    #[must_use]
    pub fn with_stamps(mut self, stamps: BucketStamps) -> Self {
        self.stamps = (!stamps.is_empty()).then(|| Box::new(stamps));
        self
    }

    /// Returns shard `shard` of the bucket as the creation leaves it, without the internal limit
    /// that counts writes.
    ///
    /// # Errors
    /// [`InvalidParameters`] if a limit is not valid for this shard.
    pub fn bucket(&self, shard: u32) -> Result<BucketState, InvalidParameters> {
        let mut state = BucketState::new(self.now);
        state.own_anchor = Some(self.now);
        state.expires_at = self.expires_at;
        state.shard = shard;
        state.shard_count = self.shard_count;
        state.last_write = Some(self.id.clone());
        state.set_lineage(self.lineage.as_ref());
        let limits = self
            .limits
            .iter()
            .map(|new| new.state((shard, self.shard_count), self.now));
        state.limits = limits.collect::<Result<_, _>>()?;
        state.stamps = self.stamps.clone();
        state.set_valid_until(state.first_end());
        if let Some(stamps) = &mut state.stamps {
            let calendar = |known: &LimitState| known.renewal()?.calendar().map(|_| ());
            stamps.has_reset_schedule = state.limits.iter().find_map(calendar).is_some();
            stamps.has_schedule = state.limits.iter().any(|known| known.timetable().is_some());
        }
        Ok(state)
    }
}
