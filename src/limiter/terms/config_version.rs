//! The version of limits. The version shows which limits are newer: those that were looked up, or
//! the parameters of a bucket.

/// Limits that were looked up at most this long before the bucket was first seen count as younger
/// than its parameters, ms. The time of a look-up may be recorded as up to a second too early.
const STILL_YOUNG: i64 = 2000;

/// The version of limits: every change before this time is in them, epoch ms. For the parameters of
/// a bucket it is the time at which they were first seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConfigVersion(i64);

impl ConfigVersion {
    /// The version of limits that the caller has set: no bucket has newer ones.
    pub(crate) const NEWEST: Self = Self(i64::MAX);

    /// The version of limits that never change a bucket: all buckets have newer ones.
    pub(crate) const OLDEST: Self = Self(i64::MIN);

    /// Returns the version of limits with all changes before `time`.
    pub(crate) const fn as_of(time: i64) -> Self {
        Self(time)
    }

    /// Returns the version of the parameters of a bucket that is seen for the first time, or again
    /// after it was gone or unknown. `self` is the version before.
    pub(crate) fn seen_again(self, now: i64) -> Self {
        Self(self.0.max(now.saturating_sub(STILL_YOUNG)))
    }

    /// Returns `true` if the other limits are newer. Then limits of this version are in doubt, and
    /// are replaced by the newer ones.
    #[inline]
    pub(crate) fn is_older_than(self, other: Self) -> bool {
        self.0 < other.0
    }
}
