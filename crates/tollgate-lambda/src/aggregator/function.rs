//! The aggregator as a function.

use std::{
    env,
    time::{Duration, Instant, SystemTime},
};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use serde_json::{Value, json};
use tollgate_ops::{
    archive::{Archive, ArchiveBucket},
    follow::{Counted, announce},
};

use super::{
    count::Aggregator,
    outcome::Outcome,
    settings::{ArchivePlace, Settings},
};
use crate::{
    failure::Failure,
    log::{self, Level},
    runtime::{Function, Invocation},
    sdk_config,
};

/// The time for which the function holds the lease of the table after an event. If its connection is
/// disabled, `tollgate aggregate` can begin after this time.
const LEASE: Duration = Duration::from_secs(60);

/// The time after which an event renews the lease.
const RENEW: Duration = Duration::from_secs(20);

/// The most failures that are logged for an event.
const LOGGED: usize = 10;

/// The function with the handler `aggregator`.
#[derive(Debug)]
pub(crate) struct AggregatorFunction {
    client: Client,
    table: String,
    owner: String,
    aggregator: Aggregator,
    /// Of the wall clock: other clocks may stand still while Lambda freezes the process.
    announced: Option<SystemTime>,
}

impl AggregatorFunction {
    /// Reads the variables, and makes the client that all events share.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let settings = Settings::read(|name| env::var(name).ok())
            .map_err(|error| Failure::new("InvalidSetting", error.to_string()))?;
        let config = sdk_config::load().await?;
        let client = Client::new(&config);
        let archive = settings.archive.as_ref();
        let archive = archive
            .map(|place| archive_at(place, &config))
            .transpose()?;
        let name = env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        Ok(Self {
            aggregator: Aggregator::new(client.clone(), &settings, archive),
            client,
            table: settings.table,
            owner: format!("function {name}"),
            announced: None,
        })
    }

    /// Renews the lease if it is time, and tells what was counted. The sums do not depend on it, so a
    /// failure is only logged.
    async fn announce(&mut self, outcome: &Outcome, deadline: Instant) {
        let now = SystemTime::now();
        let since = |time| now.duration_since(time).unwrap_or(RENEW);
        if self.announced.is_some_and(|time| since(time) < RENEW) {
            return;
        }
        // Also after a failure: the next event is not the time to try again.
        self.announced = Some(now);
        let newest = outcome.newest.filter(|_| outcome.failed.is_empty());
        let counted = newest.map(|newest| Counted {
            newest,
            at: jiff::Timestamp::now().as_second(),
        });
        let announced = announce(&self.client, &self.table, &self.owner, LEASE, counted);
        let problem = match tokio::time::timeout_at(deadline.into(), announced).await {
            Ok(Ok(None)) => return,
            Ok(Ok(Some(other))) => format!(
                "{other} has it: two aggregators work on the table, each change is counted once, and some work is done twice"
            ),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "there was no time for it".to_owned(),
        };
        let fields = json!({ "table": self.table, "problem": problem });
        log::line(Level::Warn, "the lease was not taken", fields);
    }
}

impl Function for AggregatorFunction {
    async fn handle(&mut self, invocation: Invocation) -> Result<Value, Failure> {
        let begun = Instant::now();
        let counted = self.aggregator.count(invocation.event, invocation.deadline);
        let outcome = counted
            .await
            .map_err(|error| Failure::new("MalformedEvent", error.to_string()))?;
        if outcome.changes > 0 {
            self.announce(&outcome, invocation.deadline).await;
        }
        report(&invocation.id, &outcome, begun.elapsed());
        answer(&outcome)
    }
}

/// Returns the archive at a place.
fn archive_at(place: &ArchivePlace, config: &SdkConfig) -> Result<Archive, Failure> {
    match place {
        ArchivePlace::Folder(folder) => Ok(Archive::Folder(folder.clone())),
        ArchivePlace::Bucket(name) => {
            let bucket = ArchiveBucket::parse(&format!("s3://{name}"), config, None);
            let bucket = bucket.ok_or_else(|| {
                let problem = format!("ARCHIVE_BUCKET_NAME: {name:?} is no name of a bucket");
                Failure::new("InvalidSetting", problem)
            });
            bucket.map(Archive::Bucket)
        }
    }
}

