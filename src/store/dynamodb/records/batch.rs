//! Reads and deletes many items. Items that a batch leaves unprocessed are sent again.

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, DeleteRequest, KeysAndAttributes, WriteRequest},
};

pub(crate) use super::super::attributes::Item;
use super::super::{
    failure::store_error,
    retry::{MOST_BATCH_SENDS, before_batch},
};
use crate::store::{StoreError, StoreErrorKind};

/// The most items that one batch may delete.
const DELETES: usize = 25;

/// The most items that one batch may read.
pub(super) const READS: i32 = 100;

/// Reads items by key, in no particular order. Items that do not exist are left out.
pub(crate) async fn get(
    client: &Client,
    table: &str,
    keys: Vec<Item>,
    consistent: bool,
) -> Result<Vec<Item>, StoreError> {
    let mut items = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(READS as usize) {
        let mut left = chunk.to_vec();
        let mut tries = 0;
        while !left.is_empty() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(left))
                .consistent_read(consistent)
                .build()
                .map_err(unbuildable)?;
            let output = client
                .batch_get_item()
                .request_items(table, request)
                .send()
                .await
                .map_err(store_error)?;
            items.extend(
                output
                    .responses
                    .unwrap_or_default()
                    .remove(table)
                    .unwrap_or_default(),
            );
            left = output
                .unprocessed_keys
                .unwrap_or_default()
                .remove(table)
                .map_or(Vec::new(), |rest| rest.keys);
            pause_before(&mut tries, left.is_empty()).await?;
        }
    }
    Ok(items)
}

/// Deletes items by key. Keys without an item are no error.
pub(crate) async fn delete(client: &Client, table: &str, keys: &[Item]) -> Result<(), StoreError> {
    for chunk in keys.chunks(DELETES) {
        let mut left = Vec::with_capacity(chunk.len());
        for key in chunk {
            let request = DeleteRequest::builder()
                .set_key(Some(key.clone()))
                .build()
                .map_err(unbuildable)?;
            left.push(WriteRequest::builder().delete_request(request).build());
        }
        let mut tries = 0;
        while !left.is_empty() {
            let output = client
                .batch_write_item()
                .request_items(table, left)
                .send()
                .await
                .map_err(store_error)?;
            left = output
                .unprocessed_items
                .unwrap_or_default()
                .remove(table)
                .unwrap_or_default();
            pause_before(&mut tries, left.is_empty()).await?;
        }
    }
    Ok(())
}

/// Waits before the next try if items are left. Each wait is longer.
async fn pause_before(tries: &mut u32, done: bool) -> Result<(), StoreError> {
    if done {
        return Ok(());
    }
    *tries += 1;
    if *tries >= MOST_BATCH_SENDS {
        return Err(StoreError::new(
            StoreErrorKind::Busy,
            "the store left a part of a batch unprocessed",
        ));
    }
    before_batch(*tries).await;
    Ok(())
}

/// Returns the error for a request that the SDK refuses to build.
pub(crate) fn unbuildable(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::new(StoreErrorKind::Rejected, error.to_string())
}

pub(crate) fn corrupt(what: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        format!("an item's {what} is missing or invalid"),
    )
}

/// Returns the name in a text attribute.
pub(super) fn name<'a, N, E>(
    item: &'a Item,
    attribute: &str,
    check: impl Fn(&'a str) -> Result<N, E>,
) -> Result<N, StoreError> {
    text_of(item, attribute)
        .and_then(|text| check(text).ok())
        .ok_or_else(|| corrupt(attribute))
}

/// Returns the value of a text attribute.
pub(crate) fn text_of<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    match item.get(attribute) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}
