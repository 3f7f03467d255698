//! Usage per time window, and the remaining capacity.

use std::{collections::BTreeMap, fmt, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{
    EntityId, LimitName, Resource,
    calendar::{DAY, next_month},
    seconds::{self, from_seconds, to_seconds},
};

/// The length of a usage window. The words are those of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum UsageWindow {
    /// An hour.
    Hourly,
    /// A day, UTC.
    Daily,
    /// A calendar month, UTC.
    Monthly,
    /// A window of a newer Python client.
    Other(String),
}

impl UsageWindow {
    /// Returns the end of the window that begins at `start`: the first second after the window.
    /// Returns `start` if the length of the window is not known.
    pub fn end(&self, start: SystemTime) -> SystemTime {
        let seconds = to_seconds(start);
        match self {
            Self::Hourly => from_seconds(seconds.saturating_add(HOUR)),
            Self::Daily => from_seconds(seconds.saturating_add(DAY)),
            Self::Monthly => from_seconds(next_month(seconds)),
            Self::Other(_) => start,
        }
    }
}

impl From<String> for UsageWindow {
    fn from(word: String) -> Self {
        match word.as_str() {
            "hourly" => Self::Hourly,
            "daily" => Self::Daily,
            "monthly" => Self::Monthly,
            _ => Self::Other(word),
        }
    }
}

impl From<UsageWindow> for String {
    fn from(window: UsageWindow) -> Self {
        window.to_string()
    }
}

impl fmt::Display for UsageWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Monthly => "monthly",
            Self::Other(word) => word,
        })
    }
}

/// The usage of a resource by an entity in one window.
///
/// The Python client's aggregator counts the first hour of a day, the day and (on the first day)
/// the month in one item, whose window is the one that was written first. The tollgate aggregator
/// writes separate items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UsageSnapshot {
    /// The entity that used the resource.
    pub entity: EntityId,
    /// The resource that was used.
    pub resource: Resource,
    /// The length of the window.
    pub window: UsageWindow,
    /// The beginning of the window. The serialized form is epoch seconds.
    #[serde(with = "seconds")]
    pub window_start: SystemTime,
    /// The net tokens used, by limit. Negative if more was given back than taken.
    pub counters: BTreeMap<LimitName, i64>,
    /// The number of times that a soft limit was left in debt.
    pub overdrawn: BTreeMap<LimitName, u64>,
    /// The number of changes that were counted.
    pub total_events: u64,
}

impl UsageSnapshot {
    /// Returns a snapshot without counts.
    pub fn new(
        entity: EntityId,
        resource: Resource,
        window: UsageWindow,
        window_start: SystemTime,
    ) -> Self {
        Self {
            entity,
            resource,
            window,
            window_start,
            counters: BTreeMap::new(),
            overdrawn: BTreeMap::new(),
            total_events: 0,
        }
    }

    /// Returns the end of the window: the first second after it.
    pub fn window_end(&self) -> SystemTime {
        self.window.end(self.window_start)
    }
}

/// The subject whose usage is requested.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UsageSubject {
    /// The usage of all resources by an entity.
    Entity(EntityId),
    /// The usage of one resource by an entity.
    EntityResource(EntityId, Resource),
    /// The usage of one resource by all entities.
    Resource(Resource),
}

/// Selects usage snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UsageQuery {
    /// The subject.
    pub subject: UsageSubject,
    /// The length of the windows; `None` for all.
    pub window: Option<UsageWindow>,
    /// The earliest beginning of a window.
    pub since: Option<SystemTime>,
    /// The latest beginning of a window.
    pub until: Option<SystemTime>,
}

impl UsageQuery {
    /// Returns a query for all snapshots of a subject.
    pub fn new(subject: UsageSubject) -> Self {
        Self {
            subject,
            window: None,
            since: None,
            until: None,
        }
    }

