//! `tollgate usage report`

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use clap::Args;
use serde::Serialize;
use tollgate::{LimitName, RateLimiter};
use tollgate_ops::{follow, report::UsageReport, usage::WindowLength};

use super::{
    query::{Query, Window},
    target::{Format, Target},
};
use crate::{
    connect, context::Context, failure::Failure, limits, output::Row, progress::Progress,
    sdk_config, stderr, time,
};

/// The width of a picture.
const WIDTH: u32 = 960;

/// Draws what was consumed beside the limits: as a page of HTML, or as an SVG picture
///
/// Give `--entity-id`, `--resource`, or both. The page is one file that loads nothing. It has
/// charts and tables of the entities and resources that used most, and of all others together. A
/// picture shows one limit. Limits are drawn as they are stored now.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    query: Query,
    /// Length of the windows
    #[arg(long, short = 'w', value_enum)]
    window: Window,
    /// Limit to show, repeatable [default: all]
    #[arg(long = "limit", short = 'l', value_name = "NAME")]
    limits: Vec<LimitName>,
    /// Number of entities and resources that have a section of their own
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=200))]
    top: u16,
    #[command(flatten)]
    target: Target,
}

/// The report that was written.
#[derive(Debug, Serialize)]
struct Written {
    file: String,
    format: String,
    snapshots: u64,
    bytes: usize,
}

impl Row for Written {
    const COLUMNS: &'static [&'static str] = &["File", "Format", "Snapshots", "Bytes"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.file.clone(),
            self.format.clone(),
            self.snapshots.to_string(),
            self.bytes.to_string(),
        ]
    }
}

impl Report {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.query.check()?;
        self.target.check(context)?;
        let limiter = context.open().await?;
        let title = format!("Usage of {}", self.query.name());
        let length = WindowLength::from(self.window);
        let (from, to) = self.query.span(length);
        let mut report = UsageReport::new(title, length)
            .span(from, to)
            .footer(footer(context)?);
        if !self.limits.is_empty() {
            report = report.only(self.limits.iter().cloned());
        }
        collect(&mut report, self.query, self.window, &limiter).await?;
        mark_gaps(&mut report, context).await?;
        let top = usize::from(self.top);
        let text = match self.target.format() {
            Format::Html => {
                hold(&mut report, top, &limiter).await?;
                report.page(top)
            }
            Format::Svg => {
                let limit = only_limit(&report)?;
                // A picture shows a limit only if there is one subject.
                hold(&mut report, 1, &limiter).await?;
                report.picture(&limit, WIDTH)
            }
        };
        self.target.write(context, &text, |file, format| Written {
            file,
            format,
            snapshots: report.snapshots(),
            bytes: text.len(),
        })
    }
}

/// Reads all snapshots of the selection.
async fn collect(
    report: &mut UsageReport,
    query: Query,
    window: Window,
    limiter: &RateLimiter,
) -> Result<(), Failure> {
    let mut snapshots = query.snapshots(limiter, Some(window))?.list();
    let mut progress = Progress::new("snapshots");
    loop {
        let next = tokio::select! {
            biased;
            next = snapshots.next() => next,
            () = progress.tick() => {
                progress.show(report.snapshots());
                continue;
            }
        };
        match next {
            Some(snapshot) => report.add(&snapshot?),
            None => return Ok(()),
        }
    }
}

/// Adds the limits that hold now. One round trip for each entity and resource.
async fn hold(report: &mut UsageReport, top: usize, limiter: &RateLimiter) -> Result<(), Failure> {
    for (entity, resource) in report.shown(top) {
        let stored = limiter.config().resolve(&entity, &resource).await?;
        let level = stored.as_ref().map(|stored| stored.source.to_string());
        let limits = stored.iter().flat_map(|stored| stored.limits.iter());
        let described = limits.map(|limit| {
            let mut text = limits::describe(limit);
            for line in limits::schedule(limit) {
                text += "; ";
                text += line.trim();
            }
            (limit.clone(), text)
        });
        let described = described.collect();
        report.hold(entity, resource, level.unwrap_or_default(), described);
    }
    Ok(())
}

/// Adds what the aggregator could not count. Without the right to read its checkpoint, the report
/// is made without.
async fn mark_gaps(report: &mut UsageReport, context: &Context) -> Result<(), Failure> {
    let config = sdk_config::load(&context.options, connect::DEADLINE).await?;
    let table = context.options.stack()?;
    match follow::checkpoint(&Client::new(&config), table.as_str()).await {
        Ok(Some(checkpoint)) => report.counted(checkpoint.gaps, checkpoint.time),
        Ok(None) => {}
        Err(error) => stderr::line(&format!(
            "warning: times that the aggregator missed are not marked: {error}"
        )),
    }
    Ok(())
}

/// Returns the limit of a picture: the only one that was counted, of those that were asked for.
fn only_limit(report: &UsageReport) -> Result<LimitName, Failure> {
    let mut counted = report.limits().into_iter();
    match (counted.next(), counted.next()) {
        (Some(limit), None) => Ok(limit),
        (None, _) => Err(Failure::Refused(
            "there are no snapshots of that use: an aggregator writes them, the stack's function or `tollgate aggregate`; \
             `tollgate usage list` shows what was counted"
                .to_owned(),
        )),
        _ => {
            let names = report.limits().into_iter().map(|limit| limit.to_string());
            Err(Failure::Usage(format!(
                "a picture shows one limit: choose it by --limit, of {}",
                names.collect::<Vec<_>>().join(", ")
            )))
        }
    }
}

/// Returns the last line of the page.
fn footer(context: &Context) -> Result<String, Failure> {
    Ok(format!(
        "Stack {}, namespace {}. Written {} by tollgate {}.",
        context.options.stack()?,
        context.options.namespace()?,
        time::rfc3339(SystemTime::UNIX_EPOCH + now()),
        env!("CARGO_PKG_VERSION")
    ))
}

/// Returns the time since 1970, to the second.
fn now() -> Duration {
    Duration::from_secs(u64::try_from(time::now() / 1000).unwrap_or(0))
}
