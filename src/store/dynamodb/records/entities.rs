//! Entities.

use std::{
    collections::{BTreeMap, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::put_item::PutItemError,
    primitives::{DateTime, DateTimeFormat},
    types::AttributeValue,
};

use super::{
    super::{
        attributes::{
            CASCADE, ENTITY_ID, GENERATION, INCARNATION, INDEX_KEYS, META, PARENT_ID, PK, SK,
            children_key, entity_key,
        },
        expression::{number, text},
        failure::store_error,
    },
    batch::{Item, corrupt, text_of},
};
use crate::{
    model::{Entity, EntityId, from_seconds, to_seconds},
    store::{StoreError, StoreErrorKind},
};

const NAME: &str = "name";
const METADATA: &str = "metadata";
const CREATED_AT: &str = "created_at";

/// Returns the key of an entity.
pub(super) fn key(namespace: &str, entity: &EntityId) -> Item {
    HashMap::from([
        (PK.into(), text(entity_key(namespace, entity))),
        (SK.into(), text(META)),
    ])
}

pub(super) fn decode(item: &Item) -> Result<Entity, StoreError> {
    let id = |attribute: &str| -> Result<Option<EntityId>, StoreError> {
        text_of(item, attribute)
            .map(EntityId::new)
            .transpose()
            .map_err(|_| corrupt(attribute))
    };
    let mut entity = Entity::new(id(ENTITY_ID)?.ok_or_else(|| corrupt(ENTITY_ID))?);
    entity.parent = id(PARENT_ID)?;
    entity.cascade = matches!(item.get(CASCADE), Some(AttributeValue::Bool(true)));
    if let Some(name) = text_of(item, NAME) {
        entity.name = name.to_owned();
    }
    entity.generation = match item.get(GENERATION) {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    };
    let incarnation = text_of(item, INCARNATION).or_else(|| text_of(item, CREATED_AT));
    entity.incarnation = incarnation.map(str::to_owned);
    if let Some(created) = text_of(item, CREATED_AT) {
        let time = parse_timestamp(created).ok_or_else(|| corrupt(CREATED_AT))?;
        entity.created_at = Some(time);
    }
    if let Some(AttributeValue::M(metadata)) = item.get(METADATA) {
        let texts = metadata
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_s().ok()?.clone())));
        entity.metadata = texts.collect::<BTreeMap<_, _>>();
    }
    Ok(entity)
}

fn encode(namespace: &str, entity: &Entity) -> Result<Item, StoreError> {
    let mut item = key(namespace, &entity.id);
    let mut put = |attribute: &str, value| item.insert(attribute.to_owned(), value);
    put(ENTITY_ID, text(entity.id.as_str()));
    put(NAME, text(&entity.name));
    put(CASCADE, AttributeValue::Bool(entity.cascade));
    if let Some(generation) = entity.generation {
        put(GENERATION, number(generation));
    }
    if let Some(incarnation) = &entity.incarnation {
        put(INCARNATION, text(incarnation));
    }
    put(
        CREATED_AT,
        text(timestamp(entity.created_at.unwrap_or(UNIX_EPOCH))?),
    );
    let metadata = entity
        .metadata
        .iter()
        .map(|(key, value)| (key.clone(), text(value)));
    put(METADATA, AttributeValue::M(metadata.collect()));
    let ((index1_hash, index1_range), (index4_hash, index4_range)) = (INDEX_KEYS[0], INDEX_KEYS[3]);
    match &entity.parent {
        None => {
            put(PARENT_ID, AttributeValue::Null(true));
        }
        Some(parent) => {
            put(PARENT_ID, text(parent.as_str()));
            put(index1_hash, text(children_key(namespace, parent)));
            put(index1_range, text(format!("CHILD#{}", entity.id)));
        }
    }
    put(index4_hash, text(namespace));
    put(index4_range, text(entity_key(namespace, &entity.id)));
    Ok(item)
}

/// Creates an entity. Returns `false` if it exists.
pub(super) async fn create(
    client: &Client,
    table: &str,
    namespace: &str,
    entity: &Entity,
) -> Result<bool, StoreError> {
    let result = client
        .put_item()
        .table_name(table)
        .set_item(Some(encode(namespace, entity)?))
        .condition_expression("attribute_not_exists(PK)")
        .send()
        .await;
    match result {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(error))
            if matches!(
                error.err(),
                PutItemError::ConditionalCheckFailedException(_)
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(store_error(error)),
    }
}

/// Formats a time as the table spells it, in whole seconds: `2026-01-31T12:00:00Z`.
pub(crate) fn timestamp(time: SystemTime) -> Result<String, StoreError> {
    DateTime::from_secs(to_seconds(time))
        .fmt(DateTimeFormat::DateTime)
        .map_err(|error| StoreError::new(StoreErrorKind::Rejected, error.to_string()))
}

pub(crate) fn parse_timestamp(text: &str) -> Option<SystemTime> {
    DateTime::from_str(text, DateTimeFormat::DateTimeWithOffset)
        .ok()
        .map(|time| from_seconds(time.secs()))
}