    /// Returns `true` if the query selects the snapshot.
    pub fn matches(&self, snapshot: &UsageSnapshot) -> bool {
        let is_subject = match &self.subject {
            UsageSubject::Entity(entity) => snapshot.entity == *entity,
            UsageSubject::EntityResource(entity, resource) => {
                snapshot.entity == *entity && snapshot.resource == *resource
            }
            UsageSubject::Resource(resource) => snapshot.resource == *resource,
        };
        is_subject
            && self
                .window
                .as_ref()
                .is_none_or(|window| snapshot.window == *window)
            && self
                .since
                .is_none_or(|since| snapshot.window_start >= since)
            && self
                .until
                .is_none_or(|until| snapshot.window_start <= until)
    }
}

/// The sums and averages of several snapshots.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UsageSummary {
    /// The number of snapshots.
    pub snapshots: u64,
    /// The tokens used, by limit.
    pub total: BTreeMap<LimitName, i64>,
    /// The average tokens used, by limit, over the snapshots that count the limit.
    pub average: BTreeMap<LimitName, f64>,
    /// The earliest beginning of a window. `None` without snapshots. The serialized form is epoch
    /// seconds.
    #[serde(serialize_with = "seconds::optional::serialize")]
    pub first_window: Option<SystemTime>,
    /// The latest beginning of a window, like `first_window`.
    #[serde(serialize_with = "seconds::optional::serialize")]
    pub last_window: Option<SystemTime>,
}

/// Builds a summary.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    summary: UsageSummary,
    counts: BTreeMap<LimitName, u32>,
}

impl Tally {
    pub(crate) fn add(&mut self, snapshot: &UsageSnapshot) {
        let start = snapshot.window_start;
        let summary = &mut self.summary;
        summary.snapshots += 1;
        summary.first_window = Some(summary.first_window.map_or(start, |first| first.min(start)));
        summary.last_window = Some(summary.last_window.map_or(start, |last| last.max(start)));
        for (name, tokens) in &snapshot.counters {
            let total = summary.total.entry(name.clone()).or_default();
            *total = total.saturating_add(*tokens);
            let count = self.counts.entry(name.clone()).or_default();
            *count = count.saturating_add(1);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "an average is an approximation")]
    pub(crate) fn finish(mut self) -> UsageSummary {
        let average = |(name, total): (&LimitName, &i64)| {
            let count = self.counts.get(name).copied().unwrap_or(1).max(1);
            (name.clone(), *total as f64 / f64::from(count))
        };
        self.summary.average = self.summary.total.iter().map(average).collect();
        self.summary
    }
}

/// The use of a limit by all entities that have a bucket of a resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ResourceCapacity {
    /// The resource.
    pub resource: Resource,
    /// The limit.
    pub limit: LimitName,
    /// The tokens that all buckets together hold when they are full.
    pub total_capacity: u64,
    /// The tokens that all buckets together hold now. Negative if there is a debt.
    pub total_available: i64,
    /// The used part of the capacity, in percent.
    pub utilization_pct: f64,
    /// The use by each entity.
    pub entities: Vec<EntityCapacity>,
}

/// The use of a limit by one entity, over all shards of its bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EntityCapacity {
    /// The entity.
    pub entity: EntityId,
    /// The tokens of a full bucket.
    pub capacity: u64,
    /// The tokens that the bucket holds now. Negative if there is a debt.
    pub available: i64,
    /// The used part of the capacity, in percent.
    pub utilization_pct: f64,
}

impl EntityCapacity {
    /// Returns the capacity of an entity. The shards may hold more than the bucket; the excess does
    /// not count.
    pub(crate) fn new(entity: EntityId, capacity: u64, available: i64) -> Self {
        let available = available.min(i64::try_from(capacity).unwrap_or(i64::MAX));
        Self {
            entity,
            capacity,
            available,
            utilization_pct: utilization(capacity, available),
        }
    }
}

