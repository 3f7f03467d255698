//! The names of keys and attributes, and values of an item by name.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::record::Item;

pub(crate) const PK: &str = "PK";
pub(crate) const SK: &str = "SK";
pub(crate) const ENTITY_ID: &str = "entity_id";
pub(crate) const RESOURCE: &str = "resource";
pub(crate) const EXPIRES_AT: &str = "ttl";

/// The sort key of a bucket shard.
pub(crate) const STATE: &str = "#STATE";
/// The number of shards of the bucket, on each of them.
pub(crate) const SHARD_COUNT: &str = "shard_count";
/// The internal limit that counts the writes on an item.
pub(crate) const PRESSURE: &str = "wcu";
/// The time of the last refill that this crate's own library wrote, epoch ms.
pub(crate) const OWN_ANCHOR: &str = "la";
/// The id of the library's last write.
pub(crate) const LAST_WRITE: &str = "lw";

/// The partition key of the table's own records.
pub(crate) const REGISTRY_KEY: &str = "_/SYSTEM#";

/// Returns a text attribute.
pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Returns a number attribute.
pub(crate) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Returns the text of an attribute.
pub(crate) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// Returns the whole number of an attribute.
pub(crate) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
