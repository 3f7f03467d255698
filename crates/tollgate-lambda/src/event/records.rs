//! The records of an event.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::record::EventRecord;

/// An event without records of a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event cannot be read, the stream of a table must invoke this function: {0}")]
pub struct MalformedEvent(String);

/// Reads an event, and gives its records to `take`, one after the other. Only one record at a time is
/// in memory: an event may have 6 MB, and takes many times that when it is read as a whole.
///
/// # Errors
/// [`MalformedEvent`] if the event is no JSON, or has no list of records.
pub fn read_records(event: &[u8], take: impl FnMut(EventRecord)) -> Result<(), MalformedEvent> {
    let mut reader = serde_json::Deserializer::from_slice(event);
    let read = reader.deserialize_map(EventVisitor(take));
    let read = read.and_then(|()| reader.end());
    read.map_err(|error| MalformedEvent(error.to_string()))
}

struct EventVisitor<F>(F);

impl<'de, F: FnMut(EventRecord)> Visitor<'de> for EventVisitor<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with Records")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(name) = fields.next_key::<String>()? {
            if name == "Records" {
                fields.next_value_seed(RecordsVisitor(&mut self.0))?;
                found = true;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        if found {
            Ok(())
        } else {
            Err(A::Error::custom("it has no Records"))
        }
    }
}

struct RecordsVisitor<'a, F>(&'a mut F);

impl<'de, F: FnMut(EventRecord)> DeserializeSeed<'de> for RecordsVisitor<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(EventRecord)> Visitor<'de> for RecordsVisitor<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(record) = records.next_element::<Value>()? {
            (self.0)(EventRecord::read(&record));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(event: &str) -> Result<usize, String> {
        let mut count = 0;
        let read = read_records(event.as_bytes(), |_| count += 1);
        read.map(|()| count).map_err(|error| error.to_string())
    }

    #[test]
    fn records_are_read_one_by_one() {
        assert_eq!(
            count(r#"{"more": [1], "Records": [{}, 7, {"a": []}]}"#),
            Ok(3)
        );
        assert_eq!(count(r#"{"Records": []}"#), Ok(0));
    }

    #[test]
    fn events_of_something_else_are_refused() {
        for event in [
            "",
            "{",
            "{}",
            "[]",
            r#"{"Records": {}}"#,
            r#"{"Records": []} x"#,
        ] {
            let problem = count(event).unwrap_err();
            assert!(
                problem.contains("the stream of a table"),
                "{event}: {problem}"
            );
        }
    }
}
