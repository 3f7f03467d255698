//! A record of an event.

use serde_json::Value;
use tollgate_ops::record::{Item, RecordKind, Sequence, StreamRecord};

use super::attribute::item;

/// The reason why a record cannot be counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

/// A record, which may be malformed.
#[derive(Clone, Debug)]
pub struct EventRecord {
    /// The position in the stream, by which Lambda is told that the record failed. `None` if even
    /// that is missing.
    pub sequence: Option<Sequence>,
    /// The table of the stream, if the record names one.
    pub table: Option<String>,
    /// The record itself.
    pub content: Result<StreamRecord, Malformed>,
}

impl EventRecord {
    /// Reads a record. Fields that are not needed may be missing.
    pub fn read(value: &Value) -> Self {
        let sequence = value.pointer("/dynamodb/SequenceNumber");
        let sequence = sequence.and_then(Value::as_str).filter(|digits| {
            !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
        let source = value.get("eventSourceARN").and_then(Value::as_str);
        Self {
            sequence: sequence.map(Sequence::new),
            table: source.and_then(table_of).map(str::to_owned),
            content: content(value, sequence).map_err(Malformed),
        }
    }
}

/// Returns the table in the ARN of a stream: `arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/stream/…`.
fn table_of(source: &str) -> Option<&str> {
    let (_, rest) = source.split_once(":table/")?;
    rest.split('/').next()
}

fn content(value: &Value, sequence: Option<&str>) -> Result<StreamRecord, String> {
    let sequence = sequence.ok_or("it has no SequenceNumber")?;
    let kind = match value.get("eventName").and_then(Value::as_str) {
        Some("INSERT") => RecordKind::Insert,
        Some("MODIFY") => RecordKind::Modify,
        Some("REMOVE") => RecordKind::Remove,
        _ => return Err("it has no eventName that is known".to_owned()),
    };
    let change = value.get("dynamodb").ok_or("it has no dynamodb")?;
    let image = |name: &str, needed: bool| -> Result<Option<Item>, String> {
        match change.get(name) {
            Some(value) if !value.is_null() => {
                let read = item(value);
                read.map(Some).map_err(|path| format!("{name}: {path}"))
            }
            _ if needed => Err(format!(
                "it has no {name}: the stream must have new and old images"
            )),
            _ => Ok(None),
        }
    };
    let key = |name: &str| -> Result<String, String> {
        let key = change.pointer(&format!("/Keys/{name}/S"));
        let key = key.and_then(Value::as_str).map(str::to_owned);
        key.ok_or_else(|| format!("it has no key {name}"))
    };
    Ok(StreamRecord {
        kind,
        time: seconds(change.get("ApproximateCreationDateTime"))?,
        sequence: Sequence::new(sequence),
        hash: key("PK")?,
        range: key("SK")?,
        old: image("OldImage", kind != RecordKind::Insert)?,
        new: image("NewImage", kind != RecordKind::Remove)?,
    })
}

/// Returns the whole seconds of a time, which has places behind the point at times.
fn seconds(time: Option<&Value>) -> Result<i64, String> {
    let whole = time.and_then(|time| {
        let parts = time
            .as_f64()
            .filter(|time| (0.0..1e12).contains(time))
            .map(|time| time.trunc() as i64);
        time.as_i64().or(parts)
    });
    whole.ok_or_else(|| "it has no ApproximateCreationDateTime".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole() -> Value {
        json!({
            "eventName": "MODIFY",
            "eventSourceARN": "arn:aws:dynamodb:eu-west-1:1:table/limits/stream/2026-01-31T00:00:00.000",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_769_868_916.75,
                "SequenceNumber": "100000000000000000001",
                "Keys": {"PK": {"S": "abc/BUCKET#a#api#0"}, "SK": {"S": "#STATE"}},
                "OldImage": {"b_rpm_tc": {"N": "1000"}},
                "NewImage": {"b_rpm_tc": {"N": "2000"}},
            },
        })
    }

    #[test]
    fn a_record_needs_no_more_than_what_is_counted() {
        let read = EventRecord::read(&whole());
        assert_eq!(read.table.as_deref(), Some("limits"));
        let record = read.content.unwrap();
        assert_eq!(
            (record.time, record.kind),
            (1_769_868_916, RecordKind::Modify)
        );
        assert_eq!(record.hash, "abc/BUCKET#a#api#0");
        assert!(record.old.is_some() && record.new.is_some());
    }

    #[test]
    fn a_malformed_record_keeps_its_number() {
        let spoil = |path: &str, value: Value| {
            let mut record = whole();
            *record.pointer_mut(path).unwrap() = value;
            EventRecord::read(&record)
        };
        for (path, value, told) in [
            ("/eventName", json!("RENAME"), "eventName"),
            ("/dynamodb/Keys/PK", json!({"N": "1"}), "key PK"),
            ("/dynamodb/OldImage", Value::Null, "new and old images"),
            (
                "/dynamodb/NewImage/b_rpm_tc",
                json!({"N": "x"}),
                "NewImage: b_rpm_tc",
            ),
            (
                "/dynamodb/ApproximateCreationDateTime",
                json!("now"),
                "ApproximateCreationDateTime",
            ),
        ] {
            let read = spoil(path, value);
            assert_eq!(read.sequence, Some(Sequence::new("100000000000000000001")));
            let problem = read.content.unwrap_err().to_string();
            assert!(problem.contains(told), "{path}: {problem}");
        }
        let nameless = spoil("/dynamodb/SequenceNumber", json!("12x"));
        assert!(nameless.sequence.is_none() && nameless.content.is_err());
        assert!(EventRecord::read(&json!(7)).content.is_err());
    }
}
