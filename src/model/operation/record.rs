//! An operation as a store executes it, and the record that it leaves.

use std::{collections::BTreeMap, fmt};

use super::ShardChange;
use crate::model::{AuditEvent, BucketKey, Create, LimitName};

/// The kind of an operation on a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OperationKind {
    /// All tokens come back.
    Reset,
    /// Tokens are added.
    TopUp,
}

impl OperationKind {
    /// Returns the word that a table stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::TopUp => "top_up",
        }
    }

    /// Returns the kind with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Reset, Self::TopUp]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Formats the kind as the table spells it.
impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The record of an operation, which is written together with it. A call with the same key finds
/// the record, and returns its result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationRecord {
    /// The key of the call, which identifies the record beside the bucket.
    pub key: String,
    /// The kind of the operation.
    pub kind: OperationKind,
    /// The number of shards that were changed; 0 if there was no bucket.
    pub shards: u32,
    /// The tokens that each limit got.
    pub amounts: BTreeMap<LimitName, i64>,
    /// A random text of the call that wrote the record.
    pub writer: String,
    /// The [incarnation](crate::model::Entity::incarnation) of the entity. A record of another
    /// incarnation counts as absent.
    pub incarnation: String,
}

impl OperationRecord {
    /// The incarnation of an entity that was not created. It matches every incarnation.
    pub const NO_INCARNATION: &'static str = "-";

    /// The time for which a record is kept, seconds: three days.
    pub const KEPT: i64 = 3 * 86_400;

    /// Returns the record of a call.
    pub fn new(
        key: impl Into<String>,
        kind: OperationKind,
        writer: impl Into<String>,
        incarnation: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            kind,
            shards: 0,
            amounts: BTreeMap::new(),
            writer: writer.into(),
            incarnation: incarnation.into(),
        }
    }

    /// Returns the same record with a result.
    #[must_use]
    pub fn with_result(mut self, shards: u32, amounts: BTreeMap<LimitName, i64>) -> Self {
        (self.shards, self.amounts) = (shards, amounts);
        self
    }

    /// Returns `true` if the record belongs to this incarnation of the entity, so that the record
    /// of the same key must not be replaced.
    pub fn is_of(&self, incarnation: &str) -> bool {
        let known = [incarnation, &self.incarnation];
        known.contains(&Self::NO_INCARNATION) || self.incarnation == incarnation
    }
}

/// An operation on a bucket, as a store executes it: completely or not at all.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Operation {
    /// The first shard of the bucket.
    pub bucket: BucketKey,
    /// The time at which the operation was planned: epoch ms.
    pub now: i64,
    /// The record of the operation. There must be no record of the same key and incarnation.
    pub record: OperationRecord,
    /// The changes of the shards.
    pub changes: Vec<ShardChange>,
    /// The bucket to create, if none exists.
    pub create: Option<Create>,
    /// The event of the history.
    pub event: AuditEvent,
    /// The time until which the event is kept: epoch seconds.
    pub event_expires_at: i64,
}

impl Operation {
    /// Returns an operation at `now` (epoch ms) that changes no shard. The event is kept until
    /// `event_expires_at` (epoch seconds).
    pub fn new(
        bucket: BucketKey,
        now: i64,
        record: OperationRecord,
        event: AuditEvent,
        event_expires_at: i64,
    ) -> Self {
        Self {
            bucket,
            now,
            record,
            changes: Vec::new(),
            create: None,
            event,
            event_expires_at,
        }
    }

    /// Returns the time until which the record is kept: epoch seconds.
    pub fn record_expires_at(&self) -> i64 {
        let now = self.now.div_euclid(1000);
        now.saturating_add(OperationRecord::KEPT)
    }
}
