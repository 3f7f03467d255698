//! Demand above the limit: everything is granted, in equal shares.

use std::time::Duration;

use tollgate_testkit::processes::{Demand, Scenario};

use super::{run_until, scenario};

/// Runs a scenario in which the bucket grants its maximum, in equal shares to processes at the same
/// distance.
fn assert_all_used(scenario: Scenario) {
    let shares = 0.5..=2.0;
    let report = run_until(&scenario, |report| {
        report.uses(0.995) && report.shares_lie_in(&shares)
    });
    report.assert_used(0.995);
    report.assert_shares(shares);
}

#[test]
#[ignore = "loads the machine: run alone"]
fn two_tasks_that_ask_again_at_once_use_the_whole_limit() {
    assert_all_used(scenario(2, 1, 10));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn sixty_four_tasks_that_ask_for_twice_the_limit_use_the_whole_limit() {
    assert_all_used(scenario(4, 16, 400));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn requests_that_come_twice_as_fast_use_the_whole_limit() {
    assert_all_used(scenario(4, 1, 1000).demand(Demand::open(2000.0)));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn processes_that_are_near_use_the_tokens_that_others_leave() {
    let distances = [1, 5, 20, 80].map(Duration::from_millis);
    let scenario = scenario(4, 1, 1000)
        .distances(distances)
        .demand(Demand::open(2000.0));
    let report = run_until(&scenario, |report| report.uses(0.995));
    report.assert_used(0.995);
}
