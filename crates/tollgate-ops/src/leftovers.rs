//! Items under the id of a namespace that the registry does not know.
//!
//! A purge removes the namespace's record last. What is written afterwards, such as usage by an
//! aggregator that lags, belongs to no namespace that is listed.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    operation::query::QueryOutput,
    types::{AttributeValue, DeleteRequest, WriteRequest},
};

use crate::{
    attributes::{PK, SK, text, text_of},
    error::OpsError,
    record::Item,
};

/// The index that lists the items of a namespace, and its key.
const INDEX: (&str, &str) = ("GSI4", "GSI4PK");

/// The most items that one call deletes.
const BATCH: usize = 25;

/// The number of characters of the id of a namespace.
const ID_LENGTH: usize = 11;

/// Returns true if a text has the form of a namespace's id: eleven letters, digits, `-` or `_`. The
/// table's own records have no such id.
pub fn is_namespace_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() == ID_LENGTH && text.bytes().all(fits)
}

/// The items under an id. Before anything is deleted, it must be certain that no namespace has the
/// id.
#[derive(Debug)]
pub struct Leftovers {
    client: Client,
    table: String,
    id: String,
}

impl Leftovers {
    /// Returns the items of `table` under an id. `None` if it has not the form of one.
    pub fn new(client: Client, table: impl Into<String>, id: impl Into<String>) -> Option<Self> {
        let (table, id) = (table.into(), id.into());
        is_namespace_id(&id).then_some(Self { client, table, id })
    }

    /// Returns true if there are any. One page of the index.
    ///
    /// # Errors
    /// [`OpsError::Aws`].
    pub async fn exist(&self) -> Result<bool, OpsError> {
        let mut from = None;
        loop {
            let (keys, next) = self.page(from).await?;
            if !keys.is_empty() {
                return Ok(true);
            }
            from = next;
            if from.is_none() {
                return Ok(false);
            }
        }
    }

    /// Deletes them, tells the number after each call, and returns it. It can be repeated after an
    /// error.
    ///
    /// # Errors
    /// [`OpsError::Aws`].
    pub async fn delete(&self, mut deleted: impl FnMut(u64)) -> Result<u64, OpsError> {
        let (mut count, mut from) = (0, None);
        loop {
            let (keys, next) = self.page(from).await?;
            for part in keys.chunks(BATCH) {
                self.delete_batch(part).await?;
                count += part.len() as u64;
                deleted(count);
            }
            from = next;
            if from.is_none() {
                return Ok(count);
            }
        }
    }

    /// Returns the keys of a page of the index that belong to the id, and the place of the next page.
    async fn page(&self, from: Option<Item>) -> Result<(Vec<Item>, Option<Item>), OpsError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX.0)
            .key_condition_expression("#hash = :id")
            .expression_attribute_names("#hash", INDEX.1)
            .expression_attribute_values(":id", text(&*self.id))
            .set_exclusive_start_key(from);
        let answer: QueryOutput = query
            .send()
            .await
            .map_err(|error| OpsError::aws("Query", error))?;
        let items = answer.items.unwrap_or_default();
        let keys = items.iter().filter_map(|item| own_key(item, &self.id));
        Ok((keys.collect(), answer.last_evaluated_key))
    }

    async fn delete_batch(&self, keys: &[Item]) -> Result<(), OpsError> {
        let mut requests = Vec::new();
        for key in keys {
            let deletion = DeleteRequest::builder().set_key(Some(key.clone())).build();
            let deletion = deletion.map_err(|error| OpsError::aws("BatchWriteItem", error))?;
            requests.push(WriteRequest::builder().delete_request(deletion).build());
        }
        let mut pause = std::time::Duration::from_millis(50);
        while !requests.is_empty() {
            let write = self
                .client
                .batch_write_item()
                .request_items(&self.table, requests);
            let answer = write.send().await;
            let answer = answer.map_err(|error| OpsError::aws("BatchWriteItem", error))?;
            let left = answer.unprocessed_items.unwrap_or_default();
            requests = left.into_values().flatten().collect();
            if !requests.is_empty() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(std::time::Duration::from_secs(5));
            }
        }
        Ok(())
    }
}

/// Returns the key of an item if it begins with the id. Anything else that the index returns is not
/// deleted.
fn own_key(item: &Item, id: &str) -> Option<Item> {
    let (hash, range) = (text_of(item, PK)?, text_of(item, SK)?);
    let own = hash.strip_prefix(id)?.starts_with('/');
    let key = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
    own.then(|| HashMap::from([key(PK, hash), key(SK, range)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards the table's own records, whose partition key begins with `_/`.
    #[test]
    fn only_ids_of_namespaces_are_taken() {
        assert!(is_namespace_id("a7xPq0Zb_-1"));
        for wrong in [
            "_",
            "",
            "default",
            "a7xPq0Zb_-12",
            "a7xPq0Zb/-1",
            "a7xPq0Zb#-1",
        ] {
            assert!(!is_namespace_id(wrong), "{wrong}");
        }
    }
}
