//! The records of namespaces as items.

use std::collections::HashMap;

use super::{
    attributes::{PK, REGISTRY_KEY, SK},
    expression::text,
    records::{Item, corrupt, parse_timestamp, text_of, timestamp},
    registry::{is_namespace_id, registry_item},
};
use crate::{
    model::{NamespaceId, NamespaceInfo, NamespaceStatus},
    store::{StoreError, StoreErrorKind},
};

pub(super) const ID: &str = "namespace_id";
const NAME: &str = "namespace_name";
pub(super) const STATUS: &str = "status";
const CREATED_AT: &str = "created_at";
pub(super) const DELETED_AT: &str = "deleted_at";

pub(super) fn registry_key(sort_key: &str) -> Item {
    HashMap::from([(PK.into(), text(REGISTRY_KEY)), (SK.into(), text(sort_key))])
}

pub(super) fn encode(sort_key: &str, info: &NamespaceInfo) -> Result<Item, StoreError> {
    let mut item = registry_item(sort_key);
    item.insert(ID.into(), text(info.id.as_str()));
    item.insert(NAME.into(), text(&info.name));
    item.insert(STATUS.into(), text(info.status.to_string()));
    if let Some(created_at) = info.created_at {
        item.insert(CREATED_AT.into(), text(timestamp(created_at)?));
    }
    Ok(item)
}

pub(super) fn decode(item: &Item) -> Result<NamespaceInfo, StoreError> {
    let required = |attribute: &str| text_of(item, attribute).ok_or_else(|| corrupt(attribute));
    let (id, name) = (required(ID)?, required(NAME)?);
    if !is_namespace_id(id) {
        return Err(unusable(name, &format!("{id:?} is not a valid id")));
    }
    let mut info = NamespaceInfo::new(NamespaceId::new(id), name);
    info.status = match required(STATUS)? {
        "active" => NamespaceStatus::Active,
        "deleted" => NamespaceStatus::Deleted,
        "purging" => NamespaceStatus::Purging,
        _ => return Err(corrupt(STATUS)),
    };
    info.created_at = text_of(item, CREATED_AT).and_then(parse_timestamp);
    info.deleted_at = text_of(item, DELETED_AT).and_then(parse_timestamp);
    Ok(info)
}

pub(super) fn unusable(name: &str, problem: &str) -> StoreError {
    let message = format!("the record of namespace {name:?} is invalid: {problem}");
    StoreError::new(StoreErrorKind::Corrupt, message)
}
