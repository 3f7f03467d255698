//! Demand below the limit: every process gets what it asks for.

use std::time::Duration;

use tollgate::Limit;
use tollgate_testkit::processes::{Demand, Mode, Scenario};

use super::{run_until, scenario};

/// Runs a scenario in which every process is granted 99 % of its demand and no request is denied.
fn assert_all_served(scenario: Scenario) {
    assert_served(scenario, 0.99);
}

fn assert_served(scenario: Scenario, part: f64) {
    let report = run_until(&scenario, |report| {
        report.serves_each(part) && report.denied() == 0
    });
    report.assert_each_served(part);
    assert_eq!(report.denied(), 0, "{report}");
    // Prefetch needs few writes, so the share of failed writes says little.
    let writes: u64 = report.workers.iter().map(|worker| worker.writes).sum();
    assert!(writes < 100 || report.failed_writes() <= 0.1, "{report}");
}

#[test]
#[ignore = "loads the machine: run alone"]
fn two_processes_use_a_bucket_that_is_never_short() {
    let report = run_until(&scenario(2, 1, 1_000_000), |report| {
        report.serves_each(0.99)
    });
    report.assert_each_served(0.99);
    // Both processes ask at the same times and find the bucket above its capacity. The write of one
    // of them reduces the level to the capacity. The write of the other process fails and is
    // repeated.
    assert!(report.failed_writes() <= 0.25, "{report}");
}

#[test]
#[ignore = "loads the machine: run alone"]
fn sixty_four_tasks_are_all_served() {
    // 64 tasks that wait 80 ms for each answer make at most 800 requests per second.
    assert_all_served(scenario(4, 16, 1000));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn processes_get_a_tenth_of_the_limit() {
    assert_all_served(scenario(4, 1, 1000).demand(Demand::open(100.0)));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn processes_get_four_fifths_of_the_limit() {
    assert_all_served(scenario(4, 1, 1000).demand(Demand::open(800.0)));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn processes_at_different_distances_get_what_they_ask_for() {
    let distances = [1, 5, 20, 80].map(Duration::from_millis);
    assert_all_served(
        scenario(4, 1, 1000)
            .distances(distances)
            .demand(Demand::open(800.0)),
    );
}

#[test]
#[ignore = "loads the machine: run alone"]
fn every_mode_gets_four_fifths_of_the_limit() {
    for mode in Mode::ALL {
        let scenario = scenario(2, 1, 500)
            .mode(mode)
            .demand(Demand::open(400.0))
            .time(Duration::from_secs(4));
        assert_all_served(scenario);
    }
}

#[test]
#[ignore = "loads the machine: run alone"]
fn two_limits_and_a_parent_are_charged() {
    let scenario = scenario(2, 1, 1000)
        .limit(Limit::per_minute("bytes", 60_000))
        .parent();
    // The first request for a bucket takes five round trips: two look-ups, and two buckets that
    // other processes may have created.
    assert_served(scenario.demand(Demand::open(500.0)), 0.97);
}
