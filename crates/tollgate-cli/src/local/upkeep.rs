//! Upkeep that DynamoDB does by itself: expired items are deleted, and old stream records.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dynoxide::Database;
use tokio::time::{MissedTickBehavior, interval};

use super::{log::Log, stream::Stream};
use crate::time;

/// The time between two rounds.
const PERIOD: Duration = Duration::from_secs(60);

/// The time that DynamoDB keeps a stream record, in ms.
const KEPT: i64 = 24 * 60 * 60 * 1000;

/// Deletes what has expired, at once and then every minute.
pub(super) async fn run(database: Database, stream: Stream, log: Arc<Log>) {
    let stream = Arc::new(Mutex::new(stream));
    let mut rounds = interval(PERIOD);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let (database, stream, log) = (database.clone(), Arc::clone(&stream), Arc::clone(&log));
        let round = move || round(&database, &stream, &log);
        // A panic is in the log, and the next round tries again.
        let _ = tokio::task::spawn_blocking(round).await;
    }
}

fn round(database: &Database, stream: &Mutex<Stream>, log: &Log) {
    match database.sweep_ttl() {
        Ok(0) => {}
        Ok(expired) => log.write(format!("deleted {expired} expired items")),
        Err(error) => log.write(format!("expired items cannot be deleted: {error}")),
    }
    let stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    match stream.trim((time::now() - KEPT) / 1000) {
        Ok(0) => {}
        Ok(trimmed) => log.write(format!("deleted {trimmed} old stream records")),
        Err(error) => log.write(format!("the stream cannot be trimmed: {error}")),
    }
}