/// Returns the answer to a batch.
///
/// If a later record failed, Lambda tries again from there. If the first one failed, that would not
/// shorten the batch: then the invocation fails, so that Lambda splits the batch, counts an error, and
/// in the end sends the failed record alone to the queue of dead letters. The same if a record that
/// failed has no number.
fn answer(outcome: &Outcome) -> Result<Value, Failure> {
    let Some(failed) = outcome.failed.first() else {
        return Ok(json!({ "batchItemFailures": [] }));
    };
    let has_nameless = outcome
        .failed
        .iter()
        .any(|failed| failed.sequence.is_none());
    match outcome.first_failed() {
        Some(sequence) if !has_nameless && Some(sequence) != outcome.first.as_ref() => {
            Ok(json!({ "batchItemFailures": [{ "itemIdentifier": sequence.as_str() }] }))
        }
        _ => Err(Failure::new(
            "RecordsFailed",
            format!(
                "{} of {} records or groups of them failed; the first one: {}",
                outcome.failed.len(),
                outcome.records,
                failed.problem
            ),
        )),
    }
}

/// Returns the level and the words for an event.
fn summary(outcome: &Outcome) -> (Level, &'static str) {
    let has_done = outcome.snapshots > 0 || outcome.archived > 0;
    match (outcome.failed.is_empty(), has_done) {
        (true, _) => (Level::Info, "records are counted"),
        (false, true) => (Level::Warn, "some records failed, the others are counted"),
        (false, false) => (Level::Error, "no record is counted: all of them failed"),
    }
}

/// Logs an event.
fn report(id: &str, outcome: &Outcome, took: Duration) {
    let now = jiff::Timestamp::now().as_second();
    let fields = json!({
        "request_id": id,
        "records": outcome.records,
        "changes": outcome.changes,
        "snapshot_writes": outcome.snapshots,
        "snapshot_reads": outcome.reads,
        "conflicts": outcome.conflicts,
        "archived": outcome.archived,
        "failed": outcome.failed.len(),
        "lag": outcome.newest.map(|newest| (now - newest).max(0)),
        "ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    });
    let (level, message) = summary(outcome);
    log::line(level, message, fields);
    for failed in outcome.failed.iter().take(LOGGED) {
        let fields = json!({
            "request_id": id,
            "sequence": failed.sequence.as_ref().map(|sequence| sequence.as_str()),
            "problem": failed.problem,
        });
        log::line(Level::Error, "records failed", fields);
    }
    if outcome.unarchived > 0 {
        let fields = json!({
            "request_id": id,
            // The alarm of a stack counts lines with this field.
            "event": "archive_failed",
            "events": outcome.unarchived,
        });
        log::line(Level::Error, "events are not archived", fields);
    }
    for limit in &outcome.uncountable {
        let fields = json!({ "request_id": id, "limit": limit });
        let problem = "a limit is not counted, because snapshots have an attribute of that name";
        log::line(Level::Warn, problem, fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregator::Failed;

    /// Guards an operator who reads "records are counted" although none was.
    #[test]
    fn a_batch_that_failed_is_not_logged_as_counted() {
        let mut outcome = Outcome {
            records: 29,
            snapshots: 2,
            ..Outcome::default()
        };
        assert!(matches!(summary(&outcome), (Level::Info, _)));
        outcome.failed.push(Failed {
            sequence: None,
            problem: "the table refused it".to_owned(),
        });
        let (level, message) = summary(&outcome);
        assert!(matches!(level, Level::Warn) && message.starts_with("some records failed"));
        outcome.snapshots = 0;
        let (level, message) = summary(&outcome);
        assert!(matches!(level, Level::Error) && message.starts_with("no record is counted"));
    }
}
