//! The result of an operation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{EntityId, LimitName, Resource};

/// The result of a reset or a top-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BucketOperation {
    /// The entity of the bucket.
    pub entity: EntityId,
    /// The resource of the bucket.
    pub resource: Resource,
    /// The number of shards that were changed; 0 if there was no bucket and none was created.
    pub shards: u32,
    /// The whole tokens that each limit got. A reset takes tokens from a limit that has more than
    /// its whole amount: then the number is negative.
    pub amounts: BTreeMap<LimitName, i64>,
    /// The key with which a repeat of the call returns this result.
    pub idempotency_key: String,
    /// `true` if an earlier call with the same key has done the operation, and this call has
    /// changed nothing.
    pub is_repeat: bool,
}

impl BucketOperation {
    /// Returns the tokens that the limit `name` got; 0 if the operation did not name it.
    pub fn amount(&self, name: &str) -> i64 {
        let mut amounts = self.amounts.iter();
        amounts
            .find(|(limit, _)| *limit == name)
            .map_or(0, |(_, amount)| *amount)
    }
}
