//! A fast limit and a slow one on the same bucket, saturated on a clock that the test moves.

use std::{sync::Arc, time::Duration};

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy},
    test_runner::TestRunner,
};
use tollgate::{Limit, RateLimiter, clock::ManualClock};

use super::{
    fixture::{START, key, settings},
    ledger::Ledger,
};

/// The refill rates of two limits, as tokens per milliseconds, and the times of the tries.
#[derive(Clone, Debug)]
struct Speeds {
    fast: (u64, u64),
    slow: (u64, u64),
    /// Milliseconds between tries, used in turn.
    pauses: Vec<u64>,
    /// The other limiter tries once in this many turns.
    other: usize,
}

fn speeds() -> impl Strategy<Value = Speeds> {
    let fast = (1..200u64, 100..2000u64);
    let slow = (1..3u64, 5000..100_000u64);
    (fast, slow, vec(0..40u64, 1..12), 2..40usize).prop_map(|(fast, slow, pauses, other)| Speeds {
        fast,
        slow,
        pauses,
        other,
    })
}

/// Takes all available tokens of one limit, one by one. Returns their number.
async fn drain(limiter: &RateLimiter, limits: &[Limit; 2], limit: &str) -> i64 {
    let mut granted = 0;
    loop {
        let mut acquire = limiter.acquire("user", "api").limits(limits.clone());
        for other in limits {
            acquire = acquire.cost(other.name(), u64::from(*other.name() == limit));
        }
        match acquire.await {
            Ok(lease) => lease.commit(),
            Err(error) => {
                assert!(error.denied().is_some(), "{error:?}");
                return granted;
            }
        };
        granted += 1;
    }
}

/// Advances the time of the buckets, and of the gates, which space their writes.
async fn pass(clock: &ManualClock, time: Duration) {
    clock.advance(time);
    tokio::time::advance(time).await;
}

async fn saturated(speeds: Speeds) {
    let clock = ManualClock::at(START);
    let ledger = Arc::new(Ledger::new(clock.clone()));
    let limit = |name, capacity, (amount, period)| {
        Limit::new(name, capacity, amount, Duration::from_millis(period)).unwrap()
    };
    // The capacity exceeds the refill between two tries.
    let limits = [
        limit("fast", 200, speeds.fast),
        limit("slow", 5, speeds.slow),
    ];
    let limiters = [(); 2].map(|()| settings(&clock).build_shared(ledger.clone()).unwrap());
    let mut granted = [0; 2];
    let mut pauses = speeds.pauses.iter().cycle();
    for turn in 0..400 {
        let limiter = &limiters[usize::from(turn % speeds.other == 0)];
        for (granted, limit) in granted.iter_mut().zip(["fast", "slow"]) {
            *granted += drain(limiter, &limits, limit).await;
        }
        pass(&clock, Duration::from_millis(*pauses.next().unwrap())).await;
    }
    ledger.assert_nothing_minted();
    ledger.assert_nothing_lost(&key("user", "api")).await;
    for (limit, granted) in ["fast", "slow"].into_iter().zip(granted) {
        assert_eq!(ledger.net(limit), granted * 1000);
    }
    // One of the limiters has not used the bucket for long. Its image of the bucket is at most a
    // second old.
    pass(&clock, Duration::from_secs(1)).await;
    for limit in ["fast", "slow"] {
        let left = ledger.perfect(limit);
        let tokens = drain(&limiters[0], &limits, limit).await;
        assert!(
            left - tokens * 1000 < 1000,
            "{tokens} of {left} millitokens of {limit}"
        );
    }
}

#[test]
fn no_token_is_lost_at_any_rate() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(24)
    };
    let result = TestRunner::new(config).run(&speeds(), |speeds| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(saturated(speeds));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
