//! The change of a bucket shard's counters that a record shows.

use std::collections::BTreeMap;

use super::shard::ShardName;
use crate::{
    attributes::{EXPIRES_AT, LAST_WRITE, OWN_ANCHOR, PRESSURE, number_of},
    record::{Item, RecordKind, Sequence, StreamRecord},
};

/// The consumption counters of a bucket shard, by limit. Millitokens.
pub type Counters = BTreeMap<String, i64>;

/// A change of a bucket shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The position in the stream.
    pub sequence: Sequence,
    /// The time of the change, epoch seconds.
    pub time: i64,
    /// The counters before the change. `None` if the bucket was created.
    pub before: Option<Counters>,
    /// The counters after the change. `None` if the bucket was deleted.
    pub after: Option<Counters>,
    /// True if the bucket was created in place of an expired one that DynamoDB had not deleted yet.
    pub replaced: bool,
    /// The time at which the bucket expires after the change, epoch seconds.
    pub expires_at: Option<i64>,
    /// The soft limits that the change charged and left in debt.
    pub overdrawn: Vec<String>,
}

impl Change {
    /// Reads a record. Returns `None` if no counter of a bucket changed, which is so for refills and
    /// for all items that are not buckets.
    pub fn of(record: &StreamRecord) -> Option<(ShardName, Self)> {
        let shard = ShardName::of_record(record)?;
        let (old, new) = match record.kind {
            RecordKind::Insert => (None, record.new.as_ref()),
            RecordKind::Modify => (record.old.as_ref(), record.new.as_ref()),
            RecordKind::Remove => (record.old.as_ref(), None),
        };
        let (before, after) = (old.map(counters), new.map(counters));
        let replaced = match (old, new) {
            (Some(old), Some(new)) => is_replaced(old, new, record.time),
            _ => false,
        };
        if before == after && !replaced {
            return None;
        }
        let mut change = Self {
            sequence: record.sequence.clone(),
            time: record.time,
            before,
            after,
            replaced,
            expires_at: new.and_then(|item| number_of(item, EXPIRES_AT)),
            overdrawn: Vec::new(),
        };
        if let Some(new) = new {
            change.overdrawn = change
                .own()
                .into_iter()
                .filter(|(limit, amount)| *amount > 0 && is_soft_and_in_debt(new, limit))
                .map(|(limit, _)| limit)
                .collect();
        }
        Some((shard, change))
    }

    /// Returns the counters after the change; those before it if the bucket was deleted.
    pub fn last(&self) -> &Counters {
        static NONE: Counters = Counters::new();
        self.after
            .as_ref()
            .or(self.before.as_ref())
            .unwrap_or(&NONE)
    }

    /// Returns what the change itself consumed, by limit. Negative if more was given back.
    pub fn own(&self) -> Counters {
        let Some(after) = &self.after else {
            return Counters::new();
        };
        let before = self.before.as_ref().filter(|_| !self.replaced);
        let amount = |limit: &String, tokens: i64| {
            let before = before.and_then(|before| before.get(limit));
            tokens.saturating_sub(before.copied().unwrap_or(0))
        };
        after
            .iter()
            .map(|(limit, tokens)| (limit.clone(), amount(limit, *tokens)))
            .filter(|(_, amount)| *amount != 0)
            .collect()
    }
}

/// Returns the counters in an item, without that of the write pressure.
fn counters(item: &Item) -> Counters {
    let named = item.keys().filter_map(|attribute| {
        let limit = attribute.strip_prefix("b_")?.strip_suffix("_tc")?;
        Some((limit.to_owned(), number_of(item, attribute)?))
    });
    named.filter(|(limit, _)| limit != PRESSURE).collect()
}

/// Returns true if a change put a new bucket in the place of an expired one. Only the library does
/// so, and only after the old bucket's end. Its other writes refuse expired buckets.
fn is_replaced(old: &Item, new: &Item, time: i64) -> bool {
    let Some(end) = number_of(old, EXPIRES_AT) else {
        return false;
    };
    if old.get(LAST_WRITE) == new.get(LAST_WRITE) {
        return false;
    }
    let anchor = number_of(new, OWN_ANCHOR).filter(|_| old.get(OWN_ANCHOR) != new.get(OWN_ANCHOR));
    let created = anchor.is_some_and(|anchor| anchor.div_euclid(1000) >= end);
    // A new shard of a split bucket has counters of 0, and the refill time of the shard it came from.
    let split = end <= time && counters(new).values().all(|tokens| *tokens == 0);
    created || split
}

fn is_soft_and_in_debt(item: &Item, limit: &str) -> bool {
    item.contains_key(&format!("b_{limit}_soft"))
        && number_of(item, &format!("b_{limit}_tk")).is_some_and(|tokens| tokens < 0)
}
