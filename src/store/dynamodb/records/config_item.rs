//! The item of a config: the limits of a scope, its flags, and the attributes that name the scope.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::{
    super::{
        attributes::{
            ALL_RESOURCES, CASCADE, DISABLED, ENTITY_ID, INDEX_KEYS, PK, RESOURCE, SK, config_key,
            entities_with_config_key,
        },
        expression::{Expression, number, text},
    },
    batch::{Item, unbuildable},
    config_limit,
};
use crate::{
    model::{Access, BYPASS, ConfigFlag, ConfigScope, StoredConfig, StoredOnUnavailable},
    store::StoreError,
};

const VERSION: &str = "config_version";
const ON_UNAVAILABLE: &str = "on_unavailable";
const AUDIT_RETENTION_DAYS: &str = "audit_retention_days";

/// Returns the key of a scope's config.
pub(super) fn key(namespace: &str, scope: &ConfigScope) -> Item {
    let (hash, range) = config_key(namespace, scope);
    HashMap::from([(PK.into(), text(hash)), (SK.into(), text(range))])
}

pub(super) fn decode(item: &Item) -> Result<StoredConfig, StoreError> {
    let (limits, not_understood) = config_limit::decode(item)?;
    let mut config = StoredConfig::new(limits);
    config.not_understood = not_understood;
    config.access = match item.get(DISABLED) {
        None => None,
        Some(AttributeValue::Bool(true)) => Some(Access::Disabled),
        Some(AttributeValue::S(word)) if word == BYPASS => Some(Access::Bypassed),
        // The limits are enforced, also for a value that is unknown.
        Some(_) => Some(Access::Enabled),
    };
    config.cascade = item
        .get(CASCADE)
        .and_then(|value| value.as_bool().ok().copied());
    config.audit_retention_days = match item.get(AUDIT_RETENTION_DAYS) {
        Some(AttributeValue::N(days)) => days.parse().ok(),
        _ => None,
    };
    config.on_unavailable = match item.get(ON_UNAVAILABLE) {
        Some(AttributeValue::S(word)) if word == "allow" => Some(StoredOnUnavailable::Allow),
        Some(AttributeValue::S(word)) if word == "block" => Some(StoredOnUnavailable::Block),
        _ => None,
    };
    Ok(config)
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
    limits_unchanged(&mut expression, known);
    for flag in [
        config.access.map(Some).map(ConfigFlag::Access),
        config.cascade.map(Some).map(ConfigFlag::Cascade),
    ]
    .into_iter()
    .flatten()
    {
        set_flag(&mut expression, flag);
    }
    set_limits(&mut expression, namespace, scope, config, known)?;
    expression
        .into_action(table, key(namespace, scope))
        .map_err(unbuildable)
}

/// Returns the key of a namespace's system config, and the update that stores the days for which the
/// history is kept.
pub(in super::super) fn audit_retention(namespace: &str, days: u32) -> (Item, Expression) {
    let scope = ConfigScope::System;
    let mut expression = Expression::default();
    expression.add(VERSION, 1);
    expression.set(AUDIT_RETENTION_DAYS, number(days.into()));
    for (attribute, value) in own_attributes(namespace, &scope) {
        expression.set(attribute, text(value));
    }
    (key(namespace, &scope), expression)
}

/// Returns the write that stores `config` with all its flags, on condition that the item, flags
/// included, is still as it was read.
pub(super) fn replace(
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
    config: &StoredConfig,
    known: Option<&Item>,
) -> Result<TransactWriteItem, StoreError> {
    let mut expression = unchanged(known);
    set_flag(&mut expression, ConfigFlag::Access(config.access));
    set_flag(&mut expression, ConfigFlag::Cascade(config.cascade));
    set_limits(&mut expression, namespace, scope, config, known)?;
    expression
        .into_action(table, key(namespace, scope))
        .map_err(unbuildable)
}

/// Returns the deletion of a config, on condition that the item is still as it was read. If it has
/// the days for which the history is kept, the item stays, with nothing else of a config.
pub(super) fn delete(
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
    known: &Item,
) -> Result<TransactWriteItem, StoreError> {
    if *scope == ConfigScope::System && known.contains_key(AUDIT_RETENTION_DAYS) {
        return replace(
            table,
            namespace,
            scope,
            &StoredConfig::default(),
            Some(known),
        );
    }
    unchanged(Some(known))
        .into_deletion(table, key(namespace, scope))
        .map_err(unbuildable)
}

/// Returns the condition that version, flags and limits of an item are as they were read.
fn unchanged(known: Option<&Item>) -> Expression {
    let mut expression = Expression::default();
    let Some(known) = known else {
        expression.require_absent(PK);
        return expression;
    };
    expression.require_present(PK);
    for attribute in [VERSION, DISABLED, CASCADE] {
        match known.get(attribute) {
            Some(value) => expression.require(attribute, "=", value.clone()),
            None => expression.require_absent(attribute),
        }
    }
    limits_unchanged(&mut expression, Some(known));
    expression
}

/// Adds the condition that the limits of an item are as they were read. The version does not show
/// it: a Python client that stores limits begins it anew.
fn limits_unchanged(expression: &mut Expression, known: Option<&Item>) {
    for (attribute, value) in known.into_iter().flatten() {
        if config_limit::is_of_a_limit(attribute) {
            expression.require(attribute, "=", value.clone());
        }
    }
}

/// Adds everything of a config but its flags.
fn set_limits(
    expression: &mut Expression,
    namespace: &str,
    scope: &ConfigScope,
    config: &StoredConfig,
    known: Option<&Item>,
) -> Result<(), StoreError> {
    expression.add(VERSION, 1);
    match config.on_unavailable {
        Some(StoredOnUnavailable::Allow) => expression.set(ON_UNAVAILABLE, text("allow")),
        Some(StoredOnUnavailable::Block) => expression.set(ON_UNAVAILABLE, text("block")),
        None => expression.remove(ON_UNAVAILABLE),
    }
    config_limit::write(expression, &config.limits, known)?;
    for (attribute, value) in own_attributes(namespace, scope) {
        expression.set(attribute, text(value));
    }
    Ok(())
}

/// Returns the write that stores or removes a flag, on condition that the item still exists, or
/// still does not exist.
pub(super) fn write_flag(
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
    flag: ConfigFlag,
    exists: bool,
) -> Result<TransactWriteItem, StoreError> {
    let mut expression = Expression::default();
    set_flag(&mut expression, flag);
    if exists {
        expression.require_present(PK);
    } else {
        expression.require_absent(PK);
        for (attribute, value) in own_attributes(namespace, scope) {
            expression.set(attribute, text(value));
        }
    }
    expression
        .into_action(table, key(namespace, scope))
        .map_err(unbuildable)
}

fn set_flag(expression: &mut Expression, flag: ConfigFlag) {
    let (attribute, value) = match flag {
        ConfigFlag::Access(access) => {
            let value = access.map(|access| match access.as_disabled() {
                Some(disabled) => AttributeValue::Bool(disabled),
                None => text(BYPASS),
            });
            (DISABLED, value)
        }
        ConfigFlag::Cascade(cascade) => (CASCADE, cascade.map(AttributeValue::Bool)),
    };
    match value {
        Some(value) => expression.set(attribute, value),
        None => expression.remove(attribute),
    }
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
