//! `tollgate bucket list`

use clap::Args;
use serde::Serialize;
use tollgate::model::{BucketKey, BucketState};

use super::shard::{LimitReport, ShardReport};
use crate::{
    commands::{
        listing::{self, Form, Part},
        selection::{Selected, Selection},
    },
    context::Context,
    failure::Failure,
    output::Row,
    time,
};

/// Lists the buckets of an entity or of a resource, shard by shard
///
/// Give `--entity-id`, `--resource`, or both: `bucket show` has more of one bucket. Two or more round
/// trips for each page.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    part: Part,
}

/// A shard of a bucket.
#[derive(Debug, Serialize)]
struct ShardRow {
    entity: String,
    resource: String,
    #[serde(flatten)]
    shard: ShardReport,
}

impl ShardRow {
    fn new((key, state): &(BucketKey, BucketState)) -> Self {
        Self {
            entity: key.entity.to_string(),
            resource: key.resource.to_string(),
            shard: ShardReport::new(state, time::now()),
        }
    }
}

impl Row for ShardRow {
    const COLUMNS: &'static [&'static str] =
        &["Entity", "Resource", "Shard", "Levels", "Anchor", "Expires"];

    const CSV_COLUMNS: &'static [&'static str] = &[
        "entity",
        "resource",
        "shard",
        "shard_count",
        "limit",
        "level",
        "capacity",
        "anchor",
        "expires_at",
    ];

    fn cells(&self) -> Vec<String> {
        let shard = &self.shard;
        vec![
            self.entity.clone(),
            self.resource.clone(),
            shard.number(),
            shard.levels(),
            shard.anchor.clone(),
            shard.expires_at.clone().unwrap_or_else(|| "never".into()),
        ]
    }

    /// Returns a row for each limit.
    fn csv_rows(&self) -> Vec<Vec<String>> {
        let shard = &self.shard;
        let row = |limit: &LimitReport| {
            vec![
                self.entity.clone(),
                self.resource.clone(),
                shard.shard.to_string(),
                shard.shard_count.to_string(),
                limit.limit.clone(),
                limit.level.to_string(),
                limit.capacity.to_string(),
                shard.anchor.clone(),
                shard.expires_at.clone().unwrap_or_default(),
            ]
        };
        shard.limits.iter().map(row).collect()
    }
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let (rows, only) = match self.selection.selected()? {
            Selected::Entity(entity, only) => (limiter.entities().buckets(&entity), only),
            Selected::Resource(resource) => (limiter.usage().buckets(&resource), None),
        };
        let row = |found: (BucketKey, BucketState)| {
            let wanted = only.as_ref().is_none_or(|only| *only == found.0.resource);
            wanted.then(|| ShardRow::new(&found))
        };
        let total = |count| Some(format!("Total: {count} shard(s)"));
        listing::print(context, rows, self.part, Form::Table, (row, total)).await
    }
}
