//! The conditions and changes of a write that concern the whole bucket.
//!
//! The enums may get more variants. A store must refuse a write with a variant that it does not
//! know, with an error of kind [`Rejected`](crate::store::StoreErrorKind::Rejected): a condition
//! that is not checked can create tokens.

use super::WriteId;

/// The condition of a write on a bucket's anchor, and the time to which it moves the anchor, if it
/// does. The anchor is the time up to which the bucket's tokens are refilled. Epoch ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Anchor {
    /// Requires nothing. The anchor stays.
    Free,
    /// Requires that the anchor has this value. The anchor stays.
    Pinned(i64),
    /// Requires that the anchor is `seen`, and moves it to `to`.
    Moves {
        /// The anchor before.
        seen: i64,
        /// The anchor after. Never equal to `seen`.
        to: i64,
    },
}

impl Anchor {
    /// Returns the anchor that the write requires.
    pub fn seen(self) -> Option<i64> {
        match self {
            Self::Free => None,
            Self::Pinned(seen) | Self::Moves { seen, .. } => Some(seen),
        }
    }

    /// Returns the anchor that the write sets.
    pub fn moves_to(self) -> Option<i64> {
        match self {
            Self::Free | Self::Pinned(_) => None,
            Self::Moves { to, .. } => Some(to),
        }
    }
}

/// The change of the time from which the bucket counts as gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expiry {
    /// The expiry stays.
    Keep,
    /// Sets the expiry to this time (epoch seconds).
    At(i64),
    /// Removes the expiry.
    Never,
}

/// The change of the time before which tokens may be spent
/// ([`BucketStamps::valid_until`](crate::model::BucketStamps::valid_until)): the first end of a quota's
/// period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Boundary {
    /// It stays.
    Keep,
    /// Sets it to this time (epoch ms).
    At(i64),
    /// Removes it.
    Never,
}

/// The condition of a repeated write whose first answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Guard {
    /// No condition: the write is not a repeat.
    None,
    /// The last write of the bucket is not this one.
    NotLanded(WriteId),
}
