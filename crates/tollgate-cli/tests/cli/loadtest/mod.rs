//! `tollgate loadtest`.

mod arguments;
mod ends;
mod processes;
mod table;
mod url;

use std::collections::BTreeMap;

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
