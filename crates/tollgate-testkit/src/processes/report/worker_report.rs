//! The counts of one worker.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::{super::log::Kind, Worked, room::Room};

/// Counts the outcomes of one worker's requests.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WorkerReport {
    /// The index of the process.
    pub process: usize,
    /// The driver has killed it.
    pub killed: bool,
    /// The time that was added to each request.
    pub distance: Duration,
    /// Requests that were made.
    pub asked: u64,
    /// Requests that were granted.
    pub granted: u64,
    /// Requests that were denied.
    pub denied: u64,
    /// Denials that tell themselves that the cost is left.
    pub denied_telling_room: u64,
    /// Denials during whose whole time the buckets have held the cost, and one distance and 20 ms before
    /// and after.
    pub denied_with_room: u64,
    /// Requests without a decision, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Requests without an answer: the worker was killed.
    pub unanswered: u64,
    /// Half of the grants took no longer.
    pub grant_p50: Duration,
    /// 99 in a hundred grants took no longer.
    pub grant_p99: Duration,
    /// The median of the bare round trips.
    pub round_trip: Duration,
    /// Bucket writes that the store has answered.
    pub writes: u64,
    /// Bucket writes whose condition failed.
    pub failed_conditions: u64,
    /// Other requests to the store.
    pub other_requests: u64,
}

impl WorkerReport {
    pub(super) fn of(worked: &Worked, room: &Room) -> Self {
        let counts = &worked.counts;
        let mut report = Self {
            process: worked.process,
            killed: worked.killed,
            distance: worked.distance,
            // The proxy sees one way and the engine; the other way is the same distance.
            round_trip: worked.distance / 2 + percentile(&mut counts.ways.clone(), 50),
            writes: counts.writes,
            failed_conditions: counts.failed_conditions,
            other_requests: counts.others,
            ..Self::default()
        };
        let (mut asked, mut times) = (HashMap::new(), Vec::new());
        for entry in &worked.log {
            match &entry.kind {
                Kind::Asked => {
                    report.asked += 1;
                    asked.insert(entry.request, entry.at);
                }
                Kind::Granted { .. } => {
                    report.granted += 1;
                    times.extend(asked.remove(&entry.request).map(|asked| entry.at - asked));
                }
                Kind::Denied { left, .. } => {
                    report.denied += 1;
                    let begun = asked.remove(&entry.request).unwrap_or(entry.at);
                    report.denied_telling_room += u64::from(room.is_told(*left));
                    report.denied_with_room += u64::from(room.was_there(begun, entry.at, worked.distance));
                }
                Kind::Failed { why } => {
                    asked.remove(&entry.request);
                    *report.failed.entry(why.clone()).or_default() += 1;
                }
                Kind::Owed { .. } | Kind::Settled | Kind::Lost | Kind::Ended => {}
            }
        }
        report.unanswered = asked.len() as u64;
        report.grant_p50 = percentile(&mut times, 50);
        report.grant_p99 = percentile(&mut times, 99);
        report
    }

    /// A time in round trips of this worker.
    pub fn in_round_trips(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.round_trip.as_secs_f64().max(1e-6)
    }
}

fn percentile(times: &mut [i64], part: usize) -> Duration {
    times.sort_unstable();
    let index = (times.len() * part / 100).min(times.len().saturating_sub(1));
    Duration::from_micros(times.get(index).and_then(|time| u64::try_from(*time).ok()).unwrap_or(0))
}
