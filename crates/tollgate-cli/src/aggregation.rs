//! The reports of an aggregator as they are printed.

use serde::Serialize;
use tollgate_ops::{follow::Progress, usage::Crossing};

use crate::time;

/// Returns a report as a sentence. Returns `None` for the counts of batches.
pub(crate) fn sentence(progress: &Progress) -> Option<String> {
    Some(match progress {
        Progress::Started { from: None } => "Begins with the oldest record of the stream".into(),
        Progress::Started { from: Some(from) } => format!("Continues after {}", at(*from)),
        Progress::Missing(gap) => format!(
            "the stream no longer has the records between {} and {}: use by buckets that were made or deleted \
             in that time may be missing; that of others is counted when they are used again",
            at(gap.from),
            at(gap.to)
        ),
        Progress::Uncountable { limit } => format!(
            "the limit {limit} is not counted, because snapshots have an attribute of that name"
        ),
        Progress::ForeignWrite { key, time } => format!(
            "another program writes snapshots: it wrote {key} at {}. If it is an aggregator of the Python library, \
             use is counted twice: disable one of the two, and see `tollgate doctor`",
            at(*time)
        ),
        Progress::Raised { split, shards } => format!(
            "Corrected {shards} of the {} shards of {} {}: a Python client had split the bucket, and not told them",
            split.count, split.bucket.entity, split.bucket.resource
        ),
        Progress::CaughtUp => "Everything in the stream is read".into(),
        _ => return None,
    })
}

fn at(seconds: i64) -> String {
    time::of_millis(seconds.saturating_mul(1000))
}

/// A threshold that was reached, as a line for alarms.
#[derive(Debug, Serialize)]
pub(crate) struct ThresholdEvent {
    event: &'static str,
    namespace_id: String,
    entity_id: String,
    resource: String,
    limit: String,
    window: &'static str,
    window_start: String,
    threshold: u32,
    used: i64,
    allowed: i64,
}

impl ThresholdEvent {
    pub(crate) fn new(crossing: &Crossing) -> Self {
        let name = &crossing.snapshot;
        Self {
            event: "threshold",
            namespace_id: name.namespace.clone(),
            entity_id: name.entity.clone(),
            resource: name.resource.clone(),
            limit: crossing.limit.clone(),
            window: name.window.length.word(),
            window_start: name.window.start_text(),
            threshold: crossing.threshold,
            used: crossing.used,
            allowed: crossing.allowed,
        }
    }

    pub(crate) fn sentence(&self) -> String {
        format!(
            "THRESHOLD {}%: {} has used {} of {} {} of {} in the {} window {}",
            self.threshold,
            self.entity_id,
            self.used,
            self.allowed,
            self.limit,
            self.resource,
            self.window,
            self.window_start
        )
    }
}
