//! `tollgate aggregate`

use std::{
    io,
    time::{Duration, SystemTime},
};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tollgate::RateLimiter;
use tollgate_aws::StackFunction;
use tollgate_ops::{
    OpsError,
    archive::{Archive, ArchiveBucket},
    follow::{FollowOptions, Progress, Totals, follow},
    usage::WindowLength,
};

use super::function_stream::FunctionStream;
use crate::{
    aggregation::{self, ThresholdEvent},
    connect,
    context::Context,
    failure::Failure,
    output::{Format, Output, Row},
    sdk_config, stderr, time,
};

/// The number of attempts of each call to AWS, with pauses that double.
const ATTEMPTS: u32 = 8;

/// Counts what is consumed: reads the table's stream, and writes snapshots of usage
///
/// Begins with the oldest record of the stream, or after the last checkpoint. One aggregator of a table
/// works at a time; another one refuses, or takes over some time after the first one is gone. Nothing is
/// counted twice, even if the command is killed. Ctrl-C saves a checkpoint and ends.
#[derive(Debug, Args)]
pub(crate) struct Aggregate {
    /// Go on until interrupted (default)
    #[arg(long, conflicts_with = "once")]
    follow: bool,
    /// End when everything is counted that is in the stream
    #[arg(long)]
    once: bool,
    /// Lengths of the windows
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "LENGTHS",
        default_value = "hourly,daily"
    )]
    windows: Vec<Length>,
    /// Days after the end of its window that a snapshot is kept
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    retention_days: u32,
    /// Folder, or s3://BUCKET/PREFIX, for events of the history that expire, as gzip JSON lines
    #[arg(long, value_name = "DIR|URL")]
    archive: Option<String>,
    /// Endpoint of the archive [default: AWS_ENDPOINT_URL_S3, else that of all services]
    #[arg(long, value_name = "URL", requires = "archive")]
    archive_endpoint: Option<String>,
    /// Tell when the use in a window reaches these percentages of what the limit allows in it
    #[arg(long, value_name = "PERCENTS", value_delimiter = ',', value_parser = percent)]
    warn_at: Vec<u32>,
    /// Seconds after which another aggregator may take over from one that is gone
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease: u64,
    /// Do not count changes before this time, because another aggregator has counted them
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    skip_before: Option<SystemTime>,
}

/// Reads a percentage of a threshold.
fn percent(text: &str) -> Result<u32, &'static str> {
    match text.trim().parse() {
        Ok(percent) if (1..=1_000_000).contains(&percent) => Ok(percent),
        _ => Err("it must be whole percents from 1 to 1000000, with commas between them: 80,95"),
    }
}

/// The length of a window.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Length {
    Hourly,
    Daily,
    Monthly,
}

impl From<Length> for WindowLength {
    fn from(length: Length) -> Self {
        match length {
            Length::Hourly => Self::Hour,
            Length::Daily => Self::Day,
            Length::Monthly => Self::Month,
        }
    }
}

/// The counts of a batch, or of the whole run.
#[derive(Debug, Serialize)]
struct Counts {
    records: u64,
    changes: u64,
    snapshot_writes: u64,
    snapshot_reads: u64,
    archived: u64,
    /// The writes of snapshots by other programs. `None` in the counts of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    foreign_writes: Option<u64>,
    /// The age of the newest record, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<i64>,
}

impl Counts {
    fn new(totals: &Totals, lag: Option<i64>) -> Self {
        Self {
            records: totals.records,
            changes: totals.changes,
            snapshot_writes: totals.snapshots,
            snapshot_reads: totals.reads,
            archived: totals.archived,
            foreign_writes: lag.is_none().then_some(totals.foreign_writes),
            lag,
        }
    }

    fn sentence(&self) -> String {
        let archived = match self.archived {
            0 => String::new(),
            count => format!(", {count} events archived"),
        };
        let foreign = match self.foreign_writes {
            None | Some(0) => String::new(),
            Some(count) => format!("; ANOTHER PROGRAM wrote snapshots {count} times"),
        };
        format!(
            "{} records, {} changes of buckets, {} writes of snapshots{archived}{foreign}",
            self.records, self.changes, self.snapshot_writes
        )
    }
}

impl Row for Counts {
    const COLUMNS: &'static [&'static str] = &[
        "Records",
        "Changes",
        "Writes",
        "Reads",
        "Archived",
        "Foreign writes",
    ];

    fn cells(&self) -> Vec<String> {
        [
            self.records,
            self.changes,
            self.snapshot_writes,
            self.snapshot_reads,
            self.archived,
            self.foreign_writes.unwrap_or(0),
        ]
        .map(|count| count.to_string())
        .to_vec()
    }
}

