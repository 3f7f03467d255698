//! The arguments of `tollgate top`, and its looks.

use std::time::Duration;

use clap::{Args, value_parser};
use hyper::Uri;
use tollgate::{EntityId, RateLimiter, Resource};

use super::{
    changed_buckets::Selection,
    denials::{Denials, Denied},
    http_get,
    interval::interval,
    looks::Looks,
    price,
    ranking::Sort,
    report,
    row_looks::RowLooks,
    source::Source,
    stream_looks::StreamLooks,
};
use crate::{context::Context, failure::Failure, output::Format, reader};

/// Shows the hottest buckets: tokens and writes per second, levels, shards
///
/// Reads the counters of the buckets twice, and shows the differences; then once per interval. Reads
/// are never writes, but they cost. `--resource`, `--entity-id` and `--parent` read the buckets that
/// they name: one read unit each, and their index. Without them the whole table is scanned, with the
/// items of other namespaces: the command first says how many read units each look takes, and asks.
/// Between two looks it keeps 24 bytes for each limit of each bucket, and for its writes. `--stream`
/// reads the changes of buckets from the table's stream instead, from now on: one call of GetRecords
/// for each shard of the stream and second, five while changes come, and no read of the table. A
/// terminal shows as many of the hottest buckets as it has room for.
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
    /// Read the table's stream instead of its buckets. Shows the buckets that change
    #[arg(long, conflicts_with = "parent")]
    stream: bool,
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
        if context.out.format() == Format::Csv && self.metrics.is_some() {
            return Err(Failure::Usage(
                "csv has no place for the denials of --metrics: use table, json or jsonl".into(),
            ));
        }
        let limiter = context.open().await?;
        let mut denials = Denials::default();
        let (sort, most) = (self.sort, usize::from(self.limit));
        let mut looks = self.begin(context, limiter).await?;
        context.watches = true;
        context.out.go_live();
        if let Looks::Rows(rows, limiter) = &mut looks {
            rows.look(limiter, sort, most).await?;
        }
        self.count(&mut denials).await?;
        let is_terminal = context.out.is_text() && context.out.is_terminal();
        let mut left = self.count.unwrap_or(if is_terminal { u64::MAX } else { 1 });
        while left > 0 {
            let seen = tokio::select! {
                () = reader::gone() => return Ok(()),
                seen = looks.next(self.interval, sort, most) => seen?,
            };
            let denied = self.count(&mut denials).await?;
            if is_terminal && self.count.is_none() {
                context.out.begin_screen()?;
            }
            report::print(context, &seen, &denied)?;
            context.out.end_screen();
            context.out.flush()?;
            left -= 1;
        }
        Ok(())
    }

    async fn begin(&self, context: &mut Context, limiter: RateLimiter) -> Result<Looks, Failure> {
        if !self.stream {
            let source = self.source();
            if source.is_scan() && self.sample.is_none() {
                price::agree(context, &limiter).await?;
            }
            return Ok(Looks::Rows(RowLooks::new(source, self.sample), limiter));
        }
        let place = limiter.location();
        let selection = Selection {
            namespace: place.map_or_else(String::new, |place| place.namespace_id.to_string()),
            entity: self.entity.clone(),
            resource: self.resource.clone(),
            sample: self.sample,
        };
        let looks = StreamLooks::begin(&context.options, selection).await?;
        Ok(Looks::Stream(Box::new(looks)))
    }

    fn source(&self) -> Source {
        match (&self.entity, &self.parent, &self.resource) {
            (Some(entity), _, resource) => Source::Entity(entity.clone(), resource.clone()),
            (None, Some(parent), resource) => Source::Children(parent.clone(), resource.clone()),
            (None, None, Some(resource)) => Source::Resource(resource.clone()),
            (None, None, None) => Source::All,
        }
    }

    async fn count(&self, denials: &mut Denials) -> Result<Vec<Denied>, Failure> {
        match &self.metrics {
            Some(url) => Ok(denials.rates(&http_get::get(url).await?)),
            None => Ok(Vec::new()),
        }
    }
}
