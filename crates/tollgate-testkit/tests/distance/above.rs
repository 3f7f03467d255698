//! Above the limit: all of it is granted, in equal shares.

use std::time::Duration;

use tollgate_testkit::processes::{Demand, Report};

use super::{run, scenario};

/// All that there was is granted, to processes that are equally far away in equal parts, and nobody is denied while
/// the bucket holds the cost.
fn assert_all_used(report: &Report) {
    report.assert_no_false_denials();
    report.assert_used(0.995);
    report.assert_shares(0.5..=2.0);
}

#[test]
#[ignore = "loads the machine: run alone"]
fn two_tasks_ask_again_at_once() {
    assert_all_used(&run(scenario(2, 1, 10)));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn sixty_four_tasks_ask_for_twice_the_limit() {
    assert_all_used(&run(scenario(4, 16, 400)));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn requests_come_twice_as_fast() {
    assert_all_used(&run(scenario(4, 1, 1000).demand(Demand::open(2000.0))));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn processes_that_are_near_use_what_others_leave() {
    let distances = [1, 5, 20, 80].map(Duration::from_millis);
    let report = run(scenario(4, 1, 1000).distances(distances).demand(Demand::open(2000.0)));
    report.assert_no_false_denials();
    report.assert_used(0.995);
}
