//! The report of one worker.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::{super::log::Kind, Worked, room::Room};

/// The results of one worker's requests.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WorkerReport {
    /// The index of the process.
    pub process: usize,
    /// `true` if the driver has killed the worker.
    pub killed: bool,
    /// The time that was added to each request.
    pub distance: Duration,
    /// The number of requests.
    pub asked: u64,
    /// The number of requests that were granted.
    pub granted: u64,
    /// The number of requests that were denied.
    pub denied: u64,
    /// The number of denials that reported enough tokens for the request.
    pub denied_telling_room: u64,
    /// The number of denials although the buckets held the cost during the whole time from one
    /// distance and 20 ms before the request until one distance and 20 ms after the answer.
    pub denied_with_room: u64,
    /// The number of requests without a decision, by reason.
    pub failed: BTreeMap<String, u64>,
    /// The number of requests without an answer, because the worker was killed.
    pub unanswered: u64,
    /// The median latency of grants.
    pub grant_p50: Duration,
    /// The 99th percentile of the latency of grants.
    pub grant_p99: Duration,
    /// The median time of a round trip to the store, without the time of the limiter.
    pub round_trip: Duration,
    /// The number of bucket writes that the store has answered.
    pub writes: u64,
    /// The number of bucket writes whose condition failed.
    pub failed_conditions: u64,
    /// The number of other requests to the store.
    pub other_requests: u64,
}

impl WorkerReport {
    pub(super) fn of(worked: &Worked, room: &Room) -> Self {
        let counts = &worked.counts;
        let mut report = Self {
            process: worked.process,
            killed: worked.killed,
            distance: worked.distance,
            // The proxy sees half of the distance and the engine. The way back has the other half.
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
                    report.denied_with_room +=
                        u64::from(room.was_there(begun, entry.at, worked.distance));
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

    /// Returns a time in round trips of this worker.
    pub fn in_round_trips(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.round_trip.as_secs_f64().max(1e-6)
    }
}

fn percentile(times: &mut [i64], part: usize) -> Duration {
    times.sort_unstable();
    let index = (times.len() * part / 100).min(times.len().saturating_sub(1));
    Duration::from_micros(
        times
            .get(index)
            .and_then(|time| u64::try_from(*time).ok())
            .unwrap_or(0),
    )
}
