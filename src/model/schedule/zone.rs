//! A time zone of the IANA database.

#[cfg(not(feature = "quotas"))]
use std::convert::Infallible;
use std::hash::{Hash, Hasher};

#[cfg(feature = "quotas")]
use jiff::{
    Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};

use super::error::InvalidSchedule;

/// A time zone. Zones are equal if their names are. Without the feature `quotas` there is none.
///
/// Times are epoch milliseconds. Each instant has one local time, so that gaps and folds need no
/// rule: the local times of a gap do not occur, and those of a fold occur twice.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    name: Box<str>,
    #[cfg(feature = "quotas")]
    rules: TimeZone,
    #[cfg(not(feature = "quotas"))]
    never: Infallible,
}

#[cfg(feature = "quotas")]
impl Zone {
    /// Finds a zone by its exact name.
    pub(super) fn new(name: &str) -> Result<Self, InvalidSchedule> {
        let unknown = || InvalidSchedule::Zone(name.into());
        let rules = TimeZoneDatabase::bundled()
            .get(name)
            .map_err(|_| unknown())?;
        // The database ignores case, and knows the name of no zone. The Python client does neither.
        if rules.iana_name() != Some(name) || rules.is_unknown() {
            return Err(unknown());
        }
        Ok(Self {
            name: name.into(),
            rules,
        })
    }

    /// Returns how far local time is ahead of UTC, milliseconds.
    pub(super) fn offset(&self, at: i64) -> i64 {
        i64::from(self.rules.to_offset(timestamp(at)).seconds()) * 1000
    }

    /// Returns the first time after `at` at which the offset may change. [`i64::MAX`] if there is
    /// none.
    pub(super) fn next_transition(&self, at: i64) -> i64 {
        let next = self.rules.following(timestamp(at)).next();
        next.map_or(i64::MAX, |next| next.timestamp().as_millisecond())
    }

    /// Returns the last time up to `at` at which the offset may have changed. [`i64::MIN`] if there
    /// is none.
    pub(super) fn last_transition(&self, at: i64) -> i64 {
        let last = self.rules.preceding(timestamp(at.saturating_add(1))).next();
        last.map_or(i64::MIN, |last| last.timestamp().as_millisecond())
    }
}

#[cfg(not(feature = "quotas"))]
impl Zone {
    pub(super) fn new(_name: &str) -> Result<Self, InvalidSchedule> {
        Err(InvalidSchedule::Unsupported)
    }

    pub(super) fn offset(&self, _at: i64) -> i64 {
        match self.never {}
    }

    pub(super) fn next_transition(&self, _at: i64) -> i64 {
        match self.never {}
    }

    pub(super) fn last_transition(&self, _at: i64) -> i64 {
        match self.never {}
    }
}

impl Zone {
    /// Returns the name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Returns the time, or the nearest one that a calendar of four digits has.
#[cfg(feature = "quotas")]
fn timestamp(at: i64) -> Timestamp {
    let nearest = if at < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_millisecond(at).unwrap_or(nearest)
}
