//! Waiters of a bucket of several shards.

use tollgate::{
    model::{Split, WriteId},
    store::Store,
};

use super::{super::fixture::START, *};

/// 100 tokens a second, at most 100 at once.
fn limit() -> Limit {
    Limit::per_second("tokens", 100)
}

fn ask(limiter: &RateLimiter, cost: u64) -> Acquire {
    limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", cost)
}

/// Creates a bucket of 4 empty shards.
async fn world(count: usize) -> (Vec<RateLimiter>, Arc<FlakyStore>) {
    let (limiters, store) = gated(count, ms(5));
    ask(&limiters[0], 100)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    for shard_count in [1, 2] {
        let split = Split::new(WriteId::from_number(7), START, shard_count);
        assert!(
            store
                .inner
                .split(&key("user", "api"), &split)
                .await
                .unwrap()
        );
    }
    for limiter in &limiters {
        // Each limiter learns of the shards.
        limiter
            .available("user", "api")
            .limits(limit())
            .await
            .unwrap();
    }
    (limiters, store)
}

#[tokio::test(start_paused = true)]
async fn many_waiters_of_shards_start_in_time() {
    for count in [1, 4] {
        let (limiters, store) = world(count).await;
        let starts = Starts::new();
        let before = store.writes();
        let mut tasks = Vec::new();
        for number in 0..400 {
            let acquire = ask(&limiters[number % count], 1)
                .until_ready(LONG)
                .max_waiters(1000);
            tasks.push(starts.wait(number, 1, acquire));
            if number % 10 == 9 {
                tokio::time::sleep(ms(10)).await;
            }
        }
        all(tasks).await;
        println!(
            "{count}: {} writes, last at {}",
            store.writes() - before,
            starts.last()
        );
        // The waiters are not spread evenly over the shards.
        assert!((3900..=4300).contains(&starts.last()), "{}", starts.last());
        starts.assert_perfect(0, 100, 350);
        assert!(
            store.writes() - before <= 420,
            "{}",
            store.writes() - before
        );
    }
}

/// A cost that no shard can hold is reserved in several shards, in one transaction.
#[tokio::test(start_paused = true)]
async fn a_cost_above_a_shard_is_waited_for_too() {
    let (limiters, _store) = world(1).await;
    let starts = Starts::new();
    let mut tasks = Vec::new();
    for number in 0..4 {
        tasks.push(starts.wait(number, 80, ask(&limiters[0], 80).until_ready(LONG)));
        tokio::time::sleep(ms(20)).await;
    }
    assert!(stated_wait(ask(&limiters[0], 1).await) > 3000);
    all(tasks).await;
    assert_eq!(starts.numbers(), [0, 1, 2, 3]);
    for (start, at) in starts.all().iter().zip([800, 1600, 2400, 3200]) {
        assert!((at - 30..at + 50).contains(&start.at), "{:?}", starts.all());
    }
}

/// The bucket is split while a request waits, and its debt is split too.
#[tokio::test(start_paused = true)]
async fn the_debt_of_a_waiter_is_split() {
    let (limiters, store) = gated(1, ms(5));
    ask(&limiters[0], 100)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let starts = Starts::new();
    let first = starts.wait(0, 100, ask(&limiters[0], 100).until_ready(LONG));
    tokio::time::sleep(ms(20)).await;
    let split = Split::new(WriteId::from_number(7), START, 1);
    assert!(
        store
            .inner
            .split(&key("user", "api"), &split)
            .await
            .unwrap()
    );
    limiters[0]
        .available("user", "api")
        .limits(limit())
        .await
        .unwrap();
    let second = starts.wait(1, 40, ask(&limiters[0], 40).until_ready(LONG));
    all(vec![first, second]).await;
    assert_eq!(starts.numbers(), [0, 1]);
    let [first, second] = starts.all()[..] else {
        panic!()
    };
    // 40 tokens from one of two shards take 800 ms.
    assert!(
        (990..=1010).contains(&first.at) && (1790..=1820).contains(&second.at),
        "{first:?} {second:?}"
    );
}
