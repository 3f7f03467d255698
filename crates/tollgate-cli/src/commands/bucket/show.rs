//! `tollgate bucket show`

use clap::Args;
use serde::Serialize;
use tollgate::{EntityId, Error, LimitName, RateLimiter, Resource};

use super::{report::BucketReport, verdict::Verdict};
use crate::{context::Context, failure::Failure, limits, output::Format, time};

/// Shows all shards of a bucket, and what a cost would be told now; writes nothing
///
/// One round trip to open, one for each shard, one for the stored limits; with `--cost` one more
/// for each bucket that would be charged. Shards are read with strong consistency.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Entity
    entity: EntityId,
    /// Resource
    resource: Resource,
    /// Ask what a request of this cost would be told now, repeatable; limits that are not named
    /// count 1; `,` and `_` may divide the digits
    #[arg(long = "cost", short = 'c', value_name = "LIMIT:TOKENS", value_parser = limits::amount)]
    costs: Vec<(LimitName, u64)>,
}

/// Everything that the command shows.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    bucket: &'a BucketReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
}

impl Show {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        if context.out.format() == Format::Csv && !self.costs.is_empty() {
            return Err(Failure::Usage(
                "csv has no place for the answer to --cost: use table, json or jsonl".into(),
            ));
        }
        let limiter = context.open().await?;
        let key = (&self.entity, &self.resource);
        let shards = limiter.entities().bucket(key.0, key.1).await?;
        let stored = limiter.config().resolve(key.0, key.1).await?;
        let verdict = self.ask(&limiter).await?;
        let bucket = BucketReport::new(key, &shards, stored.as_ref(), time::now());
        print(context, &bucket, verdict.as_ref())
    }

    /// Asks what the cost would be told, if there is one.
    async fn ask(&self, limiter: &RateLimiter) -> Result<Option<Verdict>, Failure> {
        if self.costs.is_empty() {
            return Ok(None);
        }
        let mut question = limiter.available(&self.entity, &self.resource);
        for (name, tokens) in &self.costs {
            question = question.cost(name, *tokens);
        }
        match question.await {
            Err(error @ Error::Unavailable(_)) => Err(error.into()),
            answer => Ok(Some(Verdict::new(answer))),
        }
    }
}

fn print(
    context: &mut Context,
    bucket: &BucketReport,
    verdict: Option<&Verdict>,
) -> Result<(), Failure> {
    let out = &mut context.out;
    out.value(&Shown { bucket, verdict })?;
    let (entity, resource) = (&bucket.entity, &bucket.resource);
    match bucket.limits_from {
        None => out.line("No limits are stored for it.")?,
        Some(source) => {
            let named: Vec<_> = bucket.stored_limits.iter().map(limits::describe).collect();
            out.line(format!("Stored limits ({source}): {}", named.join("; ")))?;
        }
    }
    if bucket.shards.is_empty() {
        out.line(format!(
            "No bucket yet: '{entity}' has not used '{resource}', or it has expired"
        ))?;
    }
    for shard in &bucket.shards {
        out.line(shard.line())?;
        for stamp in &shard.stamps {
            out.line(format!("  {stamp}"))?;
        }
    }
    if matches!(out.format(), Format::Table | Format::Csv) {
        let mut rows = out.rows();
        for limit in bucket.shards.iter().flat_map(|shard| &shard.limits) {
            rows.push(limit)?;
        }
        rows.finish()?;
    }
    for line in verdict.map(Verdict::lines).unwrap_or_default() {
        out.line(line)?;
    }
    Ok(())
}
