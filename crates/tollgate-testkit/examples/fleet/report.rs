//! Prints tables and writes JSON.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tollgate_testkit::fleet::{Outcome, Times};

use crate::scenario::{Mode, Scenario};

/// The outcome of one fleet.
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) outcome: Outcome,
}

pub(crate) fn print_head(scenario: &Scenario, mode: &Mode) {
    println!("\n{} ({}): {}\n", scenario.name, mode.name, scenario.about);
    println!(
        "| processes | granted/s | utilisation | over-admitted | write units/s | failed conditions/s | throttled/s \
         | reads/s | splits | no verdict | granted p50, p99 | denied p99 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
}

pub(crate) fn print(row: &Row) {
    let outcome = &row.outcome;
    println!(
        "| {} | {:.0} | {:.1} % | {} | {:.0} | {:.0} | {:.0} | {:.0} | {} | {:.1} % | {}, {} ms | {} ms |",
        outcome.processes,
        outcome.grant_rate(),
        outcome.utilisation * 100.0,
        outcome.over_admitted + outcome.unpaid,
        outcome.write_units(),
        outcome.per_second(outcome.lost_races),
        outcome.per_second(outcome.throttled),
        outcome.per_second(outcome.reads),
        outcome.splits,
        no_verdict(outcome),
        outcome.grants.p50.as_millis(),
        outcome.grants.p99.as_millis(),
        outcome.denials.p99.as_millis(),
    );
}

/// Returns the share of requests that were neither granted nor denied, percent.
pub(crate) fn no_verdict(outcome: &Outcome) -> f64 {
    outcome.unavailable as f64 * 100.0 / (outcome.requests.max(1) as f64)
}

pub(crate) fn write_json(folder: &Path, rows: &[Row]) {
    let rows: Vec<Value> = rows.iter().map(json).collect();
    let text = serde_json::to_string_pretty(&rows).expect("numbers and names");
    fs::write(folder.join("fleet.json"), text + "\n").expect("the folder takes files");
}

fn json(
    Row {
        scenario,
        mode,
        outcome,
    }: &Row,
) -> Value {
    let times = |times: &Times| json!({ "p50_ms": times.p50.as_millis() as u64, "p99_ms": times.p99.as_millis() as u64, "most_ms": times.most.as_millis() as u64 });
    json!({
        "scenario": scenario,
        "mode": mode,
        "processes": outcome.processes,
        "seconds": outcome.time.as_secs_f64(),
        "requests": outcome.requests,
        "granted": outcome.granted,
        "denied": outcome.denied,
        "no_verdict": outcome.unavailable,
        "utilisation": outcome.utilisation,
        "over_admitted_millitokens": outcome.over_admitted,
        "unpaid_millitokens": outcome.unpaid,
        "widening_ms": outcome.widening.as_millis() as u64,
        "writes": outcome.writes,
        "failed_conditions": outcome.lost_races,
        "throttled": outcome.throttled,
        "reads": outcome.reads,
        "splits": outcome.splits,
        "hottest_item_write_units": outcome.hottest,
        "grants": times(&outcome.grants),
        "denials": times(&outcome.denials),
    })
}
