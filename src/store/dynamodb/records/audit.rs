//! The history of changes.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use serde_json::{Map, Number, Value};

use super::{
    super::{
        attributes::{AUDIT, ENTITY_ID, EXPIRES_AT, INDEX_KEYS, PK, RESOURCE, SK, audit_key},
        expression::{number, text},
        failure::store_error,
    },
    batch::{Item, corrupt, text_of},
    entities::{parse_timestamp, timestamp},
    pages::PartitionQuery,
};
use crate::{
    model::{AuditAction, AuditEvent, AuditSubject},
    store::StoreError,
};

const EVENT_ID: &str = "event_id";
const TIMESTAMP: &str = "timestamp";
const ACTION: &str = "action";
const PRINCIPAL: &str = "principal";
const DETAILS: &str = "details";

pub(super) async fn append(
    client: &Client,
    table: &str,
    namespace: &str,
    event: &AuditEvent,
    expires_at: i64,
) -> Result<(), StoreError> {
    client
        .put_item()
        .table_name(table)
        .set_item(Some(item(namespace, event, expires_at)?))
        .send()
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Returns the item of an event.
pub(crate) fn item(
    namespace: &str,
    event: &AuditEvent,
    expires_at: i64,
) -> Result<Item, StoreError> {
    let hash = format!("{namespace}/AUDIT#{}", event.entity_id);
    let (index_hash, index_range) = INDEX_KEYS[3];
    let optional = |value: &Option<String>| value.as_ref().map_or(AttributeValue::Null(true), text);
    let details = event
        .details
        .iter()
        .map(|(key, value)| (key.clone(), to_attribute(value)));
    Ok(HashMap::from([
        (PK.into(), text(&hash)),
        (SK.into(), text(format!("{AUDIT}{}", event.event_id))),
        (EVENT_ID.into(), text(&event.event_id)),
        (TIMESTAMP.into(), text(timestamp(event.timestamp)?)),
        (ACTION.into(), text(event.action.to_string())),
        (ENTITY_ID.into(), text(&event.entity_id)),
        (RESOURCE.into(), optional(&event.resource)),
        (PRINCIPAL.into(), optional(&event.principal)),
        (DETAILS.into(), AttributeValue::M(details.collect())),
        (EXPIRES_AT.into(), number(expires_at)),
        (index_hash.into(), text(namespace)),
        (index_range.into(), text(hash)),
    ]))
}

/// Returns the listing of a subject's history, newest first.
pub(super) fn listing(namespace: &str, subject: &AuditSubject) -> PartitionQuery {
    PartitionQuery {
        index: None,
        hash: (PK, audit_key(namespace, subject)),
        range: Some((SK, AUDIT.into())),
        backwards: true,
        consistent: true,
        most: None,
    }
}

pub(super) fn decode(item: &Item) -> Result<AuditEvent, StoreError> {
    let required = |attribute: &str| {
        text_of(item, attribute)
            .map(str::to_owned)
            .ok_or_else(|| corrupt(attribute))
    };
    let optional = |attribute: &str| text_of(item, attribute).map(str::to_owned);
    let details = match item.get(DETAILS) {
        Some(AttributeValue::M(details)) => details
            .iter()
            .map(|(key, value)| (key.clone(), to_value(value)))
            .collect(),
        _ => Map::new(),
    };
    Ok(AuditEvent {
        event_id: required(EVENT_ID)?,
        timestamp: parse_timestamp(&required(TIMESTAMP)?).ok_or_else(|| corrupt(TIMESTAMP))?,
        action: AuditAction::from(required(ACTION)?),
        entity_id: required(ENTITY_ID)?,
        resource: optional(RESOURCE),
        principal: optional(PRINCIPAL),
        details,
    })
}

fn to_attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(values) => AttributeValue::L(values.iter().map(to_attribute).collect()),
        Value::Object(fields) => AttributeValue::M(
            fields
                .iter()
                .map(|(key, value)| (key.clone(), to_attribute(value)))
                .collect(),
        ),
    }
}

fn to_value(attribute: &AttributeValue) -> Value {
    match attribute {
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::N(number) => number
            .parse::<Number>()
            .map_or_else(|_| Value::String(number.clone()), Value::Number),
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::L(values) => Value::Array(values.iter().map(to_value).collect()),
        AttributeValue::M(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| (key.clone(), to_value(value)))
                .collect(),
        ),
        AttributeValue::Ss(texts) => {
            Value::Array(texts.iter().cloned().map(Value::String).collect())
        }
        _ => Value::Null,
    }
}
