//! Processes that are far away from the table can use the whole bucket.
//!
//! ```text
//! cargo test --workspace --test distance -- --ignored --test-threads=1
//! ```
//!
//! Each of these tests loads the machine, so they run one at a time, after the others.

mod above;
mod below;

use std::time::Duration;

use tollgate::Limit;
use tollgate_testkit::processes::{Report, Scenario, Workers, work_if_told};

/// The entry of the workers. Does nothing in a normal test run.
#[test]
fn worker() {
    work_if_told();
}

/// Returns a scenario with processes that are 80 ms away.
fn scenario(processes: usize, tasks: usize, per_second: u64) -> Scenario {
    Scenario::new(Workers::test("worker"))
        .processes(processes)
        .tasks(tasks)
        .distance(Duration::from_millis(80))
        .limit(Limit::per_second("tokens", per_second))
        .time(Duration::from_secs(9))
        .seed(7)
}

/// Runs a scenario until the processes keep up, at most three times, and returns the last report.
///
/// If the machine stalls for some tenths of a second, requests miss their deadlines although the
/// limiter is correct. A limiter that does not keep up fails all three times.
fn run_until(scenario: &Scenario, keeps_up: impl Fn(&Report) -> bool) -> Report {
    let mut report = run(scenario.clone());
    for _ in 1..3 {
        if keeps_up(&report) {
            break;
        }
        report = run(scenario.clone());
    }
    report
}

/// Runs a scenario once and checks the properties that must hold on any machine, even a slow one.
fn run(scenario: Scenario) -> Report {
    let report = scenario.run();
    println!("{report}");
    report.assert_nothing_minted();
    report.assert_no_refill_lost();
    report.assert_ledger();
    report.assert_no_false_denials();
    report
}
