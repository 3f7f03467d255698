//! Usage snapshots.
//!
//! The sort key ends with the beginning of the window. The Python client's aggregator writes the
//! full time, so the first hour of a day, the day and perhaps the month share one item. The
//! tollgate aggregator writes only the date for a day and only the month for a month. Both are read
//! in the same way, because the item's attributes define its window.

use std::{
    collections::{BTreeMap, HashMap},
    time::SystemTime,
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};

use super::{
    super::{
        attributes::{
            ENTITY_ID, EXPIRES_AT, PK, RESOURCE, SK, USAGE, USAGE_BY_RESOURCE, entity_key,
            resource_key,
        },
        expression::text,
    },
    batch::{self, Item, corrupt, text_of},
    entities::{parse_timestamp, timestamp},
    pages::{self, PartitionQuery, Reach},
};
use crate::{
    model::{
        EntityId, LimitName, Resource, UsageQuery, UsageSnapshot, UsageSubject, UsageWindow,
        to_seconds,
    },
    store::{Cursor, Page, StoreError},
};

const WINDOW: &str = "window";
const WINDOW_START: &str = "window_start";
const TOTAL_EVENTS: &str = "total_events";
/// The suffix of the attribute that counts a soft limit's overdrafts. A limit's name never contains
/// `#`.
const OVERDRAWN: &str = "#od";

/// The number of rows of a page: as many as one batch reads.
const PAGE: i32 = 100;

/// The last second of the year 9999. Later years have more than four digits.
const LATEST: i64 = 253_402_300_799;

/// Reads one page, newest windows first. One round trip; two for the snapshots of a resource.
pub(super) async fn list(
    client: &Client,
    table: &str,
    namespace: &str,
    query: &UsageQuery,
    from: Option<&Cursor>,
) -> Result<Page<UsageSnapshot>, StoreError> {
    let (index, hash, range) = match &query.subject {
        UsageSubject::Entity(entity) | UsageSubject::EntityResource(entity, _) => {
            (None, (PK, entity_key(namespace, entity)), SK)
        }
        UsageSubject::Resource(resource) => (
            Some("GSI2"),
            ("GSI2PK", resource_key(namespace, resource)),
            "GSI2SK",
        ),
    };
    let (lowest, highest) = match &query.subject {
        // These keys are sorted by resource first, so the key condition cannot select windows. The
        // windows are filtered afterwards.
        UsageSubject::Entity(_) => (USAGE.to_owned(), after(USAGE)),
        UsageSubject::EntityResource(_, resource) => bounds(query, &format!("{USAGE}{resource}#")),
        UsageSubject::Resource(_) => bounds(query, USAGE_BY_RESOURCE),
    };
    let listing = PartitionQuery {
        index,
        hash,
        range: Some((range, lowest)),
        backwards: true,
        consistent: query.is_of_entity(),
        most: None,
    };
    let reach = Reach {
        highest: Some(&highest),
        rows: Some(PAGE),
    };
    let page = pages::page_within(client, table, &listing, reach, from).await?;
    let items = match index {
        None => page.rows,
        Some(_) => whole(client, table, &page.rows).await?,
    };
    let mut rows = Vec::with_capacity(items.len());
    for item in &items {
        rows.extend(decode(item)?.filter(|snapshot| query.matches(snapshot)));
    }
    Ok(Page::new(rows, page.next))
}

impl UsageQuery {
    fn is_of_entity(&self) -> bool {
        !matches!(self.subject, UsageSubject::Resource(_))
    }
}

/// Reads the items of index rows, which may contain keys only. Keeps the order of the rows.
async fn whole(client: &Client, table: &str, rows: &[Item]) -> Result<Vec<Item>, StoreError> {
    let key = |item: &Item| Some((text_of(item, PK)?.to_owned(), text_of(item, SK)?.to_owned()));
    let places: HashMap<_, _> = rows
        .iter()
        .enumerate()
        .filter_map(|(place, row)| Some((key(row)?, place)))
        .collect();
    let keys = places
        .keys()
        .map(|(hash, range)| HashMap::from([(PK.into(), text(hash)), (SK.into(), text(range))]));
    let mut items = batch::get(client, table, keys.collect(), true).await?;
    items.sort_by_key(|item| key(item).and_then(|key| places.get(&key).copied()));
    Ok(items)
}

/// Returns the least and the greatest sort key of the requested windows, for all spellings of a
/// window.
fn bounds(query: &UsageQuery, prefix: &str) -> (String, String) {
    let spelled = |time: Option<SystemTime>| {
        time.filter(|time| (0..=LATEST).contains(&to_seconds(*time)))
            .and_then(|time| timestamp(time).ok())
    };
    let lowest = spelled(query.since).map_or(String::new(), |since| shortest(&since).to_owned());
    let highest = match spelled(query.until) {
        // In the index, the entity follows the time.
        Some(until) => after(&format!("{prefix}{until}#")),
        None => after(prefix),
    };
    (format!("{prefix}{lowest}"), highest)
}

