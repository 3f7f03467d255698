//! Short runs of processes that share a bucket. The tests check counts, and no times.

use std::time::Duration;

use tollgate::Limit;
use tollgate_testkit::processes::{Allowance, Event, Mode, Report, Scenario, Workers};

const MILLIS: Duration = Duration::from_millis(1);

/// Returns a scenario of two processes with two tasks each, 20 ms away. Its allowance is for a busy
/// machine, on which a process may take long to send a planned request.
fn scenario() -> Scenario {
    let scenario = Scenario::new(Workers::test("worker"))
        .tasks(2)
        .distance(20 * MILLIS)
        .limit(Limit::per_second("tokens", 40))
        .deadline(Duration::from_secs(5))
        .time(800 * MILLIS);
    let mut allowance = Allowance::of(&scenario);
    allowance.way += 200 * MILLIS;
    scenario.allow(allowance)
}

fn check(report: &Report) {
    report.assert_nothing_minted();
    report.assert_no_refill_lost();
    report.assert_ledger();
    assert!(report.granted() > 0, "{report}");
}

#[test]
fn two_processes_share_a_bucket() {
    // The limit is never full again after the first charge, so no refill may be lost.
    let scarce = Limit::new("scarce", 1000, 1, Duration::from_secs(100)).unwrap();
    let report = scenario().limit(scarce).run();
    check(&report);
    assert_eq!(report.workers.len(), 2);
    let levels = report.buckets[1]
        .conservation
        .expect("the bucket was not split");
    assert_eq!(
        (
            report.buckets[1].limit.as_str(),
            levels.was_full,
            levels.lost
        ),
        ("scarce", false, 0)
    );
    // If every request got a decision, store and logs agree exactly.
    let decided = report.workers.iter().all(|worker| worker.failed.is_empty());
    assert!(
        !decided
            || report.buckets[0]
                .ledgers
                .iter()
                .all(|ledger| ledger.charged == ledger.logged),
        "{report}"
    );
}

#[test]
fn tokens_that_are_settled_or_taken_ahead_are_counted() {
    for mode in [Mode::Settle, Mode::Prefetch] {
        let report = scenario()
            .mode(mode)
            .limit(Limit::per_minute("bytes", 100_000))
            .cost(3)
            .run();
        check(&report);
        assert_eq!(report.buckets.len(), 2);
    }
}

#[test]
fn the_layer_and_waiting_requests_are_counted() {
    for mode in [Mode::Layer, Mode::Waiting] {
        check(
            &scenario()
                .mode(mode)
                .parent()
                .distances([Duration::ZERO, 20 * MILLIS])
                .run(),
        );
    }
}

#[test]
fn a_process_that_is_killed_and_an_engine_that_restarts_mint_nothing() {
    let report = scenario()
        .limit(Limit::per_second("many", 1000))
        .event(200 * MILLIS, Event::Kill(0))
        .event(450 * MILLIS, Event::RestartEngine(50 * MILLIS))
        .run();
    check(&report);
    let killed: Vec<_> = report
        .workers
        .iter()
        .map(|worker| (worker.process, worker.killed))
        .collect();
    assert_eq!(killed, [(0, true), (1, false), (0, false)]);
}

#[test]
fn a_clock_that_is_stepped_mints_nothing() {
    for ahead in [3_600_000, -3_600_000] {
        let scenario = scenario().event(300 * MILLIS, Event::StepClock { process: 0, ahead });
        // A clock that is corrected by the store's dates has an error of up to a second.
        let allowance = Allowance::of(&scenario);
        let report = scenario.allow(allowance).run();
        check(&report);
    }
}
