use std::time::Duration;

use tollgate::Limit;
use tollgate_testkit::fleet::{Fleet, Latency, Load};

fn fleet() -> Fleet {
    let load = Load::open(200.0).keys(5, 1.0);
    let limit = Limit::per_second("tokens", 50);
    Fleet::new(3)
        .limit(limit)
        .load(load)
        .loss(0.01)
        .measure(Duration::from_secs(2))
}

#[test]
fn the_same_seed_gives_the_same_outcome() {
    assert_eq!(fleet().seed(7).run(), fleet().seed(7).run());
    assert_ne!(fleet().seed(7).run(), fleet().seed(8).run());
}

#[test]
fn every_request_of_a_fleet_is_granted_denied_or_neither() {
    let outcome = fleet().run();
    assert_eq!(
        outcome.requests,
        outcome.granted + outcome.denied + outcome.unavailable
    );
    assert!(outcome.granted > 0 && outcome.denied > 0, "{outcome:?}");
    assert!(outcome.of_tasks.is_empty());
}

#[test]
fn a_request_alone_takes_a_round_trip() {
    let latency = Latency::new(Duration::from_millis(20));
    let load = Load::open(2.0);
    let outcome = Fleet::new(1)
        .load(load)
        .latency(latency)
        .measure(Duration::from_secs(60))
        .run();
    assert_eq!(outcome.grants.p50, Duration::from_millis(20));
}

#[test]
fn an_item_takes_a_bounded_number_of_writes() {
    let load = Load::open(400.0);
    let outcome = Fleet::new(20)
        .load(load)
        .item_writes(100.0)
        .measure(Duration::from_secs(5))
        .run();
    assert!(outcome.throttled > 0, "{outcome:?}");
    assert!(outcome.hottest <= 511, "{outcome:?}");
}

#[test]
fn a_fleet_runs_within_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let outcome = runtime.block_on(async { fleet().load(Load::closed(2)).run() });
    assert_eq!(outcome.of_tasks.len(), 6);
}
