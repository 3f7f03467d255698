//! The checkpoint: how far a table's stream is counted.
//!
//! It is in the item `_/SYSTEM#` / `#AGGREGATOR`, together with the lease.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    attributes::{number, text, text_of},
    record::{Item, Sequence},
    stream::{Gap, Position, Positions},
};

/// The number of gaps that are remembered.
const GAPS: usize = 20;

pub(super) const STREAM: &str = "stream";
pub(super) const SHARDS: &str = "shards";
pub(super) const MISSING: &str = "gaps";
const TIME: &str = "newest";
const FOREIGN: &str = "foreign";

/// The position up to which a stream is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The stream's ARN.
    pub stream: String,
    /// The positions in its shards.
    pub positions: Positions,
    /// The time of the newest record that is counted, epoch seconds.
    pub time: Option<i64>,
    /// The last spans whose records were gone.
    pub gaps: Vec<Gap>,
    /// The time of the newest record that shows a snapshot written by another program, epoch seconds.
    /// See [`is_foreign_write`](crate::usage::is_foreign_write).
    pub foreign_write: Option<i64>,
}

impl Checkpoint {
    /// Remembers a gap.
    pub(super) fn lost(&mut self, gap: Gap) {
        self.gaps.push(gap);
        let excess = self.gaps.len().saturating_sub(GAPS);
        self.gaps.drain(..excess);
    }

    /// Reads the checkpoint of the item. Returns `Some(None)` if the item has none yet, and `None` if
    /// it has one that cannot be read.
    pub(super) fn decode(item: &Item) -> Option<Option<Self>> {
        let Some(stream) = text_of(item, STREAM) else {
            return Some(None);
        };
        let shards = item.get(SHARDS)?.as_m().ok()?;
        let shards = shards
            .iter()
            .map(|(id, at)| Some((id.clone(), position(at)?)));
        let gaps = item.get(MISSING)?.as_l().ok()?.iter().map(gap);
        Some(Some(Self {
            stream: stream.to_owned(),
            positions: shards.collect::<Option<_>>()?,
            time: whole(item, TIME),
            gaps: gaps.collect::<Option<_>>()?,
            foreign_write: whole(item, FOREIGN),
        }))
    }

    /// Returns the checkpoint as attributes.
    pub(super) fn encode(&self) -> [(&'static str, AttributeValue); 5] {
        let shards = self.positions.iter();
        let shards = shards.map(|(id, position)| (id.clone(), encode(position)));
        let gaps = self
            .gaps
            .iter()
            .map(|gap| map([("from", number(gap.from)), ("to", number(gap.to))]));
        [
            (STREAM, text(&*self.stream)),
            (SHARDS, AttributeValue::M(shards.collect())),
            (MISSING, AttributeValue::L(gaps.collect())),
            (TIME, or_null(self.time)),
            (FOREIGN, or_null(self.foreign_write)),
        ]
    }
}

fn or_null(time: Option<i64>) -> AttributeValue {
    time.map_or(AttributeValue::Null(true), number)
}

fn encode(position: &Position) -> AttributeValue {
    match position {
        Position::Start => map([]),
        Position::After { sequence, time } => {
            map([("at", text(sequence.as_str())), ("time", number(*time))])
        }
        Position::Ended => map([("ended", AttributeValue::Bool(true))]),
    }
}

fn position(value: &AttributeValue) -> Option<Position> {
    let fields = value.as_m().ok()?;
    if fields.contains_key("ended") {
        return Some(Position::Ended);
    }
    let Some(sequence) = text_of(fields, "at") else {
        return Some(Position::Start);
    };
    Some(Position::After {
        sequence: Sequence::new(sequence),
        time: whole(fields, "time")?,
    })
}

fn gap(value: &AttributeValue) -> Option<Gap> {
    let fields = value.as_m().ok()?;
    Some(Gap {
        from: whole(fields, "from")?,
        to: whole(fields, "to")?,
    })
}

fn whole(fields: &Item, name: &str) -> Option<i64> {
    crate::attributes::number_of(fields, name)
}

fn map<const N: usize>(fields: [(&str, AttributeValue); N]) -> AttributeValue {
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    AttributeValue::M(HashMap::from(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let after = Position::After {
            sequence: Sequence::new("100000000000000000007"),
            time: 5,
        };
        let mut checkpoint = Checkpoint {
            stream: "arn".into(),
            positions: Positions::from([
                ("a".into(), Position::Start),
                ("b".into(), after),
                ("c".into(), Position::Ended),
            ]),
            time: Some(7),
            gaps: Vec::new(),
            foreign_write: Some(6),
        };
        for from in 0..25 {
            checkpoint.lost(Gap { from, to: from + 1 });
        }
        assert_eq!((checkpoint.gaps.len(), checkpoint.gaps[0].from), (GAPS, 5));
        let item: Item = checkpoint
            .encode()
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        assert_eq!(Checkpoint::decode(&item), Some(Some(checkpoint)));
        assert_eq!(Checkpoint::decode(&Item::new()), Some(None));
    }
}
