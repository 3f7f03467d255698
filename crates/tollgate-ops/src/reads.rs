//! Reads of many items.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::KeysAndAttributes};

use crate::{
    attributes::{PK, SK, text, text_of},
    error::OpsError,
    record::Item,
};

/// The largest number of items that one call reads.
const BATCH: usize = 100;

/// Reads the items with these keys, consistently. Keys without an item are left out.
pub(crate) async fn batch(
    client: &Client,
    table: &str,
    keys: Vec<(String, String)>,
) -> Result<HashMap<(String, String), Item>, OpsError> {
    let mut found = HashMap::new();
    for part in keys.chunks(BATCH) {
        let mut keys: Vec<Item> = part
            .iter()
            .map(|(hash, range)| HashMap::from([(PK.into(), text(hash)), (SK.into(), text(range))]))
            .collect();
        let mut pause = std::time::Duration::from_millis(50);
        while !keys.is_empty() {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(|error| OpsError::aws("BatchGetItem", error))?;
            let answer = client.batch_get_item().request_items(table, wanted).send();
            let answer = answer
                .await
                .map_err(|error| OpsError::aws("BatchGetItem", error))?;
            for item in answer
                .responses
                .into_iter()
                .flatten()
                .flat_map(|(_, items)| items)
            {
                if let (Some(hash), Some(range)) = (text_of(&item, PK), text_of(&item, SK)) {
                    found.insert((hash.to_owned(), range.to_owned()), item);
                }
            }
            let left = answer.unprocessed_keys.unwrap_or_default().into_values();
            keys = left.flat_map(|left| left.keys).collect();
            if !keys.is_empty() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(std::time::Duration::from_secs(5));
            }
        }
    }
    Ok(found)
}
