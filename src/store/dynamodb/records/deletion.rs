//! Deletes an entity with its buckets, configs and usage. Its history stays.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;

use super::{
    super::{
        attributes::{ENTITY_CONFIG, PK, SK, entity_key},
        expression::text,
    },
    batch::{self, Item, text_of},
    configs,
    pages::{self, PartitionQuery},
};
use crate::{
    model::{ConfigScope, EntityId, Resource},
    store::StoreError,
};

/// Deletes the entity and returns the number of deleted items. A deletion is safe to repeat: after
/// an interruption, call it again.
pub(super) async fn delete(
    client: &Client,
    table: &str,
    namespace: &str,
    entity: &EntityId,
) -> Result<u64, StoreError> {
    let mut deleted = 0;
    for key in own_configs(client, table, namespace, entity).await? {
        deleted += u64::from(configs::delete(client, table, namespace, &key).await?);
    }
    // The index lags a little behind the table: look again until it shows nothing new.
    let mut known = BTreeSet::new();
    loop {
        let mut keys = partition(client, table, &entity_key(namespace, entity)).await?;
        for bucket in bucket_partitions(client, table, namespace, entity).await? {
            keys.extend(partition(client, table, &bucket).await?);
        }
        keys.retain(|key| known.insert(names(key)));
        if keys.is_empty() {
            return Ok(deleted);
        }
        batch::delete(client, table, &keys).await?;
        deleted += keys.len() as u64;
    }
}

async fn own_configs(
    client: &Client,
    table: &str,
    namespace: &str,
    entity: &EntityId,
) -> Result<Vec<ConfigScope>, StoreError> {
    let listing = PartitionQuery {
        index: None,
        hash: (PK, entity_key(namespace, entity)),
        range: Some((SK, ENTITY_CONFIG.into())),
        backwards: false,
        consistent: true,
        most: None,
    };
    let items = pages::all(client, table, &listing).await?;
    let scopes = items.iter().filter_map(|item| {
        let resource = text_of(item, SK)?.strip_prefix(ENTITY_CONFIG)?;
        // The word for all resources is not a valid resource name.
        Some(match Resource::new(resource) {
            Ok(resource) => ConfigScope::EntityResource(entity.clone(), resource),
            Err(_) => ConfigScope::Entity(entity.clone()),
        })
    });
    Ok(scopes.collect())
}

/// Returns the partition keys of the entity's bucket shards.
async fn bucket_partitions(
    client: &Client,
    table: &str,
    namespace: &str,
    entity: &EntityId,
) -> Result<BTreeSet<String>, StoreError> {
    let listing = PartitionQuery {
        index: Some("GSI3"),
        hash: ("GSI3PK", entity_key(namespace, entity)),
        range: Some(("GSI3SK", "BUCKET#".into())),
        backwards: false,
        consistent: false,
        most: None,
    };
    let items = pages::all(client, table, &listing).await?;
    Ok(items
        .iter()
        .filter_map(|item| Some(text_of(item, PK)?.to_owned()))
        .collect())
}

/// Returns the keys of the items in a partition.
async fn partition(client: &Client, table: &str, hash: &str) -> Result<Vec<Item>, StoreError> {
    let listing = PartitionQuery {
        index: None,
        hash: (PK, hash.to_owned()),
        range: None,
        backwards: false,
        consistent: true,
        most: None,
    };
    let items = pages::all(client, table, &listing).await?;
    let keys = items.iter().filter_map(|item| {
        let (hash, range) = (text_of(item, PK)?, text_of(item, SK)?);
        Some(HashMap::from([
            (PK.to_owned(), text(hash)),
            (SK.to_owned(), text(range)),
        ]))
    });
    Ok(keys.collect())
}

fn names(key: &Item) -> (String, String) {
    let part = |attribute| text_of(key, attribute).unwrap_or_default().to_owned();
    (part(PK), part(SK))
}
