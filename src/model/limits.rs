//! The limits of one bucket.

use std::{
    convert::Infallible,
    ops::Deref,
    slice,
    sync::{Arc, LazyLock},
};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Limit, LimitName, Sealed};

/// An error for limits that cannot be combined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLimits {
    /// There is no limit.
    #[error("at least one limit is needed")]
    Empty,
    /// Two limits have the same name.
    #[error("the limit {0} is given twice")]
    Duplicate(LimitName),
    /// There are too many limits. A write of a bucket grows with its limits, and DynamoDB bounds
    /// the size of a write.
    #[error("{0} limits are too many for one bucket: it takes at most {most}", most = Limits::MOST)]
    TooMany(usize),
    /// The calendars of quotas, or the schedules, are in different time zones. A bucket has one zone.
    #[error("calendars and schedules of one bucket cannot be in two time zones: {0} and {1}")]
    Zones(Box<str>, Box<str>),
}

/// The limits of one bucket: at least one, each name once. Clones are cheap. The serialized form is
/// a sequence of [`Limit`]s, which is checked when it is read.
///
/// ```
/// use tollgate::{Limit, Limits};
///
/// let limits = Limits::new([Limit::per_minute("rpm", 60), Limit::per_minute("tpm", 1000)])?;
/// assert_eq!(limits.len(), 2);
/// assert!(Limits::new([Limit::per_minute("rpm", 60), Limit::per_hour("rpm", 60)]).is_err());
/// # Ok::<(), tollgate::model::InvalidLimits>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Limit>", into = "Vec<Limit>")]
// A thin pointer, because every request and every lease has one. Usually there is one limit.
pub struct Limits(Arc<SmallVec<[Limit; 1]>>);

impl Limits {
    /// The maximum number of limits of one bucket. Every write of that many limits stays within
    /// DynamoDB's bounds for one expression: 4 KB and 300 operators.
    pub const MOST: usize = 16;

    /// Checks that there is at least one limit, that there are at most [`MOST`](Self::MOST), and
    /// that no name is used twice.
    ///
    /// # Errors
    /// [`InvalidLimits::Empty`], [`InvalidLimits::TooMany`], [`InvalidLimits::Duplicate`],
    /// [`InvalidLimits::Zones`].
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Result<Self, InvalidLimits> {
        let limits: SmallVec<[Limit; 1]> = limits.into_iter().collect();
        if limits.is_empty() {
            return Err(InvalidLimits::Empty);
        }
        if limits.len() > Self::MOST {
            return Err(InvalidLimits::TooMany(limits.len()));
        }
        for (index, limit) in limits.iter().enumerate() {
            if limits[..index]
                .iter()
                .any(|earlier| earlier.name() == limit.name())
            {
                return Err(InvalidLimits::Duplicate(limit.name().clone()));
            }
        }
        match two_zones(&limits) {
            Some((one, other)) => Err(InvalidLimits::Zones(one, other)),
            None => Ok(Self(Arc::new(limits))),
        }
    }

    /// Returns `true` if the numbers of one of them depend on the time: it is a quota, or it has a
    /// schedule.
    #[inline]
    pub(crate) fn have_a_clock(&self) -> bool {
        let has = |limit: &Limit| limit.is_quota() || limit.timetable().is_some();
        self.0.iter().any(has)
    }

    /// Finds the windows of their schedules at `now` (epoch ms), so that nobody searches them while
    /// a bucket is locked.
    #[inline]
    pub(crate) fn prepare(&self, now: i64) {
        for limit in self.0.iter() {
            if let Some(timetable) = limit.timetable() {
                timetable.window(now);
            }
        }
    }

    /// Returns the time zone of their calendars and schedules, if there are any.
    pub(crate) fn zone(&self) -> Option<&str> {
        self.0.iter().flat_map(Limit::zones).next()
    }

    /// Returns the index of the limit `name`.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|limit| *limit.name() == name)
    }

    /// Returns `true` if both are equal. Usually a comparison of pointers.
    #[inline]
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.is(other) || self == other
    }

    /// Returns `true` if one is a clone of the other.
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns a placeholder for limits that no request has passed yet. The placeholder is equal to
    /// no valid limits.
    pub(crate) fn unknown() -> &'static Self {
        static UNKNOWN: LazyLock<Limits> = LazyLock::new(|| Limits(Arc::default()));
        &UNKNOWN
    }
}

