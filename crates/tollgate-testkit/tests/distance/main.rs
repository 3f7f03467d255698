//! Processes that are far away from the table get what a bucket has.
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

/// The entry of the workers: does nothing in a test run.
#[test]
fn worker() {
    work_if_told();
}

/// Processes that are 80 ms away.
fn scenario(processes: usize, tasks: usize, per_second: u64) -> Scenario {
    Scenario::new(Workers::test("worker"))
        .processes(processes)
        .tasks(tasks)
        .distance(Duration::from_millis(80))
        .limit(Limit::per_second("tokens", per_second))
        .time(Duration::from_secs(9))
        .seed(7)
}

/// Runs it, and checks what has to hold in any case.
fn run(scenario: Scenario) -> Report {
    let report = scenario.run();
    println!("{report}");
    report.assert_nothing_minted();
    report.assert_no_refill_lost();
    report.assert_ledger();
    report
}
