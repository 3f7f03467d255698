//! A shard of a bucket, as the commands print it.

use serde::Serialize;
use tollgate::model::{BucketState, LimitState};

use super::stamps::stamps;
use crate::{
    commands::tokens::tokens,
    limits,
    output::{Row, or_dash},
    time,
};

/// A shard of a bucket: one item of the table.
#[derive(Debug, Serialize)]
pub(super) struct ShardReport {
    pub(super) shard: u32,
    pub(super) shard_count: u32,
    /// The time up to which the stored tokens are refilled.
    pub(super) anchor: String,
    pub(super) expires_at: Option<String>,
    /// True if the shard counts as gone.
    expired: bool,
    parent: Option<String>,
    cascade: bool,
    pub(super) stamps: Vec<String>,
    pub(super) limits: Vec<LimitReport>,
}

/// A limit of a shard. Amounts are tokens.
#[derive(Debug, Serialize)]
pub(super) struct LimitReport {
    shard: u32,
    pub(super) limit: String,
    /// The tokens now.
    pub(super) level: f64,
    /// The tokens at the anchor, as they are stored.
    stored_level: f64,
    /// The shard's part of the capacity.
    pub(super) capacity: f64,
    /// The limit of the whole bucket.
    rate: String,
    /// The net consumption since the bucket was created.
    consumed: f64,
    /// The anchor of the shard.
    anchor: String,
    period_ends: Option<String>,
}

fn limit(state: &BucketState, known: &LimitState, now: i64) -> LimitReport {
    let parameters = known.parameters;
    let rate = match known.period() {
        Some(_) => format!("{} quota", tokens(parameters.capacity())),
        None => {
            let millis = u64::try_from(parameters.refill_period()).unwrap_or(0);
            let period = std::time::Duration::from_millis(millis);
            format!(
                "{}/{}",
                tokens(parameters.refill_amount()),
                limits::period(period)
            )
        }
    };
    let ends = known.period().filter(|period| period.is_open());
    LimitReport {
        shard: state.shard,
        limit: known.name.to_string(),
        level: tokens(state.level_at(known, now).tokens),
        stored_level: tokens(known.level.tokens),
        capacity: tokens(known.rule_at(now).capacity()),
        rate,
        consumed: tokens(known.consumed),
        anchor: time::of_millis(state.refilled_at),
        period_ends: ends.map(|period| time::of_millis(period.ends_at)),
    }
}

impl ShardReport {
    /// Describes a shard at `now` (epoch ms).
    pub(super) fn new(state: &BucketState, now: i64) -> Self {
        let seconds = state.expires_at.map(|seconds| seconds.saturating_mul(1000));
        Self {
            shard: state.shard,
            shard_count: state.shard_count,
            anchor: time::of_millis(state.refilled_at),
            expires_at: seconds.map(time::of_millis),
            expired: state.is_expired(now),
            parent: state.parent.as_ref().map(ToString::to_string),
            cascade: state.cascade,
            stamps: stamps(state, now),
            limits: state
                .limits()
                .iter()
                .map(|known| limit(state, known, now))
                .collect(),
        }
    }

    /// Returns the number of the shard, and how many there are.
    pub(super) fn number(&self) -> String {
        format!("{} of {}", self.shard, self.shard_count)
    }

    /// Describes the tokens of all limits: `rpm 4 of 10`.
    pub(super) fn levels(&self) -> String {
        let limits = self.limits.iter();
        let levels = limits.map(|limit| {
            let LimitReport {
                limit,
                level,
                capacity,
                ..
            } = limit;
            format!("{limit} {level} of {capacity}")
        });
        levels.collect::<Vec<_>>().join(", ")
    }

    /// Describes the shard in one line.
    pub(super) fn line(&self) -> String {
        let expiry = match (&self.expires_at, self.expired) {
            (Some(time), true) => format!(", expired at {time}: it counts as gone"),
            (Some(time), false) => format!(", expires at {time} if it is not used"),
            (None, _) => ", never expires".to_owned(),
        };
        let parent = match &self.parent {
            Some(parent) if self.cascade => format!(", charges its parent {parent} too"),
            Some(parent) => format!(", parent {parent}"),
            None => String::new(),
        };
        format!(
            "Shard {} of {}: anchor {}{expiry}{parent}",
            self.shard, self.shard_count, self.anchor
        )
    }
}

impl Row for LimitReport {
    const COLUMNS: &'static [&'static str] = &[
        "Shard",
        "Limit",
        "Level",
        "Stored",
        "Capacity",
        "Rate",
        "Consumed",
        "Anchor",
        "Period ends",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.shard.to_string(),
            self.limit.clone(),
            self.level.to_string(),
            self.stored_level.to_string(),
            self.capacity.to_string(),
            self.rate.clone(),
            self.consumed.to_string(),
            self.anchor.clone(),
            or_dash(&self.period_ends),
        ]
    }
}
