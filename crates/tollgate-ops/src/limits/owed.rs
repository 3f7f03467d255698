//! Writes of buckets that are owed, for people.

use serde::Serialize;

/// A write of buckets that an apply owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OwedFanOut {
    /// `disabled`, `cascade`, `soft` or `sync`.
    pub kind: String,
    /// The scope whose buckets are to be written: `resource: gpt-4`.
    pub scope: String,
    /// The time until which another apply may still work on it: epoch ms. `None` if none does.
    pub held_until: Option<i64>,
}
