//! The conditional writes that a store executes.
//!
//! They contain no logic: [`plan`](super::plan) makes every decision before. Anything that must hold when the write
//! arrives is a condition with a literal.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use smallvec::SmallVec;

use super::{Level, LimitName, Lineage, Parameters, StampGuard};

/// The id of a write, stored in the item. If the answer is lost, it shows if the write was done.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WriteId(Box<str>);

impl WriteId {
    /// Returns the id with that number, as 11 base64url characters.
    pub fn from_number(number: u64) -> Self {
        Self(URL_SAFE_NO_PAD.encode(number.to_be_bytes()).into())
    }

    /// Returns an id from the text in an item.
    pub fn from_text(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the id as an item stores it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a number that identifies the writer of the id, almost uniquely. Each writer counts from a random number,
    /// so the first six characters stay the same for 2^28 writes.
    pub(crate) fn writer(&self) -> u64 {
        self.0.bytes().take(6).fold(0, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)) >> 20
    }
}

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteId({})", self.0)
    }
}

/// The change of a limit's tokens, millitokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenChange {
    /// Adds to the tokens in the store at the time of the write.
    Add(i64),
    /// Replaces the tokens in the store. Only exact if the line's floor holds.
    Set(i64),
}

/// The change of one limit of a bucket. Amounts are millitokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The limit.
    pub limit: LimitName,
    /// The change of its tokens.
    pub tokens: TokenChange,
    /// Condition: the limit holds at least this.
    pub floor: Option<i64>,
    /// Condition: the limit holds at most this.
    pub ceiling: Option<i64>,
    /// Condition: its parameters are these.
    pub expected: Option<Parameters>,
    /// The amount that is added to its consumption counter.
    pub consumed: i64,
    /// The new remainder of its refill division.
    pub remainder: Option<i64>,
    /// Its new parameters.
    pub parameters: Option<Parameters>,
}

impl Line {
    /// Returns `true` if floor and ceiling hold for `tokens` (millitokens).
    pub fn holds(&self, tokens: i64) -> bool {
        self.floor.is_none_or(|floor| tokens >= floor) && self.ceiling.is_none_or(|ceiling| tokens <= ceiling)
    }
}

/// A limit that a write adds to a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLimit {
    /// The limit. Condition: the bucket does not have it.
    pub limit: LimitName,
    /// Its parameters.
    pub parameters: Parameters,
    /// Its tokens.
    pub level: Level,
    /// Its consumption counter, millitokens.
    pub consumed: i64,
}

/// The condition of a write on a bucket's anchor, and the time to which it moves the anchor, if it does. The anchor is
/// the time up to which the bucket's tokens are refilled. Epoch ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Requires nothing. The anchor stays.
    Free,
    /// Condition: the anchor is this. It stays.
    Pinned(i64),
    /// Condition: the anchor is `seen`. It becomes `to`.
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
pub enum Expiry {
    /// The expiry stays.
    Keep,
    /// Sets the expiry to this time (epoch seconds).
    At(i64),
    /// Removes the expiry.
    Never,
}

/// The condition of a repeated write whose first answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// No condition: the write is not a repeat.
    None,
    /// The last write of the bucket is not this one.
    NotLanded(WriteId),
}

/// A conditional update of a bucket that exists and has not expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The write's id, stored in the item.
    pub id: WriteId,
    /// The time at which expiry is checked (epoch ms).
    pub now: i64,
    /// The condition on the bucket's anchor, and the new anchor.
    pub anchor: Anchor,
    /// The changes of the limits.
    pub lines: SmallVec<[Line; 2]>,
    /// The limits that are added.
    pub added: SmallVec<[NewLimit; 0]>,
    /// The change of the internal limit that counts writes.
    pub pressure: Option<TokenChange>,
    /// The change of the expiry.
    pub expiry: Expiry,
    /// The parent, for a bucket that was created before its entity. Condition: the bucket has no parent.
    pub lineage: Option<Lineage>,
    /// The condition of a repeat.
    pub guard: Guard,
    /// The conditions on the stamps of peers.
    pub stamps: StampGuard,
    /// Condition: the bucket has this number of shards. Capacity and refill were divided by it.
    pub shard_count: Option<u32>,
}

/// Creates a bucket if none exists or if the existing one has expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// The write's id, stored in the item.
    pub id: WriteId,
    /// The time at which expiry is checked, and the bucket's first anchor (epoch ms).
    pub now: i64,
    /// Its limits.
    pub limits: SmallVec<[NewLimit; 2]>,
    /// The time from which the bucket counts as gone: epoch seconds.
    pub expires_at: Option<i64>,
    /// The number of shards of the bucket.
    pub shard_count: u32,
    /// The entity's parent, if it has one.
    pub lineage: Option<Lineage>,
}

/// Doubles the shards of a bucket: each shard gives half of its tokens to a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The write's id, stored in the items.
    pub id: WriteId,
    /// The time at which expiry is checked (epoch ms).
    pub now: i64,
    /// Condition: the bucket has this number of shards. At most half of [`MOST_SHARDS`](Self::MOST_SHARDS).
    pub shard_count: u32,
}

impl Split {
    /// The maximum number of shards of a bucket: as many as one transaction can create.
    pub const MOST_SHARDS: u32 = 32;

    /// Returns the number of shards after the split; `None` if it would be above the maximum.
    pub fn doubled(&self) -> Option<u32> {
        self.shard_count.checked_mul(2).filter(|count| (2..=Self::MOST_SHARDS).contains(count))
    }
}
