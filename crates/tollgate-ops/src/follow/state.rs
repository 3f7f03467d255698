//! The state of a table's aggregator, as others see it.

use aws_sdk_dynamodb::Client;

use super::{
    checkpoint::Checkpoint,
    lease::{AGGREGATOR, HELD_UNTIL, OWNER},
};
use crate::{
    attributes::{PK, REGISTRY_KEY, SK, number_of, text, text_of},
    error::OpsError,
};

/// The state of a table's aggregator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AggregatorState {
    /// The id of the last aggregator.
    pub owner: String,
    /// The end of its lease, epoch ms; 0 if it has ended in order.
    pub held_until: i64,
    /// The position up to which the stream is counted. `None` if nothing is counted yet.
    pub checkpoint: Option<Checkpoint>,
}

impl AggregatorState {
    /// Reads the state, consistently. Returns `None` if the table never had an aggregator. One read
    /// unit for each 4 KB.
    ///
    /// # Errors
    /// [`OpsError::Unreadable`] if the checkpoint is of a newer version; [`OpsError::Aws`] if the call
    /// fails.
    pub async fn read(client: &Client, table: &str) -> Result<Option<Self>, OpsError> {
        let answer = client
            .get_item()
            .table_name(table)
            .key(PK, text(REGISTRY_KEY))
            .key(SK, text(AGGREGATOR))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| OpsError::aws("GetItem", error))?;
        let Some(item) = answer.item else {
            return Ok(None);
        };
        let checkpoint = Checkpoint::decode(&item).ok_or_else(|| OpsError::Unreadable {
            key: AGGREGATOR.to_owned(),
        })?;
        Ok(Some(Self {
            owner: text_of(&item, OWNER).unwrap_or_default().to_owned(),
            held_until: number_of(&item, HELD_UNTIL).unwrap_or(0),
            checkpoint,
        }))
    }
}
