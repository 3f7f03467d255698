//! `tollgate loadtest`.

mod arguments;
mod ends;
mod guide;
mod processes;
mod server;
mod table;
mod tune;
mod url;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stage::{Item, Stage};

/// Returns the whole tokens that the buckets of the table say were consumed, by the end of the
/// entity's name and the limit.
async fn consumed(stage: &Stage) -> BTreeMap<(String, String), u64> {
    let mut sums = BTreeMap::new();
    for item in stage.items().await {
        let Some(entity) = text(&item, "entity_id") else {
            continue;
        };
        for (name, value) in &item {
            let limit = name
                .strip_prefix("b_")
                .and_then(|name| name.strip_suffix("_tc"));
            let Some(limit) = limit.filter(|limit| *limit != "wcu") else {
                continue;
            };
            let tokens: u64 = value.as_n().unwrap().parse().unwrap();
            let key = (entity.to_owned(), limit.to_owned());
            *sums.entry(key).or_default() += tokens / 1000;
        }
    }
    sums
}

/// Returns the number of calls with any of the outcomes, in a part of a report.
fn calls(report: &Value, part: &str, outcomes: &[&str]) -> u64 {
    let count = |outcome: &&str| report[part][*outcome].as_u64().unwrap();
    outcomes.iter().map(count).sum()
}

/// Returns the number of all calls of a part of a report.
fn all(report: &Value, part: &str) -> u64 {
    let counts = report[part].as_object().unwrap().values();
    counts.map(|count| count.as_u64().unwrap()).sum()
}

/// Asserts that the buckets were charged for what the report says was granted. A call that a busy
/// machine leaves without a decision may have been charged.
fn assert_charged(report: &Value, charged: u64) {
    let sum = |outcomes| calls(report, "counts", outcomes) + calls(report, "warm_up", outcomes);
    let (granted, unknown) = (sum(&["granted"]), sum(&["unavailable", "timeout"]));
    assert!(
        (granted..=granted + unknown).contains(&charged),
        "{charged}: {report}"
    );
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// Returns the names of the entities that are in the table.
async fn entities(stage: &Stage) -> Vec<String> {
    let items = stage.items().await;
    let mut names: Vec<_> = items
        .iter()
        .filter_map(|item| text(item, "entity_id"))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}
