//! Records of the SDK as records of this crate.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::{AttributeValue as Theirs, OperationType, Record};

use crate::{
    attributes::{PK, SK},
    record::{Item, RecordKind, Sequence, StreamRecord},
};

/// Converts a record. Returns `None` if it lacks its keys, its number or its time, which records of
/// tables with the keys `PK` and `SK` never do.
pub(super) fn record(record: Record) -> Option<StreamRecord> {
    let kind = match record.event_name? {
        OperationType::Insert => RecordKind::Insert,
        OperationType::Modify => RecordKind::Modify,
        OperationType::Remove => RecordKind::Remove,
        _ => return None,
    };
    let change = record.dynamodb?;
    let mut keys = change.keys?;
    let mut key = |name| match keys.remove(name)? {
        Theirs::S(text) => Some(text),
        _ => None,
    };
    Some(StreamRecord {
        kind,
        time: change.approximate_creation_date_time?.secs(),
        sequence: Sequence::new(change.sequence_number?),
        hash: key(PK)?,
        range: key(SK)?,
        old: change.old_image.map(item),
        new: change.new_image.map(item),
    })
}

fn item(attributes: std::collections::HashMap<String, Theirs>) -> Item {
    let attributes = attributes.into_iter();
    attributes
        .map(|(name, theirs)| (name, value(theirs)))
        .collect()
}

fn value(theirs: Theirs) -> AttributeValue {
    match theirs {
        Theirs::B(bytes) => {
            AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(bytes.into_inner()))
        }
        Theirs::Bool(truth) => AttributeValue::Bool(truth),
        Theirs::Bs(all) => AttributeValue::Bs(
            all.into_iter()
                .map(|bytes| aws_sdk_dynamodb::primitives::Blob::new(bytes.into_inner()))
                .collect(),
        ),
        Theirs::L(all) => AttributeValue::L(all.into_iter().map(value).collect()),
        Theirs::M(fields) => AttributeValue::M(item(fields)),
        Theirs::N(number) => AttributeValue::N(number),
        Theirs::Ns(all) => AttributeValue::Ns(all),
        Theirs::S(text) => AttributeValue::S(text),
        Theirs::Ss(all) => AttributeValue::Ss(all),
        _ => AttributeValue::Null(true),
    }
}
