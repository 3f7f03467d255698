//! Where limits stand, for callers.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

use super::{EntityId, Limit, Resource};

/// Whose bucket a limit belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Owner {
    /// The entity that asked.
    #[default]
    Entity,
    /// Its parent, which is charged too.
    Parent,
}

/// Where one limit stands in view of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LimitStatus {
    /// Whose bucket it belongs to.
    pub owner: Owner,
    /// The limit.
    pub limit: Limit,
    /// Whole tokens available now; negative in debt.
    pub available: i64,
    /// Tokens that the request asked for.
    pub requested: u64,
    /// The exact time until the request fits, if nobody else takes tokens. `None` where it asks
    /// for more than the capacity and never fits.
    #[serde(rename = "retry_after_seconds", serialize_with = "optional_seconds")]
    pub retry_after: Option<Duration>,
    /// The time until the bucket is full again, if nobody takes tokens.
    #[serde(rename = "reset_after_seconds", serialize_with = "seconds")]
    pub reset_after: Duration,
}

impl LimitStatus {
    /// Returns `true` if the request asks for more than there is.
    pub fn exceeded(&self) -> bool {
        self.retry_after != Some(Duration::ZERO)
    }

    /// The time until `tokens` are available, if nobody takes any, rounded up: what is available
    /// counts whole tokens. `None` where the bucket never holds so many.
    pub(crate) fn wait_for(&self, tokens: u64) -> Option<Duration> {
        if tokens > self.limit.capacity() {
            return None;
        }
        let missing = u128::try_from(i128::from(tokens) - i128::from(self.available)).unwrap_or(0);
        let wait = missing.saturating_mul(self.limit.refill_period().as_millis());
        let wait = wait.div_ceil(u128::from(self.limit.refill_amount()));
        Some(Duration::from_millis(u64::try_from(wait).unwrap_or(u64::MAX)))
    }

    /// Tokens that are missing.
    pub fn deficit(&self) -> u64 {
        let missing = i128::from(self.requested) - i128::from(self.available);
        u64::try_from(missing).unwrap_or(0)
    }
}

/// What a request would find, without charging anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Availability {
    /// Every limit of the bucket.
    pub limits: Vec<LimitStatus>,
}

impl Availability {
    /// The limit `name`.
    pub fn get(&self, name: &str) -> Option<&LimitStatus> {
        self.limits.iter().find(|status| *status.limit.name() == name)
    }

    /// Returns `true` if the request would be granted.
    pub fn is_available(&self) -> bool {
        !self.limits.iter().any(LimitStatus::exceeded)
    }

    /// The time until the request would be granted: the latest over all limits. `None` where it
    /// never would.
    pub fn retry_after(&self) -> Option<Duration> {
        latest(&self.limits)
    }
}

/// A request that was denied: nothing stays charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("rate limit exceeded for {resource}: {}", Short(limits))]
#[non_exhaustive]
pub struct Denied {
    /// Who was denied.
    pub entity: EntityId,
    /// What it asked for.
    pub resource: Resource,
    /// Every limit of the bucket, passed and violated. Those of a degraded decision are this process's share.
    pub limits: Vec<LimitStatus>,
    /// `true` if the store gave no decision: this process has decided by its share of the limits.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
}

impl Denied {
    pub(crate) fn new(entity: EntityId, resource: Resource, limits: Vec<LimitStatus>) -> Self {
        Self { entity, resource, limits, degraded: false }
    }

    /// The limits that were short.
    pub fn violated(&self) -> impl Iterator<Item = &LimitStatus> {
        self.limits.iter().filter(|status| status.exceeded())
    }

    /// The limits that would have granted the request.
    pub fn passed(&self) -> impl Iterator<Item = &LimitStatus> {
        self.limits.iter().filter(|status| !status.exceeded())
    }

    /// The violated limit that takes longest to recover.
    pub fn primary(&self) -> Option<&LimitStatus> {
        self.violated().max_by_key(|status| status.retry_after.unwrap_or(Duration::MAX))
    }

    /// The exact time until the request would be granted: the latest over all limits. `None`
    /// where it asks for more than a capacity and never would.
    pub fn retry_after(&self) -> Option<Duration> {
        latest(&self.limits)
    }
}

/// The latest time over all limits; `None` where one is never ready.
fn latest(limits: &[LimitStatus]) -> Option<Duration> {
    limits.iter().map(|status| status.retry_after).try_fold(Duration::ZERO, |most, wait| Some(most.max(wait?)))
}

/// Names the violated limits for people.
struct Short<'a>(&'a [LimitStatus]);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, status) in self.0.iter().filter(|status| status.exceeded()).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let LimitStatus { limit, available, requested, .. } = status;
            let owner = if status.owner == Owner::Parent { "the parent's " } else { "" };
            write!(f, "{comma}{owner}{} has {available} of the {requested} requested", limit.name())?;
        }
        match latest(self.0) {
            Some(wait) => write!(f, " (retry after {:.3} s)", wait.as_secs_f64()),
            None => f.write_str(" (more than the capacity: never)"),
        }
    }
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn optional_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => seconds(time, serializer),
        None => serializer.serialize_none(),
    }
}
