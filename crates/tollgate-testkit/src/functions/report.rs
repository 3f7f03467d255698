//! The report of an event source.

use std::time::Duration;

use super::{dead_letter::DeadLetter, reply::Reply};

/// The report of an event source.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The number of events that a process got.
    pub events: u64,
    /// The number of answers that named records that failed.
    pub partial: u64,
    /// The number of events that failed.
    pub failed: u64,
    /// The number of events during which the process was killed, or ended.
    pub killed: u64,
    /// The number of events without an answer in time.
    pub late: u64,
    /// The number of batches that came once more although they were done.
    pub repeated: u64,
    /// The records that were given up.
    pub dead_letters: Vec<DeadLetter>,
    /// The times from the start of a process until it asked for an event.
    pub starts: Vec<Duration>,
    /// The longest time from an event to its reply.
    pub slowest: Duration,
    /// The largest number of bytes that a process had in memory. 0 if the system does not tell.
    pub memory: u64,
    /// The lines that processes wrote on their standard output.
    pub log: Vec<String>,
}

impl Report {
    /// Counts a reply.
    pub(super) fn add(&mut self, reply: &Reply, took: Duration) {
        self.events += 1;
        self.slowest = self.slowest.max(took);
        match reply {
            Reply::Answered(answer) => {
                let failures = answer
                    .get("batchItemFailures")
                    .and_then(|all| all.as_array());
                self.partial += u64::from(failures.is_some_and(|all| !all.is_empty()));
            }
            Reply::Failed(_) | Reply::NotStarted(_) => self.failed += 1,
            Reply::Late => self.late += 1,
            Reply::Ended => self.killed += 1,
        }
    }
}
