//! The status of limits, for callers.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::{Serialize, Serializer};

use super::{EntityId, Level, Limit, MILLI, Resource, to_milli};

/// The owner of the bucket that a limit belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Owner {
    /// The entity of the request.
    #[default]
    Entity,
    /// The entity's parent, which is charged too.
    Parent,
}

/// The status of one limit for a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LimitStatus {
    /// The owner of the limit's bucket.
    pub owner: Owner,
    /// The resource of the limit's bucket if the request has [added](crate::limiter::Acquire::also)
    /// it; `None` for the request's own resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// The limit.
    pub limit: Limit,
    /// The whole tokens that are available now. Negative if there is a debt.
    pub available: i64,
    /// The tokens that the request asks for.
    pub requested: u64,
    /// The exact time until the request fits, if nobody else takes tokens. `None` if it asks for
    /// more than the capacity, so that it never fits.
    #[serde(rename = "retry_after_seconds", serialize_with = "optional_seconds")]
    pub retry_after: Option<Duration>,
    /// The time until the bucket is full again, if nobody takes tokens. For a quota, the time until
    /// its period ends, even if nothing was used. 0 for a session that has not begun.
    #[serde(rename = "reset_after_seconds", serialize_with = "seconds")]
    pub reset_after: Duration,
}

impl LimitStatus {
    /// Returns `true` if the request asks for more than is available. Never for a soft limit.
    pub fn exceeded(&self) -> bool {
        self.retry_after != Some(Duration::ZERO)
    }

    /// Returns `true` if the limit is soft and in debt.
    pub fn overdrawn(&self) -> bool {
        self.limit.is_soft() && self.available < 0
    }

    /// Returns the time at which the bucket is full again, if nobody takes tokens; for a quota, the
    /// end of its period. `now` is the time of the status.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limit = Limit::per_minute("rpm", 60);
    /// let lease = RateLimiter::memory().acquire("user-1", "api").limits(limit).cost("rpm", 30).await?;
    /// let now = SystemTime::now();
    /// let resets_at = lease.statuses()[0].resets_at(now);
    /// assert_eq!(resets_at.duration_since(now).expect("later"), Duration::from_secs(30));
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resets_at(&self, now: SystemTime) -> SystemTime {
        // A time that cannot be represented is later than any wait.
        let year = Duration::from_secs(31_536_000);
        now.checked_add(self.reset_after)
            .or_else(|| now.checked_add(year.saturating_mul(1000)))
            .unwrap_or(now)
    }

    /// Returns the time until `tokens` are available, if nobody takes any. Rounded up, because
    /// `available` counts whole tokens. `None` if `tokens` is above the capacity.
    pub(crate) fn wait_for(&self, tokens: u64) -> Option<Duration> {
        if self.limit.is_soft() {
            return Some(Duration::ZERO);
        }
        if self.limit.is_quota() {
            // A top-up may have left more than the capacity.
            if i128::from(tokens) <= i128::from(self.available) {
                return Some(Duration::ZERO);
            }
            return (tokens <= self.limit.capacity()).then_some(self.reset_after);
        }
        let level = Level::new(self.available.saturating_mul(MILLI), 0);
        let wait = self.limit.rule().wait(level, to_milli(tokens))?;
        Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
    }

    /// Returns the number of missing tokens. 0 for a soft limit.
    pub fn deficit(&self) -> u64 {
        if self.limit.is_soft() {
            return 0;
        }
        let missing = i128::from(self.requested) - i128::from(self.available);
        u64::try_from(missing).unwrap_or(0)
    }
}

/// The result of a check that charges nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Availability {
    /// Every limit of all buckets that were asked about.
    pub limits: Vec<LimitStatus>,
    /// `true` if acquires of the entity are granted and only counted now. Its parent may refuse
    /// nevertheless.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bypassed: bool,
}

impl Availability {
    /// Returns the status of the limit `name`: that of the request's own resource, if it has one.
    pub fn get(&self, name: &str) -> Option<&LimitStatus> {
        self.limits
            .iter()
            .find(|status| *status.limit.name() == name)
    }

    /// Returns `true` if the request would be granted.
    pub fn is_available(&self) -> bool {
        !self.limits.iter().any(LimitStatus::exceeded)
    }

    /// Returns the time until the request would be granted: the longest of all limits. `None` if it
    /// never would be.
    pub fn retry_after(&self) -> Option<Duration> {
        latest(&self.limits)
    }
}

/// A denied request. Nothing stays charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("rate limit exceeded for {resource}: {}", Short(limits))]
#[non_exhaustive]
pub struct Denied {
    /// The entity that was denied.
    pub entity: EntityId,
    /// The resource that was requested.
    pub resource: Resource,
    /// The parent, if its bucket was asked too. Not serialized, and in no answer of the layer:
    /// clients need not know it.
    #[serde(skip)]
    pub parent: Option<EntityId>,
    /// Every limit of all buckets of the request, passed and violated. For a degraded decision, the
    /// local limits of this process.
    pub limits: Vec<LimitStatus>,
    /// `true` if the store gave no decision and this process decided by its share of the limits.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
}

impl Denied {
    pub(crate) fn new(entity: EntityId, resource: Resource, limits: Vec<LimitStatus>) -> Self {
        Self {
            entity,
            resource,
            parent: None,
            limits,
            degraded: false,
        }
    }

    /// Returns the limits that have too few tokens.
    pub fn violated(&self) -> impl Iterator<Item = &LimitStatus> {
        self.limits.iter().filter(|status| status.exceeded())
    }

    /// Returns the limits that would have granted the request.
    pub fn passed(&self) -> impl Iterator<Item = &LimitStatus> {
        self.limits.iter().filter(|status| !status.exceeded())
    }

    /// Returns the violated limit that takes longest to recover.
    pub fn primary(&self) -> Option<&LimitStatus> {
        self.violated()
            .max_by_key(|status| status.retry_after.unwrap_or(Duration::MAX))
    }

    /// Returns the exact time until the request would be granted: the longest of all limits. `None`
    /// if it asks for more than a capacity, so that it never would be.
    pub fn retry_after(&self) -> Option<Duration> {
        latest(&self.limits)
    }
}

/// Returns the longest wait of all limits; `None` if one never recovers.
fn latest(limits: &[LimitStatus]) -> Option<Duration> {
    limits
        .iter()
        .map(|status| status.retry_after)
        .try_fold(Duration::ZERO, |most, wait| Some(most.max(wait?)))
}

/// Formats the violated limits for an error message.
struct Short<'a>(&'a [LimitStatus]);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, status) in self.0.iter().filter(|status| status.exceeded()).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let LimitStatus {
                limit,
                available,
                requested,
                ..
            } = status;
            let owner = if status.owner == Owner::Parent {
                "the parent's "
            } else {
                ""
            };
            write!(f, "{comma}{owner}{}", limit.name())?;
            if let Some(resource) = &status.resource {
                write!(f, " of {resource}")?;
            }
            write!(f, " has {available} of the {requested} requested")?;
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

fn optional_seconds<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => seconds(time, serializer),
        None => serializer.serialize_none(),
    }
}