impl ResourceCapacity {
    pub(crate) fn new(resource: Resource, limit: LimitName, entities: Vec<EntityCapacity>) -> Self {
        let total_capacity = entities
            .iter()
            .fold(0u64, |sum, entity| sum.saturating_add(entity.capacity));
        let total_available = entities
            .iter()
            .fold(0i64, |sum, entity| sum.saturating_add(entity.available));
        let utilization_pct = utilization(total_capacity, total_available);
        Self {
            resource,
            limit,
            total_capacity,
            total_available,
            utilization_pct,
            entities,
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a percentage is an approximation"
)]
fn utilization(capacity: u64, available: i64) -> f64 {
    if capacity == 0 {
        return 0.0;
    }
    (i128::from(capacity) - i128::from(available)) as f64 / capacity as f64 * 100.0
}

const HOUR: i64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    /// Epoch seconds of the first of January 2026.
    const NEW_YEAR: i64 = 1_767_225_600;

    fn end(window: UsageWindow, start: i64) -> i64 {
        to_seconds(window.end(from_seconds(start)))
    }

    #[test]
    fn months_end_where_the_next_one_begins() {
        // 2026, and the leap years 2024 and 2000.
        let mut start = NEW_YEAR;
        for days in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            assert_eq!(end(UsageWindow::Monthly, start), start + days * DAY);
            // Any time in the month has the same end.
            assert_eq!(
                end(UsageWindow::Monthly, start + 12 * DAY + 5),
                start + days * DAY
            );
            start += days * DAY;
        }
        assert_eq!(start, NEW_YEAR + 365 * DAY);
        for february in [1_706_745_600, 949_363_200] {
            assert_eq!(end(UsageWindow::Monthly, february), february + 29 * DAY);
        }
        assert_eq!(end(UsageWindow::Monthly, 0), 31 * DAY);
        assert_eq!(end(UsageWindow::Daily, NEW_YEAR), NEW_YEAR + DAY);
        assert_eq!(end(UsageWindow::Hourly, NEW_YEAR), NEW_YEAR + HOUR);
    }

    #[test]
    fn an_average_counts_the_snapshots_that_speak_of_the_limit() {
        let name = |name: &str| LimitName::new(name).unwrap();
        let mut tally = Tally::default();
        for (start, counters) in [
            (NEW_YEAR, &[("rpm", 3), ("tpm", 10)][..]),
            (NEW_YEAR - HOUR, &[("rpm", 4)]),
        ] {
            let (entity, resource) = (EntityId::new("u1").unwrap(), Resource::new("api").unwrap());
            let mut snapshot =
                UsageSnapshot::new(entity, resource, UsageWindow::Hourly, from_seconds(start));
            snapshot.counters = counters
                .iter()
                .map(|(limit, tokens)| (name(limit), *tokens))
                .collect();
            tally.add(&snapshot);
        }
        let summary = tally.finish();
        assert_eq!(
            (
                summary.snapshots,
                summary.total[&name("rpm")],
                summary.total[&name("tpm")]
            ),
            (2, 7, 10)
        );
        assert_eq!(
            (summary.average[&name("rpm")], summary.average[&name("tpm")]),
            (3.5, 10.0)
        );
        assert_eq!(
            (summary.first_window, summary.last_window),
            (
                Some(from_seconds(NEW_YEAR - HOUR)),
                Some(from_seconds(NEW_YEAR))
            )
        );
        assert_eq!(Tally::default().finish(), UsageSummary::default());
    }

    #[test]
    fn a_bucket_in_debt_is_used_beyond_its_capacity() {
        let entity = |id| EntityId::new(id).unwrap();
        let entities = vec![
            EntityCapacity::new(entity("a"), 10, -5),
            EntityCapacity::new(entity("b"), 10, 12),
        ];
        let (resource, limit) = (
            Resource::new("api").unwrap(),
            LimitName::new("rpm").unwrap(),
        );
        let capacity = ResourceCapacity::new(resource, limit, entities);
        assert_eq!(
            (
                capacity.total_capacity,
                capacity.total_available,
                capacity.utilization_pct
            ),
            (20, 5, 75.0)
        );
        let each: Vec<_> = capacity
            .entities
            .iter()
            .map(|entity| (entity.available, entity.utilization_pct))
            .collect();
        assert_eq!(each, [(-5, 150.0), (10, 0.0)]);
        assert_eq!(EntityCapacity::new(entity("c"), 0, 0).utilization_pct, 0.0);
    }
}
