//! A snapshot of consumption: what one entity used of one resource in one window.
//!
//! The item has the form of the Python client: whole tokens by limit, `total_events`, and the names.
//! The map `#tollgate`, which the Python client ignores, makes repeated records harmless:
//!
//! | field | meaning |
//! |---|---|
//! | `rev` N | counts the writes; every write requires the number that it has seen |
//! | `rest` M | millitokens below a whole token, by limit: 0 to 999 |
//! | `told` M | the greatest threshold that was told, percent, by limit; absent if none was |
//! | `marks` M | by bucket shard: `s`, the sequence number up to which records are counted; `t`, the bucket's counters there; `e`, the bucket's `ttl` there |

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    change::{Change, Counters},
    shard::ShardName,
    window::Window,
};
use crate::{
    attributes::{number, text},
    record::{Item, Sequence},
};

/// The attribute with the aggregator's own state. No limit can have this name.
pub const OWN: &str = "#tollgate";

/// The field of that map that counts the writes.
pub(super) const REVISION: &str = "rev";

/// The names of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapshotName {
    /// The id of the namespace.
    pub namespace: String,
    /// The entity.
    pub entity: String,
    /// The resource.
    pub resource: String,
    /// The window.
    pub window: Window,
}

impl SnapshotName {
    /// Returns the snapshot in which a change of the shard is counted.
    pub fn of(shard: &ShardName, window: Window) -> Self {
        Self {
            namespace: shard.namespace.clone(),
            entity: shard.entity.clone(),
            resource: shard.resource.clone(),
            window,
        }
    }

    /// Returns the partition key.
    pub fn hash(&self) -> String {
        format!("{}/ENTITY#{}", self.namespace, self.entity)
    }

    /// Returns the beginning of the sort keys of all snapshots of the same entity and resource.
    pub fn prefix(&self) -> String {
        format!("#USAGE#{}#", self.resource)
    }

    /// Returns the sort key.
    pub fn range(&self) -> String {
        format!("{}{}", self.prefix(), self.window.key())
    }
}

/// The last counted change of a bucket shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The position of the change.
    pub sequence: Sequence,
    /// The counters after the change. Millitokens.
    pub counters: Counters,
    /// The time at which the bucket expires, as of the change. Epoch seconds.
    pub expires_at: Option<i64>,
}

impl Mark {
    /// Returns the mark that a change leaves.
    pub fn of(change: &Change) -> Self {
        Self {
            sequence: change.sequence.clone(),
            counters: change.last().clone(),
            expires_at: change.expires_at,
        }
    }

    /// Returns what a bucket consumed since this mark, and before the first change that is known
    /// after it. This is 0 unless records are missing.
    ///
    /// If the bucket may have expired since, and has lower counters, it is another bucket, and all
    /// of its counters are new.
    pub(crate) fn missed(&self, change: &Change) -> Counters {
        let Some(before) = &change.before else {
            return Counters::new();
        };
        let may_have_expired = self.expires_at.is_some_and(|end| end <= change.time);
        let is_lower = self
            .counters
            .iter()
            .any(|(limit, tokens)| before.get(limit).is_some_and(|before| before < tokens));
        let since = |limit| match self.counters.get(limit) {
            Some(_) if may_have_expired && is_lower => 0,
            Some(tokens) => *tokens,
            None => 0,
        };
        let missed = before
            .iter()
            .map(|(limit, tokens)| (limit.clone(), tokens.saturating_sub(since(limit))));
        missed.filter(|(_, tokens)| *tokens != 0).collect()
    }

    fn decode(value: &AttributeValue) -> Option<Self> {
        let fields = value.as_m().ok()?;
        let sequence = fields.get("s")?.as_s().ok()?;
        let expires_at = fields.get("e").and_then(whole);
        Some(Self {
            sequence: Sequence::new(sequence),
            counters: numbers(fields.get("t")?)?,
            expires_at,
        })
    }

    fn encode(&self) -> AttributeValue {
        let mut fields = HashMap::from([
            ("s".to_owned(), text(self.sequence.as_str())),
            ("t".to_owned(), map_of(&self.counters)),
        ]);
        if let Some(end) = self.expires_at {
            fields.insert("e".to_owned(), number(end));
        }
        AttributeValue::M(fields)
    }
}

/// The aggregator's own state in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotState {
    /// The number of writes until now; 0 if the aggregator has not written the item.
    pub revision: i64,
    /// The millitokens below a whole token, by limit.
    pub rest: Counters,
    /// The last counted changes, by number of the shard.
    pub marks: BTreeMap<u32, Mark>,
    /// The greatest thresholds that were told, by limit. Percent.
    pub told: BTreeMap<String, u32>,
    /// The whole tokens of the snapshot, by limit. They are not in the map, but in the item's
    /// attributes.
    pub used: Counters,
}

impl SnapshotState {
    /// Reads the state from a snapshot's item. Returns `None` if it has one that cannot be read.
    pub fn decode(item: &Item) -> Option<Self> {
        let numbers_of = item
            .iter()
            .map(|(name, value)| Some((name.clone(), whole(value)?)));
        let used: Counters = numbers_of.flatten().collect();
        let Some(own) = item.get(OWN) else {
            return Some(Self {
                used,
                ..Self::default()
            });
        };
        let own = own.as_m().ok()?;
        let marks = own.get("marks")?.as_m().ok()?;
        let mark = |(shard, mark): (&String, &AttributeValue)| {
            Some((shard.parse().ok()?, Mark::decode(mark)?))
        };
        Some(Self {
            revision: whole(own.get(REVISION)?)?,
            rest: numbers(own.get("rest")?)?,
            marks: marks.iter().map(mark).collect::<Option<_>>()?,
            told: own.get("told").map_or(Some(BTreeMap::new()), percents)?,
            used,
        })
    }

    /// Returns the map that holds the state.
    pub fn encode(&self) -> AttributeValue {
        let marks = self.marks.iter();
        let marks = marks.map(|(shard, mark)| (shard.to_string(), mark.encode()));
        let mut fields = HashMap::from([
            (REVISION.to_owned(), number(self.revision)),
            ("rest".to_owned(), map_of(&self.rest)),
            ("marks".to_owned(), AttributeValue::M(marks.collect())),
        ]);
        if !self.told.is_empty() {
            let told = self.told.iter();
            let told = told.map(|(limit, percent)| (limit.clone(), number(i64::from(*percent))));
            fields.insert("told".to_owned(), AttributeValue::M(told.collect()));
        }
        AttributeValue::M(fields)
    }
}

fn whole(value: &AttributeValue) -> Option<i64> {
    value.as_n().ok()?.parse().ok()
}

fn numbers(value: &AttributeValue) -> Option<Counters> {
    let fields = value.as_m().ok()?.iter();
    let named = fields.map(|(limit, value)| Some((limit.clone(), whole(value)?)));
    named.collect()
}

fn percents(value: &AttributeValue) -> Option<BTreeMap<String, u32>> {
    let percents = numbers(value)?.into_iter();
    let percents = percents.map(|(limit, percent)| Some((limit, u32::try_from(percent).ok()?)));
    percents.collect()
}

fn map_of(counters: &Counters) -> AttributeValue {
    let fields = counters.iter();
    AttributeValue::M(
        fields
            .map(|(limit, tokens)| (limit.clone(), number(*tokens)))
            .collect(),
    )
}
