//! Fleets of simulated processes on one store: their grants, their writes, and their shares.

use std::time::Duration;

use tollgate::{Limit, limiter::Prefetch};
use tollgate_testkit::fleet::{Fleet, Load, Outcome};

/// A time that is long enough for rough measurements. A debug build takes about as long.
const SHORT: Duration = Duration::from_secs(4);

/// Creates processes that get `times` as many requests as one key refills, which is 1000 tokens per
/// second.
fn one_key(processes: usize, times: f64) -> Fleet {
    Fleet::new(processes)
        .load(Load::open(1000.0 * times))
        .warm_up(Duration::from_secs(2))
        .measure(SHORT)
}

fn assert_nothing_minted(outcome: &Outcome) {
    assert_eq!(
        (outcome.over_admitted, outcome.unpaid),
        (0, 0),
        "{outcome:?}"
    );
}

#[test]
fn saturated_processes_share_all_there_is_and_no_more() {
    for processes in [1, 4, 16] {
        let outcome = one_key(processes, 2.0)
            .measure(Duration::from_secs(8))
            .run();
        assert_nothing_minted(&outcome);
        assert!(outcome.utilisation >= 0.995, "{outcome:?}");
        // An item takes 1000 writes a second, and 16 processes would send more.
        assert!(outcome.unavailable * 50 < outcome.requests, "{outcome:?}");
        assert!(outcome.per_second(outcome.throttled) < 50.0, "{outcome:?}");
    }
}

#[test]
fn shards_of_a_saturated_key_are_used_up_together() {
    for (processes, shards) in [(1, 2), (4, 32), (16, 8)] {
        let outcome = one_key(processes, 2.0).shards(shards).run();
        assert_nothing_minted(&outcome);
        assert!(outcome.utilisation >= 0.995, "{shards} shards: {outcome:?}");
        assert_eq!(outcome.splits, 0);
    }
}

#[test]
fn prefetched_tokens_are_used_too() {
    for processes in [1, 4, 16] {
        let ahead = |acquire: tollgate::limiter::Acquire| acquire.prefetch(Prefetch::new());
        let saturated = one_key(processes, 2.0)
            .requests(ahead)
            .measure(Duration::from_secs(8))
            .run();
        assert_nothing_minted(&saturated);
        assert!(saturated.utilisation >= 0.97, "{saturated:?}");
        let below = one_key(processes, 0.8).requests(ahead).run();
        assert_nothing_minted(&below);
        assert!(below.granted * 1000 >= below.requests * 970, "{below:?}");
        println!("{processes}: {saturated:?}\n{below:?}");
    }
}

#[test]
fn more_processes_than_an_item_takes_writes_of_lose_no_tokens() {
    let outcome = one_key(64, 2.0).run();
    assert_nothing_minted(&outcome);
    assert!(outcome.utilisation >= 0.99, "{outcome:?}");
}

#[test]
fn a_key_that_is_written_more_often_than_an_item_can_be_is_split() {
    let outcome = one_key(128, 2.0).measure(SHORT / 2).run();
    assert_nothing_minted(&outcome);
    assert!(outcome.splits > 0, "{outcome:?}");
    assert!(outcome.utilisation >= 0.97, "{outcome:?}");
    assert!(outcome.unavailable * 20 < outcome.requests, "{outcome:?}");
    // Costs that no shard can hold are drawn from several shards.
    let large = one_key(128, 2.0)
        .load(Load::open(40.0).cost(40))
        .measure(SHORT / 2)
        .run();
    assert_nothing_minted(&large);
}

#[test]
fn processes_that_are_not_at_the_limit_get_what_they_ask_for() {
    for processes in [16, 64] {
        let outcome = one_key(processes, 0.8).run();
        assert_nothing_minted(&outcome);
        assert!(
            outcome.granted * 1000 >= outcome.requests * 995,
            "{outcome:?}"
        );
    }
}

#[test]
fn a_slow_limit_is_used_up_by_many() {
    let limit = Limit::per_second("tokens", 50);
    let outcome = Fleet::new(64)
        .limit(limit)
        .load(Load::open(100.0))
        .measure(4 * SHORT)
        .run();
    assert_nothing_minted(&outcome);
    assert!(outcome.utilisation >= 0.99, "{outcome:?}");
    assert!(outcome.write_units() < 150.0, "{outcome:?}");
}

