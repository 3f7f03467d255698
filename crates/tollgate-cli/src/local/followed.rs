//! Counts the usage of one table of the engine.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, TableDescription};
use tokio::{sync::watch, time::sleep};
use tollgate_ops::{
    OpsError,
    follow::{FollowOptions, Progress, follow},
};

use super::{client::Clients, log::Log};
use crate::aggregation;

/// The name under which leases are taken. One server at a time works in a folder, so the next one
/// need not wait for the lease of one that was killed.
const OWNER: &str = "tollgate local";

/// The time after which usage is counted.
const SHORT: Duration = Duration::from_millis(500);

/// The time for which nobody else counts a table. A third of it passes between two checkpoints of a
/// table that nobody uses.
const LEASE: Duration = Duration::from_secs(180);

/// The first and the longest pause after a failure.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// Follows a table until it is deleted or the server stops. Does nothing with tables of other
/// programs.
pub(super) async fn run(
    table: String,
    clients: Clients,
    log: Arc<Log>,
    mut stop: watch::Receiver<bool>,
) {
    let [mut pause, longest] = PAUSES;
    let mut told = String::new();
    while let Some(described) = describe(&clients, &table).await {
        let result = count(&described, &table, &clients, &log, stop.clone()).await;
        let Err(error) = result else {
            return;
        };
        let text = error.to_string();
        if text != told {
            log.write(format!("usage of {table} is not counted: {text}"));
            told = text;
        }
        tokio::select! {
            () = stopped(&mut stop) => return,
            () = sleep(pause) => pause = (pause * 2).min(longest),
        }
    }
}

async fn count(
    described: &TableDescription,
    table: &str,
    clients: &Clients,
    log: &Log,
    mut stop: watch::Receiver<bool>,
) -> Result<(), OpsError> {
    let mut options = FollowOptions::new(table);
    options.flush_after = SHORT;
    options.poll_every = SHORT;
    options.lease = LEASE;
    options.owner = Some(OWNER.to_owned());
    // The engine keeps the stream of a table that was deleted for the next one of the same name.
    options.skip_before = described.creation_date_time.map(|time| time.secs());
    let report = |progress: Progress| {
        let sentence = aggregation::sentence(&progress);
        // That everything is read happens again and again.
        if let Some(sentence) = sentence.filter(|_| progress != Progress::CaughtUp) {
            log.write(format!("usage of {table}: {sentence}"));
        }
    };
    let stop = stopped(&mut stop);
    let (dynamodb, streams) = (&clients.dynamodb, &clients.streams);
    follow(dynamodb, streams, &options, stop, report).await?;
    Ok(())
}

/// Returns the description of a table with buckets. Returns `None` for a table of another program, or
/// one that does not exist.
async fn describe(clients: &Clients, table: &str) -> Option<TableDescription> {
    let client = &clients.dynamodb;
    let version = client
        .get_item()
        .table_name(table)
        .key("PK", AttributeValue::S("_/SYSTEM#".into()))
        .key("SK", AttributeValue::S("#VERSION".into()));
    version.send().await.ok()?.item?;
    let described = client.describe_table().table_name(table).send().await;
    described.ok()?.table
}

/// Returns when the server stops.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without its sender there is no server any more.
    let _ = stop.wait_for(|stop| *stop).await;
}
