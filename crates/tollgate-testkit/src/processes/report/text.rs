//! Formats the report as tables and as JSON.

use std::fmt;

use serde_json::json;

use super::{BucketReport, Report, WorkerReport};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}, {:?}, allowed: {}\n",
            self.seed, self.time, self.allowance
        )?;
        writeln!(
            f,
            "| process | distance | asked | granted | denied | with room: by the store, as told | no decision | unanswered | p50, p99 in round \
             trips | writes | failed |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|")?;
        self.workers
            .iter()
            .try_for_each(|worker| write_worker(f, worker))?;
        writeln!(
            f,
            "\n| bucket | limit | shards | charged | used | beyond the rule: writes, grants | widening: needed, allowed \
             | above perfect | lost | full again | unexplained | charged less logged |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        self.buckets
            .iter()
            .try_for_each(|bucket| write_bucket(f, bucket))
    }
}

fn write_worker(f: &mut fmt::Formatter<'_>, worker: &WorkerReport) -> fmt::Result {
    let failed: Vec<String> = worker
        .failed
        .iter()
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    writeln!(
        f,
        "| {}{} | {:?} | {} | {} | {} | {}, {} | {} | {} | {:.2}, {:.2} | {} | {:.1} % |",
        worker.process,
        if worker.killed { " (killed)" } else { "" },
        worker.distance,
        worker.asked,
        worker.granted,
        worker.denied,
        worker.denied_with_room,
        worker.denied_telling_room,
        if failed.is_empty() {
            "0".to_owned()
        } else {
            failed.join(", ")
        },
        worker.unanswered,
        worker.in_round_trips(worker.grant_p50),
        worker.in_round_trips(worker.grant_p99),
        worker.writes,
        worker.failed_conditions as f64 * 100.0 / worker.writes.max(1) as f64,
    )
}

fn write_bucket(f: &mut fmt::Formatter<'_>, bucket: &BucketReport) -> fmt::Result {
    let (above, lost, full) = match bucket.conservation {
        Some(levels) => (
            levels.above_perfect.to_string(),
            levels.lost.to_string(),
            levels.was_full.to_string(),
        ),
        None => Default::default(),
    };
    let differences = bucket
        .ledgers
        .iter()
        .map(|ledger| (ledger.charged - ledger.logged).to_string());
    writeln!(
        f,
        "| {} | {} | {} | {} | {:.2} % | {}, {} | {:.1?}, {:.1?} | {above} | {lost} | {full} | {} | {} |",
        bucket.bucket,
        bucket.limit,
        bucket.shards,
        bucket.charged,
        bucket.used() * 100.0,
        bucket.commits.over_admitted,
        bucket.grants.over_admitted,
        bucket.commits.needed,
        bucket.commits.allowed,
        bucket.unexplained,
        differences.collect::<Vec<_>>().join(", "),
    )
}

impl Report {
    /// Returns the report as a line of JSON. Times are in ms, amounts of buckets in millitokens.
    pub fn to_json(&self) -> String {
        let millis = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
        let workers = self.workers.iter().map(|worker| {
            json!({
                "process": worker.process,
                "killed": worker.killed,
                "distance_ms": millis(worker.distance),
                "asked": worker.asked,
                "granted": worker.granted,
                "denied": worker.denied,
                "denied_with_room": worker.denied_with_room,
                "denied_telling_room": worker.denied_telling_room,
                "failed": worker.failed,
                "unanswered": worker.unanswered,
                "grant_p50_ms": millis(worker.grant_p50),
                "grant_p99_ms": millis(worker.grant_p99),
                "round_trip_ms": millis(worker.round_trip),
                "writes": worker.writes,
                "failed_conditions": worker.failed_conditions,
                "other_requests": worker.other_requests,
            })
        });
        let buckets = self.buckets.iter().map(|bucket| {
            let ledgers = bucket.ledgers.iter().map(|ledger| {
                json!({ "charged": ledger.charged, "logged": ledger.logged, "less": ledger.less, "more": ledger.more })
            });
            json!({
                "bucket": bucket.bucket,
                "limit": bucket.limit,
                "shards": bucket.shards,
                "charged": bucket.charged,
                "could_grant": bucket.could_grant,
                "over_admitted_by_writes": bucket.commits.over_admitted,
                "over_admitted_by_grants": bucket.grants.over_admitted,
                "widening_needed_ms": millis(bucket.commits.needed),
                "widening_allowed_ms": millis(bucket.commits.allowed),
                "above_perfect": bucket.conservation.map(|levels| levels.above_perfect),
                "lost": bucket.conservation.map(|levels| levels.lost),
                "was_full": bucket.conservation.map(|levels| levels.was_full),
                "unexplained": bucket.unexplained,
                "ledgers": ledgers.collect::<Vec<_>>(),
            })
        });
        let report = json!({
            "seed": self.seed,
            "seconds": self.time.as_secs_f64(),
            "cost": self.cost,
            "workers": workers.collect::<Vec<_>>(),
            "buckets": buckets.collect::<Vec<_>>(),
        });
        report.to_string()
    }
}
