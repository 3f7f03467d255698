//! A bucket with its rates, as it is printed.

use serde::Serialize;
use tollgate::model::{BucketKey, BucketState};

use super::readings::Rates;
use crate::{
    commands::tokens::{short, tokens},
    output::Row,
    time,
};

/// A bucket, all its shards together.
#[derive(Debug, Serialize)]
pub(super) struct BucketRates {
    pub(super) entity: String,
    pub(super) resource: String,
    pub(super) limits: Vec<LimitRates>,
    /// `None` if the bucket does not count its writes.
    pub(super) writes_per_second: Option<f64>,
    /// The shards that were read.
    pub(super) shards_read: u32,
    pub(super) shards: u32,
    /// The time of the look.
    at: String,
}

/// A limit of a bucket.
#[derive(Debug, Serialize)]
pub(super) struct LimitRates {
    pub(super) limit: String,
    pub(super) tokens_per_second: f64,
    /// The tokens now, by this machine's clock.
    pub(super) level: f64,
    pub(super) capacity: f64,
}

impl BucketRates {
    /// Describes a shard at `now` (epoch ms).
    pub(super) fn new(key: &BucketKey, state: &BucketState, rates: &Rates, now: i64) -> Self {
        let limit = |(known, rate): (&tollgate::model::LimitState, &f64)| LimitRates {
            limit: known.name.to_string(),
            tokens_per_second: *rate,
            level: tokens(state.level_at(known, now).tokens),
            capacity: tokens(known.rule_at(now).capacity()),
        };
        Self {
            entity: key.entity.to_string(),
            resource: key.resource.to_string(),
            limits: state
                .limits()
                .iter()
                .zip(&rates.tokens)
                .map(limit)
                .collect(),
            writes_per_second: rates.writes,
            shards_read: 1,
            shards: state.shard_count,
            at: time::of_millis(now),
        }
    }

    /// Adds another shard of the same bucket.
    pub(super) fn add(&mut self, other: Self) {
        for limit in other.limits {
            let known = self
                .limits
                .iter_mut()
                .find(|known| known.limit == limit.limit);
            match known {
                Some(known) => {
                    known.tokens_per_second += limit.tokens_per_second;
                    known.level += limit.level;
                    known.capacity += limit.capacity;
                }
                None => self.limits.push(limit),
            }
        }
        self.writes_per_second = match (self.writes_per_second, other.writes_per_second) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        self.shards_read += other.shards_read;
        self.shards = self.shards.max(other.shards);
    }
}

impl Row for BucketRates {
    const COLUMNS: &'static [&'static str] = &[
        "Entity", "Resource", "Tokens/s", "Level", "Writes/s", "Shards",
    ];

    const CSV_COLUMNS: &'static [&'static str] = &[
        "entity",
        "resource",
        "limit",
        "tokens_per_second",
        "level",
        "capacity",
        "writes_per_second",
        "shards_read",
        "shards",
    ];

    fn cells(&self) -> Vec<String> {
        let each = |text: fn(&LimitRates) -> String| {
            let limits = self.limits.iter();
            let limits = limits.map(|limit| format!("{} {}", limit.limit, text(limit)));
            limits.collect::<Vec<_>>().join(", ")
        };
        let shards = if self.shards_read == self.shards {
            self.shards.to_string()
        } else {
            format!("{} of {}", self.shards_read, self.shards)
        };
        vec![
            self.entity.clone(),
            self.resource.clone(),
            each(|limit| short(limit.tokens_per_second)),
            each(|limit| format!("{}/{}", short(limit.level), short(limit.capacity))),
            self.writes_per_second.map_or_else(|| "-".into(), short),
            shards,
        ]
    }

    /// Returns a row for each limit. The writes are those of the whole bucket.
    fn csv_rows(&self) -> Vec<Vec<String>> {
        let row = |limit: &LimitRates| {
            vec![
                self.entity.clone(),
                self.resource.clone(),
                limit.limit.clone(),
                limit.tokens_per_second.to_string(),
                limit.level.to_string(),
                limit.capacity.to_string(),
                self.writes_per_second
                    .map(|writes| writes.to_string())
                    .unwrap_or_default(),
                self.shards_read.to_string(),
                self.shards.to_string(),
            ]
        };
        self.limits.iter().map(row).collect()
    }
}
