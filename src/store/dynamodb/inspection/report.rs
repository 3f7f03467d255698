//! The definition of a table, as it was found.

use crate::store::StoreError;

/// The definition of a table, as [`Stack::inspect`](crate::store::dynamodb::Stack::inspect) found
/// it. It states facts and does not judge them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TableInspection {
    /// The status, as DynamoDB names it: `ACTIVE`, `UPDATING`, …
    pub status: Option<String>,
    /// The number of items. DynamoDB counts about every six hours.
    pub items: Option<u64>,
    /// The size in bytes, as old as the number of items.
    pub bytes: Option<u64>,
    /// The difference from the keys that a table must have; `None` if there is none.
    pub key_problem: Option<String>,
    /// The four indexes that a table must have, in their order.
    pub indexes: Vec<IndexInspection>,
    /// The name of the billing mode: `PAY_PER_REQUEST` or `PROVISIONED`.
    pub billing_mode: String,
    /// The images that the stream holds (`NEW_AND_OLD_IMAGES`, …); `None` without a stream.
    pub stream_view: Option<String>,
    /// `true` if the table is protected from deletion.
    pub is_protected: bool,
    /// The regions of the table's replicas. More than one copy makes a table global.
    pub replica_regions: Vec<String>,
    /// `true` if the replicas are strongly consistent. Without that, the last writer wins.
    pub is_consistent_over_regions: bool,
    /// The attribute with the time of expiry, which should be `ttl`; `None` if items do not expire.
    pub expiry_attribute: Result<Option<String>, StoreError>,
    /// `true` if the table can be restored to a point in time.
    pub is_recoverable: Result<bool, StoreError>,
    /// The time by which the clock of this machine is ahead of DynamoDB's, in milliseconds; below
    /// zero if it is behind. 0 if the difference is within the precision of the answers' dates, a
    /// second. `None` if the answers have no date.
    pub clock_ahead: Option<i64>,
}

/// An index that a table must have, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexInspection {
    /// The name of the index.
    pub name: String,
    /// `false` if the table has no such index.
    pub exists: bool,
    /// The status, as DynamoDB names it: `ACTIVE`, `CREATING`, …
    pub status: Option<String>,
    /// The difference from the keys that the index must have; `None` if there is none.
    pub key_problem: Option<String>,
    /// The name of the projection: `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: Option<String>,
}