/// Returns two time zones of the calendars and schedules of `limits`, if they have more than one.
fn two_zones(limits: &[Limit]) -> Option<(Box<str>, Box<str>)> {
    let mut zones = limits.iter().flat_map(Limit::zones);
    let first = zones.next()?;
    let other = zones.find(|other| *other != first)?;
    Some((first.into(), other.into()))
}

/// A value that can become the limits of a bucket: a [`Limit`], an array, a slice or a vector of
/// them, or [`Limits`].
///
/// Borrowed limits are cloned only if the bucket does not know them yet. The trait is sealed.
pub trait IntoLimits: Sealed {
    /// Returns the limits, if the value is already [`Limits`].
    fn as_limits(&self) -> Option<&Limits> {
        None
    }

    /// Converts the value to limits.
    ///
    /// # Errors
    /// [`InvalidLimits`] if the limits cannot be combined.
    fn into_limits(self) -> Result<Limits, InvalidLimits>;
}

impl Sealed for Limits {}

impl Sealed for &Limits {}

impl Sealed for Limit {}

impl<const N: usize> Sealed for [Limit; N] {}

impl Sealed for Vec<Limit> {}

impl Sealed for &[Limit] {}

impl IntoLimits for Limits {
    #[inline]
    fn as_limits(&self) -> Option<&Limits> {
        Some(self)
    }

    #[inline]
    fn into_limits(self) -> Result<Limits, InvalidLimits> {
        Ok(self)
    }
}

impl IntoLimits for &Limits {
    #[inline]
    fn as_limits(&self) -> Option<&Limits> {
        Some(self)
    }

    #[inline]
    fn into_limits(self) -> Result<Limits, InvalidLimits> {
        Ok(self.clone())
    }
}

impl IntoLimits for Limit {
    fn into_limits(self) -> Result<Limits, InvalidLimits> {
        Ok(self.into())
    }
}

impl<const N: usize> IntoLimits for [Limit; N] {
    fn into_limits(self) -> Result<Limits, InvalidLimits> {
        self.try_into()
    }
}

impl IntoLimits for Vec<Limit> {
    fn into_limits(self) -> Result<Limits, InvalidLimits> {
        self.try_into()
    }
}

impl IntoLimits for &[Limit] {
    fn into_limits(self) -> Result<Limits, InvalidLimits> {
        self.try_into()
    }
}

impl Deref for Limits {
    type Target = [Limit];

    #[inline]
    fn deref(&self) -> &[Limit] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Limits {
    type Item = &'a Limit;
    type IntoIter = slice::Iter<'a, Limit>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Limits> for Vec<Limit> {
    fn from(limits: Limits) -> Self {
        limits.to_vec()
    }
}

impl From<Limit> for Limits {
    fn from(limit: Limit) -> Self {
        Self(Arc::new(SmallVec::from_iter([limit])))
    }
}

impl From<&Limits> for Limits {
    #[inline]
    fn from(limits: &Limits) -> Self {
        limits.clone()
    }
}

impl<const N: usize> TryFrom<[Limit; N]> for Limits {
    type Error = InvalidLimits;

    fn try_from(limits: [Limit; N]) -> Result<Self, InvalidLimits> {
        Self::new(limits)
    }
}

impl TryFrom<Vec<Limit>> for Limits {
    type Error = InvalidLimits;

    fn try_from(limits: Vec<Limit>) -> Result<Self, InvalidLimits> {
        Self::new(limits)
    }
}

impl TryFrom<&[Limit]> for Limits {
    type Error = InvalidLimits;

    fn try_from(limits: &[Limit]) -> Result<Self, InvalidLimits> {
        Self::new(limits.iter().cloned())
    }
}

impl From<Infallible> for InvalidLimits {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_serialized_as_a_sequence_and_checked_when_they_are_read() {
        let limits =
            Limits::new([Limit::per_minute("rpm", 60), Limit::per_hour("rph", 5)]).unwrap();
        let json = serde_json::to_value(&limits).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 2);
        assert_eq!(
            serde_json::from_value::<Limits>(json.clone()).unwrap(),
            limits
        );
        let twice = serde_json::json!([json[0], json[0]]);
        let error = serde_json::from_value::<Limits>(twice).unwrap_err();
        assert!(error.to_string().contains("rpm is given twice"), "{error}");
    }
}
