//! Reads an entity and the configs of its levels with one `BatchGetItem`.

use std::collections::HashMap;

use super::{
    super::{
        DynamoDbStore,
        attributes::{META, PK, SK, STATE, bucket_key, config_key, entity_key},
        decode, encode,
    },
    batch::{self, text_of},
    config_item, entities,
};
use crate::{
    model::{BucketKey, ConfigScope, EntityId},
    store::{LookUp, ReadConsistency, StoreError},
};

/// Reads an entity, configs and a shard. Costs one read unit for each item, even if it does not
/// exist; half a unit if the read may be eventually consistent.
pub(super) async fn look_up(
    store: &DynamoDbStore,
    entity: Option<&EntityId>,
    scopes: &[ConfigScope],
    shard: Option<&BucketKey>,
    consistency: ReadConsistency,
) -> Result<LookUp, StoreError> {
    let DynamoDbStore {
        client,
        table,
        namespace,
        ..
    } = store;
    let mut keys: Vec<_> = scopes
        .iter()
        .map(|scope| config_item::key(namespace, scope))
        .collect();
    keys.extend(entity.map(|entity| entities::key(namespace, entity)));
    keys.extend(shard.map(|shard| encode::key(namespace, shard)));
    if keys.is_empty() {
        return Ok(LookUp::default());
    }
    let items = batch::get(client, table, keys, consistency == ReadConsistency::Strong).await?;
    let found: HashMap<(&str, &str), _> = items
        .iter()
        .filter_map(|item| Some(((text_of(item, PK)?, text_of(item, SK)?), item)))
        .collect();
    let configs = scopes.iter().map(|scope| {
        let (hash, range) = config_key(namespace, scope);
        found
            .get(&(hash.as_str(), range.as_str()))
            .map(|item| config_item::decode(item))
            .transpose()
    });
    let configs = configs.collect::<Result<_, _>>()?;
    let entity = match entity {
        Some(id) => found
            .get(&(entity_key(namespace, id).as_str(), META))
            .map(|item| entities::decode(item))
            .transpose()?,
        None => None,
    };
    let shard = match shard {
        Some(key) => {
            let hash = bucket_key(namespace, key);
            found
                .get(&(hash.as_str(), STATE))
                .map(|item| decode::bucket(item, key.shard))
                .transpose()?
        }
        None => None,
    };
    let mut found = LookUp::new(entity, configs);
    found.shard = shard;
    Ok(found)
}
