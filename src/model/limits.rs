//! The limits of one bucket.

use std::{
    convert::Infallible,
    ops::Deref,
    sync::{Arc, LazyLock},
};

use smallvec::SmallVec;

use super::{Limit, LimitName};

/// Limits that cannot stand together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLimits {
    /// There is none.
    #[error("at least one limit is needed")]
    Empty,
    /// Two limits have one name.
    #[error("the limit {0} is given twice")]
    Duplicate(LimitName),
    /// There are too many: the writes of a bucket grow with them, and DynamoDB takes only so much in one.
    #[error("{0} limits are too many for one bucket: it takes at most {most}", most = Limits::MOST)]
    TooMany(usize),
}

/// The limits of one bucket: at least one, each name once. Clones are cheap.
///
/// ```
/// use tollgate::{Limit, Limits};
///
/// let limits = Limits::new([Limit::per_minute("rpm", 60), Limit::per_minute("tpm", 1000)])?;
/// assert_eq!(limits.len(), 2);
/// assert!(Limits::new([Limit::per_minute("rpm", 60), Limit::per_hour("rpm", 60)]).is_err());
/// # Ok::<(), tollgate::model::InvalidLimits>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
// A thin pointer, because every request and every lease carries it; mostly it is one limit.
pub struct Limits(Arc<SmallVec<[Limit; 1]>>);

impl Limits {
    /// How many limits one bucket takes. Any write of so many stays within what DynamoDB takes in one expression: 4 KB and
    /// 300 operators.
    pub const MOST: usize = 16;

    /// Checks that there is at least one, not more than [`MOST`](Self::MOST), and no name stands twice.
    ///
    /// # Errors
    /// [`InvalidLimits::Empty`], [`InvalidLimits::TooMany`], [`InvalidLimits::Duplicate`].
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Result<Self, InvalidLimits> {
        let limits: SmallVec<[Limit; 1]> = limits.into_iter().collect();
        if limits.is_empty() {
            return Err(InvalidLimits::Empty);
        }
        if limits.len() > Self::MOST {
            return Err(InvalidLimits::TooMany(limits.len()));
        }
        for (index, limit) in limits.iter().enumerate() {
            if limits[..index].iter().any(|earlier| earlier.name() == limit.name()) {
                return Err(InvalidLimits::Duplicate(limit.name().clone()));
            }
        }
        Ok(Self(Arc::new(limits)))
    }

    /// The place of the limit `name`.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|limit| *limit.name() == name)
    }

    /// Returns `true` if both are the same, mostly told by the pointer alone.
    #[inline]
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.is(other) || self == other
    }

    /// Returns `true` if one is a clone of the other.
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Stands for limits that nobody has brought yet: no others are the same.
    pub(crate) fn unknown() -> &'static Self {
        static UNKNOWN: LazyLock<Limits> = LazyLock::new(|| Limits(Arc::default()));
        &UNKNOWN
    }
}

/// What is the limits of a bucket, or may be: a [`Limit`], an array, a slice or a vector of them, or
/// [`Limits`].
///
/// Limits that are lent are cloned only where the bucket does not know them yet.
pub trait IntoLimits {
    /// The limits, if they are made already.
    fn as_limits(&self) -> Option<&Limits> {
        None
    }

    /// The limits.
    ///
    /// # Errors
    /// [`InvalidLimits`] where they cannot stand together.
    fn into_limits(self) -> Result<Limits, InvalidLimits>;
}

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
