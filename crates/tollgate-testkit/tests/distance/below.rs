//! Below the limit: everybody gets what it asks for.

use std::time::Duration;

use tollgate::Limit;
use tollgate_testkit::processes::{Demand, Mode, Report};

use super::{run, scenario};

/// Every process is granted 99 % of its demand, and nobody is denied while the bucket holds the cost.
fn assert_all_served(report: &Report) {
    assert_served(report, 0.99);
}

fn assert_served(report: &Report, part: f64) {
    report.assert_no_false_denials();
    report.assert_each_served(part);
    assert_eq!(report.denied(), 0, "{report}");
    // Of a few writes that prefetch needs, one or two more that fail say nothing.
    let writes: u64 = report.workers.iter().map(|worker| worker.writes).sum();
    assert!(writes < 100 || report.failed_writes() <= 0.1, "{report}");
}

#[test]
#[ignore = "loads the machine: run alone"]
fn two_processes_use_a_bucket_that_is_never_short() {
    let report = run(scenario(2, 1, 1_000_000));
    report.assert_no_false_denials();
    report.assert_each_served(0.99);
    // Both come at the same times, and both find it overfull at once: one of them cuts it, the other asks again.
    assert!(report.failed_writes() <= 0.25, "{report}");
}

#[test]
#[ignore = "loads the machine: run alone"]
fn sixty_four_tasks_use_what_they_can() {
    // 64 tasks that wait 80 ms ask at most 800 times a second.
    assert_all_served(&run(scenario(4, 16, 1000)));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn processes_get_a_tenth_of_the_limit() {
    assert_all_served(&run(scenario(4, 1, 1000).demand(Demand::open(100.0))));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn processes_get_four_fifths_of_the_limit() {
    assert_all_served(&run(scenario(4, 1, 1000).demand(Demand::open(800.0))));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn distance_may_differ() {
    let distances = [1, 5, 20, 80].map(Duration::from_millis);
    assert_all_served(&run(scenario(4, 1, 1000).distances(distances).demand(Demand::open(800.0))));
}

#[test]
#[ignore = "loads the machine: run alone"]
fn every_mode_gets_four_fifths_of_the_limit() {
    for mode in Mode::ALL {
        let scenario = scenario(2, 1, 500).mode(mode).demand(Demand::open(400.0)).time(Duration::from_secs(4));
        assert_all_served(&run(scenario));
    }
}

#[test]
#[ignore = "loads the machine: run alone"]
fn two_limits_and_a_parent_are_charged() {
    let scenario = scenario(2, 1, 1000).limit(Limit::per_minute("bytes", 60_000)).parent();
    // What nobody has asked for before takes five round trips: two look-ups, two buckets that others may have made.
    assert_served(&run(scenario.demand(Demand::open(500.0))), 0.97);
}
