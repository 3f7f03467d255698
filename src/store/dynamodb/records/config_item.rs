//! The item of a config: the limits of a scope in tokens and seconds.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::{
    super::{
        attributes::{
            ALL_RESOURCES, CASCADE, DISABLED, ENTITY_ID, INDEX_KEYS, PK, RESOURCE, SK, config_key,
            entities_with_config_key,
        },
        expression::{Expression, number, text},
    },
    batch::{Item, corrupt, unbuildable},
};
use crate::{
    model::{ConfigScope, Limit, StoredConfig, StoredOnUnavailable},
    store::{StoreError, StoreErrorKind},
};

const VERSION: &str = "config_version";
const ON_UNAVAILABLE: &str = "on_unavailable";

/// The attribute suffixes of a limit in a config.
const FIELDS: [&str; 3] = ["cp", "ra", "rp"];

/// Returns the key of a scope's config.
pub(super) fn key(namespace: &str, scope: &ConfigScope) -> Item {
    let (hash, range) = config_key(namespace, scope);
    HashMap::from([(PK.into(), text(hash)), (SK.into(), text(range))])
}

pub(super) fn decode(item: &Item) -> Result<StoredConfig, StoreError> {
    let mut limits = Vec::new();
    let mut not_understood = None;
    for (attribute, value) in item {
        if let Some(name) = attribute
            .strip_prefix("l_")
            .and_then(|rest| rest.strip_suffix("_cp"))
        {
            limits.push(limit(item, name)?);
        } else if changes_meaning(attribute, value) {
            not_understood = not_understood.max(Some(attribute.clone()));
        }
    }
    let mut config = StoredConfig::new(limits);
    config.not_understood = not_understood;
    config.disabled = match item.get(DISABLED) {
        None => None,
        Some(AttributeValue::Bool(disabled)) => Some(*disabled),
        // The text `"bypass"` and unknown values: the limits are enforced.
        Some(_) => Some(false),
    };
    config.cascade = item
        .get(CASCADE)
        .and_then(|value| value.as_bool().ok().copied());
    config.on_unavailable = match item.get(ON_UNAVAILABLE) {
        Some(AttributeValue::S(word)) if word == "allow" => Some(StoredOnUnavailable::Allow),
        Some(AttributeValue::S(word)) if word == "block" => Some(StoredOnUnavailable::Block),
        _ => None,
    };
    Ok(config)
}

/// Returns `true` if an attribute of a newer peer changes the meaning of the limits: a schedule, or
/// a limit with session windows.
fn changes_meaning(attribute: &str, value: &AttributeValue) -> bool {
    let unscheduled = matches!(value, AttributeValue::S(text) if text == "-");
    let scheduled = attribute.starts_with("l_")
        && (attribute.ends_with("_sched") || attribute.ends_with("_rsched"));
    (scheduled && !unscheduled) || (attribute.starts_with("w_") && attribute.ends_with("_cp"))
}

fn limit(item: &Item, name: &str) -> Result<Limit, StoreError> {
    let read = |field: &str| -> Result<u64, StoreError> {
        match item.get(&limit_attribute(name, field)) {
            Some(AttributeValue::N(number)) => number.parse().map_err(|_| corrupt(name)),
            _ => Err(corrupt(name)),
        }
    };
    Limit::new(
        name,
        read("cp")?,
        read("ra")?,
        Duration::from_secs(read("rp")?),
    )
    .map_err(|error| corrupt(&format!("{name} ({error})")).with_source(error))
}

fn limit_attribute(name: &str, field: &str) -> String {
    format!("l_{name}_{field}")
}

/// Returns the write that stores `config`, on condition that the item is still as it was read.
pub(super) fn write(
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
    config: &StoredConfig,
    known: Option<&Item>,
) -> Result<TransactWriteItem, StoreError> {
    let mut expression = Expression::default();
    match known.and_then(|item| item.get(VERSION)) {
        Some(version) => expression.require(VERSION, "=", version.clone()),
        None if known.is_some() => expression.require_absent(VERSION),
        None => expression.require_absent(PK),
    }
    expression.add(VERSION, 1);
    match config.on_unavailable {
        Some(StoredOnUnavailable::Allow) => expression.set(ON_UNAVAILABLE, text("allow")),
        Some(StoredOnUnavailable::Block) => expression.set(ON_UNAVAILABLE, text("block")),
        None => expression.remove(ON_UNAVAILABLE),
    }
    for limit in &config.limits {
        for (field, value) in FIELDS.into_iter().zip(fields(limit)?) {
            expression.set(
                &limit_attribute(limit.name().as_str(), field),
                number(value),
            );
        }
    }
    for attribute in known.into_iter().flat_map(|item| item.keys()) {
        if is_gone(attribute, config) {
            expression.remove(attribute);
        }
    }
    for (attribute, value) in own_attributes(namespace, scope) {
        expression.set(attribute, text(value));
    }
    expression
        .into_action(table, key(namespace, scope))
        .map_err(unbuildable)
}

/// Returns capacity and refill amount in tokens, and the period in seconds.
fn fields(limit: &Limit) -> Result<[i64; 3], StoreError> {
    if limit.refill_period().subsec_nanos() != 0 {
        let message = format!(
            "the refill period of {} must be whole seconds",
            limit.name()
        );
        return Err(StoreError::new(StoreErrorKind::Rejected, message));
    }
    let numbers = [
        limit.capacity(),
        limit.refill_amount(),
        limit.refill_period().as_secs(),
    ];
    // The numbers have at most fifteen digits.
    Ok(numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
}

/// Returns `true` if the attribute belongs to a limit that the config does not have, or to a
/// schedule.
fn is_gone(attribute: &str, config: &StoredConfig) -> bool {
    let of_a_limit = attribute.starts_with("l_") || attribute.starts_with("w_");
    let kept = config.limits.iter().any(|limit| {
        FIELDS
            .into_iter()
            .any(|field| attribute == limit_attribute(limit.name().as_str(), field))
    });
    of_a_limit && !kept
}

/// Returns the item's attributes that name its scope and its index keys.
fn own_attributes(namespace: &str, scope: &ConfigScope) -> Vec<(&'static str, String)> {
    let (hash, _) = config_key(namespace, scope);
    let ((index3_hash, index3_range), (index4_hash, index4_range)) = (INDEX_KEYS[2], INDEX_KEYS[3]);
    let mut attributes = vec![(index4_hash, namespace.to_owned()), (index4_range, hash)];
    match scope {
        ConfigScope::System => {}
        ConfigScope::Resource(resource) => attributes.push((RESOURCE, resource.to_string())),
        ConfigScope::Entity(entity) | ConfigScope::EntityResource(entity, _) => {
            let resource = resource_word(scope);
            attributes.push((index3_hash, entities_with_config_key(namespace, resource)));
            attributes.push((index3_range, entity.to_string()));
            attributes.push((ENTITY_ID, entity.to_string()));
            attributes.push((RESOURCE, resource.to_owned()));
        }
    }
    attributes
}

/// Returns the resource of an entity's config as the table spells it.
pub(super) fn resource_word(scope: &ConfigScope) -> &str {
    match scope {
        ConfigScope::Resource(resource) | ConfigScope::EntityResource(_, resource) => {
            resource.as_str()
        }
        _ => ALL_RESOURCES,
    }
}
