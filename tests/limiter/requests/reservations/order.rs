//! Waiters start in the order of their writes, and as the limit allows.

use super::*;

/// 150 waiters with different costs use the limiters in turn, one every 20 ms.
async fn come_in_turn(limiters: &[RateLimiter], way: u64) {
    let starts = Starts::new();
    let mut random = fastrand::Rng::with_seed(1);
    let (mut tasks, mut expected, mut spent) = (Vec::new(), Vec::new(), 0);
    for number in 0..150 {
        let cost = random.u64(1..=10);
        spent += cost;
        // The bucket is full at first, and short from then on.
        expected.push((spent.saturating_sub(10) * 100).max(number as u64 * 20 + way));
        let limiter = &limiters[number % limiters.len()];
        tasks.push(starts.wait(
            number,
            cost,
            ask(limiter, cost).until_ready(LONG).max_waiters(1000),
        ));
        tokio::time::sleep(ms(20)).await;
    }
    all(tasks).await;
    assert!(starts.numbers().is_sorted(), "{:?}", starts.all());
    for (start, expected) in starts.all().iter().zip(expected) {
        // The bucket counts from the time at which its first write was planned or executed.
        assert!(
            (expected..=expected + way + 10).contains(&start.at),
            "{start:?}: {expected}"
        );
    }
    // The slack covers the time that a write is in transit.
    starts.assert_perfect(10, 10, way);
}

#[tokio::test(start_paused = true)]
async fn waiters_in_memory_start_in_order() {
    for count in [1, 4] {
        come_in_turn(&in_memory(count), 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn waiters_behind_gates_start_in_order() {
    for count in [1, 4] {
        come_in_turn(&gated(count, ms(5)).0, 5).await;
    }
}

/// Requests of several processes, of which some wait and some do not.
#[tokio::test(start_paused = true)]
async fn waiting_and_other_requests_together_start_no_faster_than_the_limit_allows() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (limiters, _store) = gated(3, ms(random.u64(0..20)));
        let starts = Starts::new();
        let mut tasks = Vec::new();
        for number in 0..200 {
            let (cost, limiter) = (random.u64(1..=10), &limiters[random.usize(0..3)]);
            let acquire = match random.u64(0..3) {
                0 => ask(limiter, cost),
                _ => ask(limiter, cost).until_ready(ms(random.u64(0..5000))),
            };
            tasks.push(starts.wait(number, cost, acquire));
            tokio::time::sleep(ms(random.u64(0..60))).await;
        }
        for task in tasks {
            let result = task.await.unwrap();
            assert!(
                matches!(result, Ok(()) | Err(Error::Denied(_))),
                "{result:?}"
            );
        }
        // Three processes may spend 250 ms of refill above the capacity, and an answer takes 20 ms.
        starts.assert_perfect(10, 10, 270);
    }
}
