//! The conditional writes that a store executes.
//!
//! They are dumb on purpose: every decision is made before, in [`plan`](super::plan), and whatever
//! must hold when the write arrives is a condition with a literal.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use smallvec::SmallVec;

use super::{Level, LimitName, Lineage, Parameters, StampGuard};

/// The id of a write, kept in the item: it tells whether a write landed whose answer was lost.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WriteId(Box<str>);

impl WriteId {
    /// The id with that number, as 11 base64url characters.
    pub fn from_number(number: u64) -> Self {
        Self(URL_SAFE_NO_PAD.encode(number.to_be_bytes()).into())
    }

    /// An id as an item holds it.
    pub fn from_text(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The id as an item holds it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a number that ids of one writer share, and those of others hardly ever do: writers count from a
    /// random number, so the first six characters stay the same for 2^28 writes.
    pub(crate) fn writer(&self) -> u64 {
        self.0.bytes().take(6).fold(0, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)) >> 20
    }
}

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteId({})", self.0)
    }
}

/// How a write changes a limit's tokens, millitokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenChange {
    /// Adds to what the store holds by then.
    Add(i64),
    /// Replaces what the store holds: only where the line's floor makes the result exact.
    Set(i64),
}

/// What a write does to one limit of a bucket. Amounts are millitokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The limit.
    pub limit: LimitName,
    /// The change of its tokens.
    pub tokens: TokenChange,
    /// Condition: it holds at least this.
    pub floor: Option<i64>,
    /// Condition: it holds at most this.
    pub ceiling: Option<i64>,
    /// Condition: its parameters are these.
    pub expected: Option<Parameters>,
    /// Added to its consumption counter.
    pub consumed: i64,
    /// Replaces the remainder of its refill division.
    pub remainder: Option<i64>,
    /// Replaces its parameters.
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
        /// The anchor after. Another time than `seen`.
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

/// What a write does to the time at which the bucket counts as gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Nothing.
    Keep,
    /// Sets it to this time (epoch seconds).
    At(i64),
    /// Removes it.
    Never,
}

/// The condition of a repeated write whose first answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// None: not a repeat.
    None,
    /// The last write of the bucket is not this one.
    NotLanded(WriteId),
}

/// A conditional update of a bucket that exists and has not expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The write's id, kept in the item.
    pub id: WriteId,
    /// The time at which expiry is checked (epoch ms).
    pub now: i64,
    /// The condition on the bucket's anchor, and its move.
    pub anchor: Anchor,
    /// What it does to each limit.
    pub lines: SmallVec<[Line; 2]>,
    /// Limits that it adds.
    pub added: SmallVec<[NewLimit; 0]>,
    /// The change of the internal limit that measures writes.
    pub pressure: Option<TokenChange>,
    /// The change of the expiry.
    pub expiry: Expiry,
    /// The parent that it gives to a bucket made before its entity was. Condition: nobody else has.
    pub lineage: Option<Lineage>,
    /// For repeats.
    pub guard: Guard,
    /// What it requires of the stamps of others.
    pub stamps: StampGuard,
    /// Condition: the bucket has so many shards, which its capacity and refill were divided by.
    pub shard_count: Option<u32>,
}

/// Puts a bucket where none exists, or where one has expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// The write's id, kept in the item.
    pub id: WriteId,
    /// The time at which expiry is checked, and the bucket's first anchor (epoch ms).
    pub now: i64,
    /// Its limits.
    pub limits: SmallVec<[NewLimit; 2]>,
    /// When it counts as gone: epoch seconds.
    pub expires_at: Option<i64>,
    /// Among how many shards it is one.
    pub shard_count: u32,
    /// The entity's parent, where it has one.
    pub lineage: Option<Lineage>,
}

/// Doubles the shards of a bucket: each gives half of what it holds to a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The write's id, kept in the items.
    pub id: WriteId,
    /// The time at which expiry is checked (epoch ms).
    pub now: i64,
    /// Condition: the bucket has so many shards. At most half of [`MOST_SHARDS`](Self::MOST_SHARDS).
    pub shard_count: u32,
}

impl Split {
    /// The most shards that a bucket can have: as many as one transaction makes.
    pub const MOST_SHARDS: u32 = 32;

    /// How many shards there are then; `None` where a bucket cannot have so many.
    pub fn doubled(&self) -> Option<u32> {
        self.shard_count.checked_mul(2).filter(|count| (2..=Self::MOST_SHARDS).contains(count))
    }
}
