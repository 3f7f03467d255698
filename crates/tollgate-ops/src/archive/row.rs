//! An event of the history as a line of an archive.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};

use crate::{
    attributes::text_of,
    record::{Item, RecordKind, Sequence, StreamRecord},
};

/// The texts of an event.
const FIELDS: [&str; 6] = [
    "event_id",
    "entity_id",
    "action",
    "timestamp",
    "principal",
    "resource",
];

/// An event that was deleted from the table.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// The position of the deletion in the stream.
    pub sequence: Sequence,
    /// The time of the event: `2026-01-31T14:15:16Z`.
    pub timestamp: String,
    /// The line, without its end.
    pub line: String,
}

impl AuditRow {
    /// Reads a record. Returns `None` if it is not the deletion of an event, by a request or because
    /// the event expired.
    pub fn of(record: &StreamRecord) -> Option<Self> {
        let (namespace, subject) = record.hash.split_once('/')?;
        if record.kind != RecordKind::Remove || !subject.starts_with("AUDIT#") {
            return None;
        }
        let item = record.old.as_ref()?;
        text_of(item, "action")?;
        let mut fields = Map::new();
        for name in FIELDS {
            if let Some(text) = text_of(item, name) {
                fields.insert(name.to_owned(), text.into());
            }
        }
        let details = item.get("details").and_then(|details| details.as_m().ok());
        fields.insert("details".into(), object(details.unwrap_or(&Item::new())));
        fields.insert("namespace_id".into(), namespace.into());
        Some(Self {
            sequence: record.sequence.clone(),
            timestamp: text_of(item, "timestamp").unwrap_or_default().to_owned(),
            line: Value::Object(fields).to_string(),
        })
    }
}

fn object(fields: &Item) -> Value {
    let fields = fields.iter();
    Value::Object(
        fields
            .map(|(name, field)| (name.clone(), value(field)))
            .collect(),
    )
}

fn value(attribute: &AttributeValue) -> Value {
    match attribute {
        AttributeValue::Bool(truth) => (*truth).into(),
        AttributeValue::L(all) => all.iter().map(value).collect(),
        AttributeValue::M(fields) => object(fields),
        // A number that JSON's readers would round stays a text.
        AttributeValue::N(number) => number
            .parse::<i64>()
            .map_or_else(|_| number.clone().into(), Value::from),
        AttributeValue::Ns(all) | AttributeValue::Ss(all) => all.clone().into(),
        AttributeValue::S(text) => text.clone().into(),
        _ => Value::Null,
    }
}