#[test]
fn clocks_and_lost_answers_mint_nothing() {
    for seed in 0..2 {
        let fleet = one_key(8, 1.5)
            .seed(seed)
            .loss(0.02)
            .skew(Duration::from_millis(40));
        let outcome = fleet.load(Load::open(1500.0).keys(20, 1.0)).run();
        assert_nothing_minted(&outcome);
        assert!(outcome.granted > 0, "{outcome:?}");
    }
}

#[test]
fn a_flood_against_an_exhausted_key_is_not_written() {
    for processes in [1, 16] {
        let limit = Limit::per_day("tokens", 100);
        let outcome = one_key(processes, 2.0).limit(limit).run();
        assert_nothing_minted(&outcome);
        assert_eq!(
            (outcome.granted, outcome.unavailable),
            (0, 0),
            "{outcome:?}"
        );
        assert!(
            outcome.write_units() <= 2.0 * processes as f64,
            "{outcome:?}"
        );
    }
}

/// Asserts that each task gets at least half of the mean, and at most twice the mean.
fn assert_fair(outcome: &Outcome, least: u64) {
    let grants = &outcome.of_tasks;
    let mean = grants.iter().sum::<u64>() as f64 / grants.len() as f64;
    assert!(mean >= least as f64, "{outcome:?}");
    for grants in grants {
        assert!(
            (mean / 2.0..=mean * 2.0).contains(&(*grants as f64)),
            "{grants} of {mean}: {outcome:?}"
        );
    }
}

#[test]
fn tasks_of_a_process_share_an_exhausted_key_fairly() {
    let outcome = one_key(1, 1.0)
        .limit(Limit::per_second("tokens", 4000))
        .load(Load::closed(64))
        .run();
    assert_nothing_minted(&outcome);
    assert!(outcome.denied > 0, "{outcome:?}");
    assert_fair(&outcome, 200);
}

#[test]
fn processes_share_an_exhausted_key_fairly() {
    let outcome = one_key(4, 1.0)
        .limit(Limit::per_second("tokens", 4000))
        .load(Load::closed(16))
        .run();
    assert_nothing_minted(&outcome);
    assert!(outcome.denied > 0, "{outcome:?}");
    assert_fair(&outcome, 200);
}

/// The amount of a quota whose period ends 40 s after the simulation has begun.
fn until_14_past_22(amount: u64) -> Limit {
    let quota = Limit::quota("tokens", amount);
    quota.calendar("14 22 * * *", "UTC").unwrap()
}

/// All of them have used up the quota, and come back in the millisecond in which its period ends.
#[test]
fn a_thousand_processes_at_the_edge_of_a_quota_get_all_of_it_and_no_more() {
    let outcome = Fleet::new(1000)
        .limit(until_14_past_22(2000))
        .load(Load::closed(1))
        .warm_up(Duration::from_secs(39))
        .measure(Duration::from_secs(11))
        .run();
    assert_nothing_minted(&outcome);
    assert_eq!(outcome.tokens, 2000.0, "{outcome:?}");
    // One write for each request, and one for each shard that begins the period.
    assert!((2000..2100).contains(&outcome.writes), "{outcome:?}");
}

#[test]
fn a_thousand_processes_get_what_they_ask_for_after_the_edge_of_a_quota() {
    // The first period is used up after some seconds.
    let outcome = Fleet::new(1000)
        .limit(until_14_past_22(6000))
        .load(Load::open(500.0))
        .warm_up(Duration::from_secs(41))
        .measure(Duration::from_secs(10))
        .run();
    assert_nothing_minted(&outcome);
    assert_eq!((outcome.denied, outcome.unavailable), (0, 0), "{outcome:?}");
    assert_eq!(outcome.granted, outcome.requests);
    let short = outcome.of_processes.iter();
    assert!(
        short
            .clone()
            .all(|process| process.granted == process.requests)
    );
    assert!(outcome.writes <= outcome.granted + 20, "{outcome:?}");
}