/// Returns the shortest spelling of a window's beginning. This spelling sorts before the other
/// spellings.
fn shortest(time: &str) -> &str {
    let month = time.strip_suffix("-01T00:00:00Z");
    month
        .or_else(|| time.strip_suffix("T00:00:00Z"))
        .unwrap_or(time)
}

/// Returns a key that sorts after every key that begins with `prefix`, and before all others that
/// follow. `prefix` ends with `#`.
fn after(prefix: &str) -> String {
    format!("{}$", prefix.strip_suffix('#').unwrap_or(prefix))
}

/// Decodes a snapshot. Returns `None` if the item is not one: names are missing or invalid.
fn decode(item: &Item) -> Result<Option<UsageSnapshot>, StoreError> {
    let named = || {
        let entity = EntityId::new(text_of(item, ENTITY_ID)?).ok()?;
        let resource = Resource::new(text_of(item, RESOURCE)?).ok()?;
        let start = parse_timestamp(text_of(item, WINDOW_START)?)?;
        let window = UsageWindow::from(text_of(item, WINDOW).unwrap_or_default().to_owned());
        Some(UsageSnapshot::new(entity, resource, window, start))
    };
    let Some(mut snapshot) = named() else {
        return Ok(None);
    };
    for (name, value) in item {
        let AttributeValue::N(number) = value else {
            continue;
        };
        match name.as_str() {
            EXPIRES_AT => {}
            TOTAL_EVENTS => snapshot.total_events = count(name, number)?,
            _ => match name.strip_suffix(OVERDRAWN) {
                Some(limit) => insert(&mut snapshot.overdrawn, limit, count(name, number)?),
                None => insert(&mut snapshot.counters, name, count(name, number)?),
            },
        }
    }
    Ok(Some(snapshot))
}

fn insert<N>(counts: &mut BTreeMap<LimitName, N>, limit: &str, count: N) {
    if let Ok(limit) = LimitName::new(limit) {
        counts.insert(limit, count);
    }
}

fn count<N: std::str::FromStr>(attribute: &str, number: &str) -> Result<N, StoreError> {
    number.parse().map_err(|_| corrupt(attribute))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::from_seconds;

    /// 2026-01-31T14:00:00Z.
    const TIME: i64 = 1_769_868_000;

    fn query(since: Option<i64>, until: Option<i64>) -> UsageQuery {
        let mut query = UsageQuery::new(UsageSubject::Resource(Resource::new("api").unwrap()));
        (query.since, query.until) = (since.map(from_seconds), until.map(from_seconds));
        query
    }

    #[test]
    fn the_bounds_of_a_query_include_every_spelling_of_its_windows() {
        let midnight = TIME - 14 * 3600;
        let month = midnight - 30 * 86_400;
        for (since, until, inside, outside) in [
            (
                Some(TIME),
                Some(TIME),
                &["2026-01-31T14:00:00Z"][..],
                &["2026-01-31T13:00:00Z", "2026-01-31T15:00:00Z"][..],
            ),
            (
                Some(midnight),
                None,
                &[
                    "2026-01-31",
                    "2026-01-31T00:00:00Z",
                    "2026-02",
                    "2026-02-01",
                ],
                &["2026-01", "2026-01-30", "2026-01-30T23:00:00Z"],
            ),
            (
                Some(month),
                None,
                &["2026-01", "2026-01-01", "2026-01-01T00:00:00Z"],
                &["2025-12", "2025-12-31"],
            ),
            (
                None,
                Some(midnight),
                &["2026-01", "2026-01-31", "2026-01-31T00:00:00Z"],
                &["2026-01-31T01:00:00Z"],
            ),
            (None, None, &["0000", "9999-12-31T23:00:00Z"], &[]),
            (
                Some(i64::MIN),
                Some(i64::MAX),
                &["0000", "9999-12-31T23:00:00Z"],
                &[],
            ),
        ] {
            let (lowest, highest) = bounds(&query(since, until), USAGE_BY_RESOURCE);
            for (spelled, is_inside) in inside
                .iter()
                .map(|key| (key, true))
                .chain(outside.iter().map(|key| (key, false)))
            {
                for entity in ["#0", "#zzz"] {
                    let key = format!("{USAGE_BY_RESOURCE}{spelled}{entity}");
                    assert_eq!(
                        lowest <= key && key <= highest,
                        is_inside,
                        "{key} {lowest} {highest}"
                    );
                }
            }
        }
    }
}
