//! What newer peers put on a bucket beside its limits.

use smallvec::SmallVec;

use super::LimitName;

/// What others have stamped on a bucket: obeyed, or refused by name; kept by every write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamps {
    /// Every acquire is refused.
    pub disabled: bool,
    /// Acquires are admitted and only counted before this time (epoch ms).
    pub bypassed_until: Option<i64>,
    /// Limits that are charged but refuse nothing before a time (epoch ms).
    pub soft_until: SmallVec<[(LimitName, i64); 1]>,
    /// Tokens may be spent without a refill before this time (epoch ms); afterwards the level has to
    /// be cut to the capacity first.
    pub valid_until: Option<i64>,
    /// An attribute that changes what the limits mean, in a way that this crate does not understand.
    pub not_understood: Option<String>,
    /// Limits of which the item has a part only. They begin empty: nobody knows what was spent of them.
    pub incomplete: SmallVec<[LimitName; 0]>,
}

impl Stamps {
    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns `true` if acquires are admitted and only counted at `now` (epoch ms).
    pub fn is_bypassed(&self, now: i64) -> bool {
        self.bypassed_until.is_some_and(|until| until > now)
    }

    /// Returns `true` if the limit refuses nothing at `now` (epoch ms).
    pub fn is_soft(&self, limit: &LimitName, now: i64) -> bool {
        self.soft_until.iter().any(|(name, until)| name == limit && *until > now)
    }

    /// Returns `true` if the level has to be cut to the capacity before anything is spent at `now` (epoch ms).
    pub fn is_outdated(&self, now: i64) -> bool {
        self.valid_until.is_some_and(|until| until <= now)
    }
}

/// What a write requires of a bucket's stamps, at the time of the write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StampGuard {
    /// The bucket is not disabled.
    pub enabled: bool,
    /// Acquires are only counted, or are not.
    pub bypassed: Option<bool>,
    /// These limits refuse nothing.
    pub soft: SmallVec<[LimitName; 0]>,
    /// What the time says until which tokens may be spent without a refill.
    pub validity: Validity,
}

impl StampGuard {
    /// Returns `true` if `stamps` are as required at `now` (epoch ms).
    pub fn holds(&self, stamps: &Stamps, now: i64) -> bool {
        let valid = match self.validity {
            Validity::Any => true,
            Validity::Lasts => !stamps.is_outdated(now),
            Validity::Seen(seen) => stamps.valid_until == seen,
            Validity::Ends(seen) => stamps.valid_until == Some(seen),
        };
        valid
            && !(self.enabled && stamps.disabled)
            && self.bypassed.is_none_or(|bypassed| bypassed == stamps.is_bypassed(now))
            && self.soft.iter().all(|limit| stamps.is_soft(limit, now))
    }
}

/// What a write requires of [`Stamps::valid_until`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validity {
    /// Nothing.
    #[default]
    Any,
    /// It is absent, or still to come.
    Lasts,
    /// It is this.
    Seen(Option<i64>),
    /// It is this, and the write removes it.
    Ends(i64),
}
