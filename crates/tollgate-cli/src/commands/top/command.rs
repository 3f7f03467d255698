//! The arguments of `tollgate top`, and its looks.

use std::time::Duration;

use clap::{Args, value_parser};
use hyper::Uri;
use tollgate::{EntityId, RateLimiter, Resource};

use super::{
    denials::Denials, http_get, interval::interval, look::Look, price, ranking::Sort,
    readings::Readings, report, source::Source,
};
use crate::{context::Context, failure::Failure};

/// Shows the hottest buckets: tokens and writes per second, levels, shards
///
/// Reads the counters of the buckets twice, and shows the differences; then once per interval. Reads
/// are never writes, but they cost. `--resource`, `--entity-id` and `--parent` read the buckets that
/// they name: one read unit each, and their index. Without them the whole table is scanned, with the
/// items of other namespaces: the command first says how many read units each look takes, and asks.
/// Between two looks it keeps 24 bytes for each limit of each bucket, and for its writes.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Only buckets of this resource
    #[arg(long, short = 'r')]
    resource: Option<Resource>,
    /// Only buckets of this entity
    #[arg(
        long = "entity-id",
        alias = "entity",
        short = 'e',
        value_name = "ENTITY",
        conflicts_with = "parent"
    )]
    entity: Option<EntityId>,
    /// Only buckets of this entity's children
    #[arg(long, value_name = "ENTITY")]
    parent: Option<EntityId>,
    /// Only the first buckets that are found, which bounds the memory
    #[arg(long, value_name = "BUCKETS", value_parser = value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// Time between two looks, such as 2s, 500ms or 1m; a number alone is seconds
    #[arg(long, default_value = "2s", value_parser = interval)]
    interval: Duration,
    /// Number of times to show it [default: until interrupted on a terminal, else 1]
    #[arg(long, value_parser = value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Number of buckets to show
    #[arg(long, short = 'l', default_value_t = 20, value_parser = value_parser!(u16).range(1..))]
    limit: u16,
    /// Order of the buckets
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// Metrics of a service in Prometheus' format, for denials: http://127.0.0.1:9000/metrics
    #[arg(long, value_name = "URL", value_parser = http_get::url)]
    metrics: Option<Uri>,
}

impl Top {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        if context.out.is_csv() && self.metrics.is_some() {
            return Err(Failure::Usage(
                "csv has no place for the denials of --metrics: use table, json or jsonl".into(),
            ));
        }
        let limiter = context.open().await?;
        let source = self.source();
        if source.is_scan() && self.sample.is_none() {
            price::agree(context, &limiter).await?;
        }
        context.watches = true;
        let mut readings = Readings::new(source.is_scan() && self.sample.is_none());
        let mut denials = Denials::default();
        self.look(&limiter, &source, &mut readings).await?;
        self.count(&mut denials).await?;
        let is_terminal = context.out.is_text() && context.out.is_terminal();
        let mut left = self.count.unwrap_or(if is_terminal { u64::MAX } else { 1 });
        while left > 0 {
            tokio::time::sleep(self.interval).await;
            let look = self.look(&limiter, &source, &mut readings).await?;
            let denied = self.count(&mut denials).await?;
            if is_terminal && self.count.is_none() {
                context.out.clear()?;
            }
            report::print(context, look, denied, self.sample)?;
            context.out.flush()?;
            left -= 1;
        }
        Ok(())
    }

    fn source(&self) -> Source {
        match (&self.entity, &self.parent, &self.resource) {
            (Some(entity), _, resource) => Source::Entity(entity.clone(), resource.clone()),
            (None, Some(parent), resource) => Source::Children(parent.clone(), resource.clone()),
            (None, None, Some(resource)) => Source::Resource(resource.clone()),
            (None, None, None) => Source::All,
        }
    }

    async fn look(
        &self,
        limiter: &RateLimiter,
        source: &Source,
        readings: &mut Readings,
    ) -> Result<Look, Failure> {
        let mut look = Look::begin(readings, self.sort, self.limit.into());
        let mut buckets = source.buckets(limiter);
        while self.sample.is_none_or(|most| look.read() < most)
            && let Some((key, state)) = buckets.next().await?
        {
            look.add(readings, &key, &state);
        }
        look.finish(readings);
        Ok(look)
    }

    async fn count(&self, denials: &mut Denials) -> Result<Vec<super::denials::Denied>, Failure> {
        match &self.metrics {
            Some(url) => Ok(denials.rates(&http_get::get(url).await?)),
            None => Ok(Vec::new()),
        }
    }
}
