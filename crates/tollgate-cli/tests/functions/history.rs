//! Random histories of buckets, as records of a stream, and what they consumed.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::stage::{STACK, Sums};

/// 2026-01-30T22:00:00Z: midnight and the end of the month are near.
const START: i64 = 1_769_810_400;

const LIMITS: [&str; 2] = ["rpm", "tpm"];

/// Buckets, their records, and what they consumed over all times that they were made again.
pub(crate) struct History {
    rng: Rng,
    time: i64,
    /// The most seconds between two steps, and of a pause.
    pace: (i64, i64),
    buckets: BTreeMap<String, Map<String, Value>>,
    pub(crate) records: Vec<Value>,
    pub(crate) consumed: Sums,
}

impl History {
    /// Creates a history of some records about the buckets of `entities` entities, two shards each.
    pub(crate) fn new(seed: u64, entities: usize, records: usize) -> Self {
        Self::with_pace(seed, entities, records, (60, 4000))
    }

    /// Creates a history of many records in each hour.
    pub(crate) fn busy(seed: u64, entities: usize, records: usize) -> Self {
        Self::with_pace(seed, entities, records, (2, 2))
    }

    fn with_pace(seed: u64, entities: usize, records: usize, pace: (i64, i64)) -> Self {
        let mut history = Self {
            rng: Rng::with_seed(seed),
            time: START,
            pace,
            buckets: BTreeMap::new(),
            records: Vec::new(),
            consumed: Sums::new(),
        };
        while history.records.len() < records {
            history.step(entities);
        }
        history
    }

    fn step(&mut self, entities: usize) {
        let entity = format!("user-{}", self.rng.usize(..entities));
        let hash = format!("ns/BUCKET#{entity}#api#{}", self.rng.u32(..2));
        self.time += self.rng.i64(0..self.pace.0);
        match self.rng.u32(..30) {
            0 => self.remove(&hash),
            1 => self.time += self.rng.i64(0..self.pace.1),
            2 | 3 => self.refill(&hash),
            _ => self.consume(&hash, &entity),
        }
    }

    fn consume(&mut self, hash: &str, entity: &str) {
        let old = self.buckets.get(hash).cloned();
        let mut new = old.clone().unwrap_or_else(|| {
            let mut new = Map::new();
            new.insert("entity_id".into(), json!({ "S": entity }));
            new.insert("resource".into(), json!({ "S": "api" }));
            new
        });
        for limit in LIMITS {
            let amount = self.rng.i64(-400..3000);
            let attribute = format!("b_{limit}_tc");
            let before = new.get(&attribute).map_or(0, number);
            new.insert(attribute, n(before + amount));
            let key = (entity.to_owned(), "api".to_owned(), limit.to_owned());
            *self.consumed.entry(key).or_default() += amount;
        }
        new.insert("b_wcu_tc".into(), n(self.time));
        self.buckets.insert(hash.to_owned(), new.clone());
        self.push(hash, old, Some(new));
    }

    fn refill(&mut self, hash: &str) {
        let Some(old) = self.buckets.get(hash).cloned() else {
            return;
        };
        let mut new = old.clone();
        new.insert("b_rpm_tk".into(), n(self.time));
        self.buckets.insert(hash.to_owned(), new.clone());
        self.push(hash, Some(old), Some(new));
    }

    fn remove(&mut self, hash: &str) {
        if let Some(old) = self.buckets.remove(hash) {
            self.push(hash, Some(old), None);
        }
    }

    fn push(
        &mut self,
        hash: &str,
        old: Option<Map<String, Value>>,
        new: Option<Map<String, Value>>,
    ) {
        let kind = match (&old, &new) {
            (None, _) => "INSERT",
            (_, None) => "REMOVE",
            _ => "MODIFY",
        };
        let mut change = json!({
            "ApproximateCreationDateTime": self.time,
            "SequenceNumber": format!("{:021}", 1_000_000 + self.records.len()),
            "Keys": { "PK": { "S": hash }, "SK": { "S": "#STATE" } },
        });
        for (name, image) in [("OldImage", old), ("NewImage", new)] {
            if let Some(image) = image {
                change[name] = image.into();
            }
        }
        self.records.push(json!({
            "eventName": kind,
            "eventSourceARN": format!("arn:aws:dynamodb:us-east-1:1:table/{STACK}/stream/now"),
            "dynamodb": change,
        }));
    }
}

fn n(number: i64) -> Value {
    json!({ "N": number.to_string() })
}

fn number(value: &Value) -> i64 {
    value["N"].as_str().unwrap().parse().unwrap()
}
