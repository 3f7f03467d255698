//! The namespace of a table that a manifest is about.

use aws_sdk_dynamodb::Client;
use tollgate::{RateLimiter, store::dynamodb::DynamoDbStore};

use super::error::LimitsError;
use crate::{
    attributes::{PK, SK, text},
    record::Item,
};

/// A namespace of a table: the limiter that stores limits, and a client for the records of applies.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) limiter: RateLimiter,
    pub(super) client: Client,
    pub(super) table: String,
    /// The id of the namespace.
    pub(super) namespace: String,
    /// The name of the namespace, if it is known.
    pub(super) name: Option<String>,
    pub(super) store: DynamoDbStore,
}

impl Target {
    /// Returns the namespace of a limiter. `client` must reach the same table. No round trip.
    ///
    /// # Errors
    /// [`LimitsError::NoTable`] for a limiter in memory.
    pub fn new(limiter: RateLimiter, client: Client) -> Result<Self, LimitsError> {
        let place = limiter.location().ok_or(LimitsError::NoTable)?;
        let namespace = place.namespace_id.to_string();
        let store = DynamoDbStore::new(&client, &place.table, &namespace);
        Ok(Self {
            limiter,
            client,
            table: place.table,
            namespace,
            name: place.namespace,
            store,
        })
    }

    /// Returns the id of the namespace.
    pub fn namespace_id(&self) -> &str {
        &self.namespace
    }

    /// Returns the partition key of the system's records.
    pub(super) fn system_key(&self) -> String {
        format!("{}/SYSTEM#", self.namespace)
    }

    /// Returns the key of one of the system's records.
    pub(super) fn key(&self, sort_key: &str) -> Item {
        Item::from([
            (PK.to_owned(), text(self.system_key())),
            (SK.to_owned(), text(sort_key)),
        ])
    }
}
