//! The time after which an unused bucket is deleted.

/// The time after which a bucket that nobody uses is deleted from a table.
///
/// A bucket with the entity's own stored limits is never deleted. A bucket is never deleted before
/// it is full again, because a deleted bucket begins full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BucketTtl {
    /// This many times the longest time in which one of its limits fills or is renewed, at least an
    /// hour.
    Times(u32),
    /// The bucket stays.
    Never,
}

/// 7 times, as in the Python client.
impl Default for BucketTtl {
    fn default() -> Self {
        Self::Times(7)
    }
}

impl BucketTtl {
    /// Returns the time for which a bucket may be unused that fills in `time_to_fill`, both in ms.
    /// If buckets are not deleted, this is the time by which an expiry that another process has set
    /// is renewed.
    pub(crate) fn of(self, time_to_fill: i64) -> i64 {
        let times = match self {
            Self::Times(times) => times.max(1),
            Self::Never => 7,
        };
        time_to_fill.saturating_mul(i64::from(times))
    }
}
