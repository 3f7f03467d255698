//! `tollgate local status`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tollgate_ops::follow::AggregatorState;

use crate::{
    context::Context,
    failure::Failure,
    local::{self, Folder, Instance, Stream, TableCount},
    output::{Row, or_dash},
    repeat, runtime, time,
};

/// Shows if the local table runs, its data and its tables
///
/// The exit code is 0 if it does not run, and 3 if it runs and does not answer.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Folder of the data [default: as for up]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// The state of a local table.
#[derive(Debug, Serialize)]
struct StatusRecord {
    state: &'static str,
    endpoint: Option<String>,
    pid: Option<u32>,
    started_at: Option<String>,
    data: String,
    data_bytes: Option<u64>,
    tables: Option<Vec<TableRecord>>,
}

/// A table of the engine.
#[derive(Debug, Serialize)]
struct TableRecord {
    table: String,
    items: Option<u64>,
    stream_records: Option<u64>,
    aggregator: Option<AggregatorRecord>,
}

/// The aggregator of a table.
#[derive(Debug, Serialize)]
struct AggregatorRecord {
    running: bool,
    owner: String,
    counted_until: Option<String>,
}

impl AggregatorRecord {
    fn new(state: AggregatorState) -> Self {
        let counted_until = state.checkpoint.and_then(|checkpoint| checkpoint.time);
        Self {
            running: state.lease_until > time::now(),
            owner: state.owner,
            counted_until: counted_until.map(|seconds| time::of_millis(seconds * 1000)),
        }
    }

    fn text(&self) -> String {
        let until = self.counted_until.as_ref();
        let until = until.map_or_else(|| "counted".into(), |time| format!("counted until {time}"));
        let rest = if self.running { "" } else { ", no aggregator" };
        format!("usage {until}{rest}")
    }
}

impl TableRecord {
    fn text(&self) -> String {
        let count = |count: Option<u64>| count.map_or("?".to_owned(), |count| count.to_string());
        let aggregator = self.aggregator.as_ref();
        let usage = aggregator.map_or("usage not counted".into(), AggregatorRecord::text);
        format!(
            "{} ({} items, {} stream records, {usage})",
            self.table,
            count(self.items),
            count(self.stream_records)
        )
    }
}

impl Row for StatusRecord {
    const COLUMNS: &'static [&'static str] = &[
        "State",
        "Endpoint",
        "Pid",
        "Started",
        "Data file",
        "Size",
        "Tables",
    ];

    fn cells(&self) -> Vec<String> {
        let tables = self.tables.as_ref().map(|tables| {
            let tables: Vec<_> = tables.iter().map(TableRecord::text).collect();
            tables.join(", ")
        });
        vec![
            self.state.to_owned(),
            or_dash(&self.endpoint),
            or_dash(&self.pid.map(|pid| pid.to_string())),
            or_dash(&self.started_at),
            self.data.clone(),
            or_dash(&self.data_bytes.map(|bytes| format!("{bytes} bytes"))),
            or_dash(&tables),
        ]
    }
}

impl Status {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        let watch = context.options.watch;
        context.watches = watch.is_some();
        runtime::until_interrupted(async {
            self.show(context).await?;
            while let Some(seconds) = watch {
                repeat::pause(context, seconds).await?;
                self.show(context).await?;
            }
            Ok(())
        })
    }

    async fn show(&self, context: &mut Context) -> Result<(), Failure> {
        let folder = Folder::locate(self.data.as_deref())?;
        let instance = Instance::find(&folder)?;
        let mut record = StatusRecord {
            state: if instance.is_some() {
                "running"
            } else {
                "stopped"
            },
            endpoint: instance.as_ref().map(|instance| instance.endpoint.clone()),
            pid: instance.as_ref().map(|instance| instance.pid),
            started_at: instance
                .as_ref()
                .map(|instance| instance.started_at.clone()),
            data: folder.data().display().to_string(),
            data_bytes: folder.data_bytes(),
            tables: None,
        };
        let counted = match &instance {
            Some(instance) => local::count(&instance.endpoint).await.map(Some),
            None => Ok(None),
        };
        let failure = match counted {
            Ok(tables) => {
                record.tables = tables.map(|tables| with_streams(&folder, tables));
                None
            }
            Err(failure) => Some(failure),
        };
        context.out.record(&record)?;
        failure.map_or(Ok(()), Err)
    }
}

/// Adds the lengths of the streams, which the engine has no call for.
fn with_streams(folder: &Folder, tables: Vec<TableCount>) -> Vec<TableRecord> {
    let stream = Stream::open_to_read(&folder.data()).ok();
    let record = |table: TableCount| TableRecord {
        stream_records: stream
            .as_ref()
            .and_then(|stream| stream.length(&table.name).ok()),
        items: table.items,
        aggregator: table.aggregator.map(AggregatorRecord::new),
        table: table.name,
    };
    tables.into_iter().map(record).collect()
}
