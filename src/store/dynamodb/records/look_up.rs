//! An entity and the configs of its levels in one `BatchGetItem`.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;

use super::{
    super::attributes::{META, PK, SK, config_key, entity_key},
    batch::{self, text_of},
    configs, entities,
};
use crate::{
    model::{ConfigScope, EntityId},
    store::{LookUp, StoreError},
};

pub(super) async fn look_up(
    client: &Client,
    table: &str,
    namespace: &str,
    entity: Option<&EntityId>,
    scopes: &[ConfigScope],
) -> Result<LookUp, StoreError> {
    let mut keys: Vec<_> = scopes.iter().map(|scope| configs::key(namespace, scope)).collect();
    keys.extend(entity.map(|entity| entities::key(namespace, entity)));
    if keys.is_empty() {
        return Ok(LookUp::default());
    }
    let items = batch::get(client, table, keys, true).await?;
    let found: HashMap<(&str, &str), _> =
        items.iter().filter_map(|item| Some(((text_of(item, PK)?, text_of(item, SK)?), item))).collect();
    let configs = scopes.iter().map(|scope| {
        let (hash, range) = config_key(namespace, scope);
        found.get(&(hash.as_str(), range.as_str())).map(|item| configs::decode(item)).transpose()
    });
    let configs = configs.collect::<Result<_, _>>()?;
    let entity = match entity {
        Some(id) => {
            found.get(&(entity_key(namespace, id).as_str(), META)).map(|item| entities::decode(item)).transpose()?
        }
        None => None,
    };
    Ok(LookUp::new(entity, configs))
}
