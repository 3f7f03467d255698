//! Processes with different latencies share a bucket that all of them wait for.

use tollgate_testkit::fleet::{Fleet, Latency, Load, Outcome};

use super::*;

/// Creates processes with latencies of 1, 5, 20 and 80 ms and `tasks` waiting tasks each.
fn fleet(processes: usize, tasks: usize) -> Fleet {
    let latencies = [1, 5, 20, 80].map(|millis| Latency::new(ms(millis)).spread(0.1));
    Fleet::new(processes)
        .latencies(latencies)
        .load(Load::closed(tasks))
        .requests(|acquire| {
            acquire
                .until_ready(Duration::from_secs(10))
                .max_waiters(10_000)
        })
        .settings(|builder| builder.deadline(Duration::from_secs(5)))
        .warm_up(Duration::from_secs(3))
        .measure(Duration::from_secs(6))
}

fn assert_right(outcome: &Outcome) {
    let shares: Vec<_> = outcome
        .of_processes
        .iter()
        .map(|process| process.granted)
        .collect();
    let mean = shares.iter().sum::<u64>() as f64 / shares.len() as f64;
    let writes = (outcome.writes + outcome.lost_races) as f64 / outcome.granted as f64;
    let Outcome {
        utilisation,
        grants,
        lost_races,
        over_started,
        ..
    } = outcome;
    println!(
        "{shares:?}: {writes:.3} writes each, {lost_races} refused, {:.1} % used, waits {grants:?}, over {over_started}",
        utilisation * 100.0
    );
    assert!(writes <= 1.05, "{writes}");
    assert!(
        shares
            .iter()
            .all(|share| (0.5..=2.0).contains(&(*share as f64 / mean))),
        "{shares:?}"
    );
    assert_eq!(
        (outcome.over_started, outcome.unpaid, outcome.unavailable),
        (0, 0, 0),
        "{outcome:?}"
    );
    assert!(*utilisation >= 0.99, "{outcome:?}");
}

/// All get equal shares if the waiters reserve more than a second of refill.
#[test]
fn processes_1_to_80_ms_away_get_equal_shares() {
    assert_right(&fleet(4, 325).run());
    assert_right(&fleet(16, 80).run());
}

/// Each waiter needs a write of its own, because each process has one task.
#[test]
fn distant_processes_write_once_for_each_waiter() {
    assert_right(&fleet(64, 1).limit(Limit::per_second("tokens", 50)).run());
    assert_right(
        &fleet(16, 4)
            .limit(Limit::per_second("tokens", 20))
            .measure(ms(20_000))
            .run(),
    );
}

/// Nothing starts too early if answers are lost, clocks differ and the item is throttled.
#[test]
fn distant_processes_mint_nothing_with_any_fault() {
    for seed in 0..3 {
        let outcome = fleet(8, 20)
            .seed(seed)
            .loss(0.02)
            .skew(ms(40))
            .item_writes(200.0)
            .run();
        assert_eq!(
            (outcome.over_started, outcome.unpaid),
            (0, 0),
            "{outcome:?}"
        );
        assert!(outcome.granted > 3000, "{outcome:?}");
    }
}