impl Aggregate {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        // Refuses a table that is missing, or of another version, before anything is written.
        let registry = context.open_registry().await?;
        let config = sdk_config::load(&context.options, connect::DEADLINE).await?;
        warn_of_function(&registry, &config, context.options.stack()?.as_str()).await;
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = config.into_builder().retry_config(retries).build();
        let streams = aws_sdk_dynamodbstreams::Client::new(&config);
        let mut options = FollowOptions::new(context.options.stack()?.as_str());
        options.windows = self.windows.into_iter().map(WindowLength::from).collect();
        options.retention_days = self.retention_days;
        options.archive = archive(self.archive, self.archive_endpoint, &config)?;
        options.warn_at = self.warn_at.into_iter().collect();
        options.lease = Duration::from_secs(self.lease);
        options.once = self.once;
        options.skip_before = self.skip_before.map(time::seconds);
        let mut printed = Ok(());
        let out = &mut context.out;
        let report = |progress: Progress| {
            if printed.is_ok() {
                printed = print(out, &progress);
            }
        };
        let followed = follow(&Client::new(&config), &streams, &options, stop()?, report).await;
        let totals = followed.map_err(failure)?;
        printed?;
        let counts = Counts::new(&totals, None);
        let sentence = format!("Total: {}", counts.sentence());
        Ok(context.out.done(&sentence, &counts)?)
    }
}

/// Says on the standard error that the stack's function counts too, if Lambda says so.
async fn warn_of_function(registry: &RateLimiter, config: &SdkConfig, table: &str) {
    let version = registry.status().await.store.version;
    let Some(version) = version.and_then(|record| record.lambda_version) else {
        return;
    };
    let function = format!("{table}-{}", StackFunction::Aggregator.component());
    if !FunctionStream::read(config, table, &function)
        .await
        .is_enabled()
    {
        return;
    }
    // Functions of tollgate name both versions: 0.17.0+tollgate.0.1.0.
    let effect = if version.contains("+tollgate.") {
        "nothing is counted twice, but the work is done twice"
    } else {
        "it is of the Python library, so everything is counted twice"
    };
    stderr::line(&format!(
        "warning: the stream is connected to the function {function} too: {effect}; disable its connection first, or stop \
         this command"
    ));
}

/// Returns the archive that the arguments name.
fn archive(
    place: Option<String>,
    endpoint: Option<String>,
    config: &SdkConfig,
) -> Result<Option<Archive>, Failure> {
    let Some(place) = place else {
        return Ok(None);
    };
    if let Some(url) = &endpoint
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        return Err(Failure::Usage(format!(
            "--archive-endpoint: {url} does not begin with http:// or https://"
        )));
    }
    if place.starts_with("s3:") {
        let bucket = ArchiveBucket::parse(&place, config, endpoint.as_deref());
        let bucket = bucket.ok_or_else(|| {
            Failure::Usage(format!(
                "--archive: {place} is not s3://BUCKET or s3://BUCKET/PREFIX, with letters, digits, - . _ = alone"
            ))
        })?;
        return Ok(Some(Archive::Bucket(bucket)));
    }
    if endpoint.is_some() {
        return Err(Failure::Usage(
            "--archive-endpoint is for an archive s3://BUCKET alone".into(),
        ));
    }
    Ok(Some(Archive::Folder(place.into())))
}

/// Prints a report. What is missing goes to the standard error, in every format.
fn print(out: &mut Output, progress: &Progress) -> io::Result<()> {
    if let Progress::Counted { batch, lag } = progress {
        let counts = Counts::new(batch, Some(*lag));
        out.line(format!("{}, {lag} s behind", counts.sentence()))?;
        if out.format() == Format::Jsonl {
            out.value(&counts)?;
        }
    }
    if let Progress::Crossed(crossing) = progress {
        let event = ThresholdEvent::new(crossing);
        out.line(event.sentence())?;
        if out.format() == Format::Jsonl {
            out.value(&event)?;
        }
    }
    if let Some(sentence) = aggregation::sentence(progress) {
        match progress {
            Progress::Missing(_) | Progress::Uncountable { .. } | Progress::ForeignWrite { .. } => {
                eprintln!("warning: {sentence}")
            }
            _ => out.line(sentence)?,
        }
    }
    out.flush()
}

/// Returns a future that is ready when the user or the system asks the command to end.
#[cfg(unix)]
fn stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a signal handler the command goes on until it is killed, which loses nothing.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

fn failure(error: OpsError) -> Failure {
    match &error {
        OpsError::Aws { .. } | OpsError::Upload { .. } => Failure::Aws(format!(
            "{error}; what was counted is kept: start again to continue after the last checkpoint"
        )),
        OpsError::Held { owner, .. } if owner.starts_with("function ") => {
            Failure::Refused(format!(
                "{error}: the stack's function counts, so this command is not needed. To count in its place, disable the \
                 connection of the stream to it, and start this command a minute later"
            ))
        }
        error => Failure::Refused(error.to_string()),
    }
}
