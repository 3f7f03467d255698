//! Encodes and decodes the version record.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    attributes::Item,
    expression::text,
    records::{parse_timestamp, text_of, timestamp},
};
use crate::{model::VersionRecord, store::StoreError};

const SCHEMA_VERSION: &str = "schema_version";
pub(super) const CLIENT_MIN_VERSION: &str = "client_min_version";
pub(super) const LAMBDA_VERSION: &str = "lambda_version";
pub(super) const UPDATED_AT: &str = "updated_at";
pub(super) const UPDATED_BY: &str = "updated_by";

pub(super) fn decode(item: &Item) -> VersionRecord {
    // A value of another type is not a version.
    let version = |attribute: &str| match item.get(attribute) {
        None | Some(AttributeValue::Null(_)) => None,
        Some(AttributeValue::S(text)) => Some(text.clone()),
        Some(_) => Some("not a text".to_owned()),
    };
    VersionRecord {
        schema_version: version(SCHEMA_VERSION),
        client_min_version: version(CLIENT_MIN_VERSION),
        lambda_version: version(LAMBDA_VERSION),
        updated_at: text_of(item, UPDATED_AT).and_then(parse_timestamp),
        updated_by: text_of(item, UPDATED_BY).map(str::to_owned),
    }
}

/// Returns the record's attributes, without the item's keys.
pub(super) fn encode(record: &VersionRecord) -> Result<Item, StoreError> {
    let optional = |value: &Option<String>| value.as_ref().map_or(AttributeValue::Null(true), text);
    let mut item = Item::new();
    let mut put = |attribute: &str, value| item.insert(attribute.to_owned(), value);
    put(SCHEMA_VERSION, optional(&record.schema_version));
    put(CLIENT_MIN_VERSION, optional(&record.client_min_version));
    put(LAMBDA_VERSION, optional(&record.lambda_version));
    put(UPDATED_BY, optional(&record.updated_by));
    if let Some(seconds) = record.updated_at {
        put(UPDATED_AT, text(timestamp(seconds)?));
    }
    Ok(item)
}
