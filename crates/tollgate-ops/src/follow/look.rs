//! The checkpoint, for readers.

use aws_sdk_dynamodb::Client;

use super::{checkpoint::Checkpoint, lease::AGGREGATOR};
use crate::{attributes::REGISTRY_KEY, error::OpsError, reads::batch};

/// Reads the checkpoint of a table's aggregator, and takes no lease. `None` if none has worked on
/// the table. One read unit for each 4 KB: about 40 shards.
///
/// # Errors
/// [`OpsError::Unreadable`] if the checkpoint is of a newer version; [`OpsError::Aws`] if the call
/// fails.
pub async fn checkpoint(client: &Client, table: &str) -> Result<Option<Checkpoint>, OpsError> {
    let key = (REGISTRY_KEY.to_owned(), AGGREGATOR.to_owned());
    let Some(item) = batch(client, table, vec![key.clone()]).await?.remove(&key) else {
        return Ok(None);
    };
    Checkpoint::decode(&item).ok_or(OpsError::Unreadable { key: key.1 })
}
