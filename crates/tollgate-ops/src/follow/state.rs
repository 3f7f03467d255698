//! The lease and the checkpoint of a table, as others see them.

use aws_sdk_dynamodb::Client;

use super::{
    checkpoint::Checkpoint,
    lease::{AGGREGATOR, HELD_UNTIL, OWNER},
    presence::Counted,
};
use crate::{
    attributes::{PK, REGISTRY_KEY, SK, number_of, text, text_of},
    error::OpsError,
};

/// The last aggregator of a table, and how far it has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AggregatorState {
    /// The id of the last aggregator.
    pub owner: String,
    /// The end of its lease, epoch ms. 0 if it gave the lease back.
    pub lease_until: i64,
    /// The last checkpoint. `None` if there is none yet.
    pub checkpoint: Option<Checkpoint>,
    /// The last batch that an aggregator without a checkpoint has told, such as a function. `None` if
    /// none has.
    pub counted: Option<Counted>,
}

impl AggregatorState {
    /// Reads the state, consistently. Returns `None` if no aggregator has worked on the table. One
    /// read unit for each 4 KB: about 40 shards.
    ///
    /// # Errors
    /// [`OpsError::Unreadable`] if the checkpoint is of a newer version; [`OpsError::Aws`] if the call
    /// fails.
    pub async fn read(client: &Client, table: &str) -> Result<Option<Self>, OpsError> {
        let read = client
            .get_item()
            .table_name(table)
            .key(PK, text(REGISTRY_KEY))
            .key(SK, text(AGGREGATOR))
            .consistent_read(true);
        let answer = read.send().await;
        let Some(item) = answer
            .map_err(|error| OpsError::aws("GetItem", error))?
            .item
        else {
            return Ok(None);
        };
        let checkpoint = Checkpoint::decode(&item).ok_or_else(|| OpsError::Unreadable {
            key: AGGREGATOR.to_owned(),
        })?;
        Ok(Some(Self {
            owner: text_of(&item, OWNER).unwrap_or("?").to_owned(),
            lease_until: number_of(&item, HELD_UNTIL).unwrap_or(0),
            checkpoint,
            counted: Counted::decode(&item),
        }))
    }
}
