//! Stamps: attributes of a bucket that are stored in addition to its limits.

use super::LimitName;

/// The stamps of a bucket: what its stored configs say of it, and when it must be renewed. Python
/// clients write the same ones. This crate obeys them, or refuses the bucket and names the stamp.
/// Every write keeps the stamps that it does not change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketStamps {
    /// `true` if every acquire is refused.
    pub disabled: bool,
    /// The time before which acquires are granted and only counted (epoch ms).
    pub bypassed_until: Option<i64>,
    /// The limits that are charged but refuse nothing, each until a time (epoch ms).
    pub soft_until: Vec<(LimitName, i64)>,
    /// The time before which tokens may be spent without a refill (epoch ms). Afterwards, the level
    /// must first be reduced to the capacity.
    pub valid_until: Option<i64>,
    /// An attribute that changes the meaning of the limits in a way that this crate does not
    /// understand.
    pub not_understood: Option<String>,
    /// The limits of which the item has only a part. These limits begin empty, because nobody knows
    /// how much of them was spent.
    pub incomplete: Vec<LimitName>,
    /// `true` if the item has a reset schedule that counts for every limit without one of its own.
    pub has_reset_schedule: bool,
    /// `true` if the item has a schedule of parameters that counts for every limit without one of
    /// its own.
    pub has_schedule: bool,
}

impl BucketStamps {
    /// Returns `true` if there are no stamps.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns `true` if acquires are admitted and only counted at `now` (epoch ms).
    pub fn is_bypassed(&self, now: i64) -> bool {
        self.bypassed_until.is_some_and(|until| until > now)
    }

    /// Returns `true` if the stamps tell only when the numbers of the limits change.
    pub(crate) fn only_date_the_numbers(&self) -> bool {
        let dates = Self {
            valid_until: self.valid_until,
            has_reset_schedule: self.has_reset_schedule,
            has_schedule: self.has_schedule,
            ..Self::default()
        };
        *self == dates
    }

    /// Returns `true` if a stamp may admit more than the bucket holds.
    pub(crate) fn admits_more(&self) -> bool {
        self.bypassed_until.is_some() || !self.soft_until.is_empty()
    }

    /// Returns `true` if the limit refuses nothing at `now` (epoch ms).
    pub fn is_soft(&self, limit: &LimitName, now: i64) -> bool {
        self.soft_until
            .iter()
            .any(|(name, until)| name == limit && *until > now)
    }

    /// Returns the time of the limit's stamp (epoch ms), even if it has passed.
    pub fn soft_stamp(&self, limit: &LimitName) -> Option<i64> {
        let (_, until) = self.soft_until.iter().find(|(name, _)| name == limit)?;
        Some(*until)
    }

    /// Returns `true` if the stamp of a bypass or of a soft limit has ended at `now` (epoch ms). It
    /// must be renewed or removed.
    pub fn has_ended(&self, now: i64) -> bool {
        self.bypassed_until.is_some_and(|until| until <= now)
            || self.soft_until.iter().any(|(_, until)| *until <= now)
    }

    /// Returns `true` if the level must be reduced to the capacity before anything is spent at
    /// `now` (epoch ms).
    pub fn is_outdated(&self, now: i64) -> bool {
        self.valid_until.is_some_and(|until| until <= now)
    }
}

/// The conditions of a write on a bucket's stamps at the time of the write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StampGuard {
    /// `true` if the bucket must not be disabled.
    pub enabled: bool,
    /// `Some(true)` if acquires must be only counted, `Some(false)` if they must not be.
    pub bypassed: Option<bool>,
    /// The limits that must refuse nothing.
    pub soft: Vec<LimitName>,
    /// The condition on [`BucketStamps::valid_until`].
    pub validity: Validity,
}

impl StampGuard {
    /// Returns the same conditions and one more: the bucket is not disabled.
    #[must_use]
    pub fn with_enabled(mut self) -> Self {
        self.enabled = true;
        self
    }

    /// Returns the same conditions and one more: acquires are only counted, or they are not.
    #[must_use]
    pub fn with_bypassed(mut self, bypassed: bool) -> Self {
        self.bypassed = Some(bypassed);
        self
    }

    /// Returns the same conditions and one more: the limit refuses nothing.
    #[must_use]
    pub fn with_soft(mut self, limit: LimitName) -> Self {
        self.soft.push(limit);
        self
    }

    /// Returns the same conditions with another one on [`BucketStamps::valid_until`].
    #[must_use]
    pub fn with_validity(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    /// Returns `true` if `stamps` meet the conditions at `now` (epoch ms).
    pub fn holds(&self, stamps: &BucketStamps, now: i64) -> bool {
        let valid = match self.validity {
            Validity::Any => true,
            Validity::Lasts => !stamps.is_outdated(now),
            Validity::Seen(seen) => stamps.valid_until == seen,
            Validity::Ends(seen) => stamps.valid_until == Some(seen),
        };
        valid
            && !(self.enabled && stamps.disabled)
            && self
                .bypassed
                .is_none_or(|bypassed| bypassed == stamps.is_bypassed(now))
            && self.soft.iter().all(|limit| stamps.is_soft(limit, now))
    }
}

/// The condition of a write on [`BucketStamps::valid_until`].
///
/// The enum may get more variants. A store must refuse a write with a variant that it does not
/// know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validity {
    /// No condition.
    #[default]
    Any,
    /// The time is absent or in the future.
    Lasts,
    /// The time has this value.
    Seen(Option<i64>),
    /// The time has this value, and the write removes it.
    Ends(i64),
}
