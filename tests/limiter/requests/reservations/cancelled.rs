//! A waiter that is dropped gives its reservation back. No other waiter starts earlier.

use super::*;

/// Starts a waiter behind 10 tokens that are used.
async fn waiter(limiter: &RateLimiter, cost: u64) -> JoinHandle<Result<(), Error>> {
    ask(limiter, 10).await.unwrap().commit().await.unwrap();
    let task = Starts::new().wait(0, cost, ask(limiter, cost).until_ready(LONG));
    settle().await;
    task
}

async fn available(limiter: &RateLimiter) -> i64 {
    limiter
        .available("user", "api")
        .limits(limit())
        .await
        .unwrap()
        .get("tokens")
        .unwrap()
        .available
}

#[tokio::test(start_paused = true)]
async fn a_waiter_dropped_while_it_sleeps_gives_its_reservation_back() {
    for limiter in both() {
        let task = waiter(&limiter, 10).await;
        tokio::time::sleep(ms(500)).await;
        assert_eq!(available(&limiter).await, -5);
        task.abort();
        settle().await;
        tokio::time::sleep(ms(10)).await;
        assert_eq!(available(&limiter).await, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_dropped_before_its_write_is_answered_gives_its_reservation_back() {
    let (limiters, store) = gated(1, Duration::ZERO);
    ask(&limiters[0], 10).await.unwrap().commit().await.unwrap();
    store.take(ms(50));
    let task = Starts::new().wait(0, 10, ask(&limiters[0], 10).until_ready(LONG));
    settle().await;
    tokio::time::sleep(ms(20)).await;
    task.abort();
    tokio::time::sleep(ms(180)).await;
    store.take(Duration::ZERO);
    assert_eq!(available(&limiters[0]).await, 2);
    // One write takes the place and one gives it back, after the write that has used the tokens.
    assert_eq!(store.writes(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_dropped_before_its_write_is_sent_writes_nothing() {
    let (limiters, store) = gated(1, ms(50));
    let first = Starts::new().wait(0, 10, ask(&limiters[0], 10).until_ready(LONG));
    settle().await;
    let second = Starts::new().wait(0, 10, ask(&limiters[0], 10).until_ready(LONG));
    settle().await;
    second.abort();
    first.await.unwrap().unwrap();
    tokio::time::sleep(ms(200)).await;
    assert_eq!(store.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_dropped_before_a_shutdown_gives_its_reservation_back() {
    let (limiters, store) = gated(1, ms(5));
    let limiter = &limiters[0];
    let task = waiter(limiter, 10).await;
    tokio::time::sleep(ms(10)).await;
    task.abort();
    settle().await;
    limiter.shutdown().await;
    let state = level(&store.inner, "user", 0).await;
    assert_eq!(state, 0, "what was refilled since is not counted");
}

/// The reservation is already charged, so the waiter starts at the time it was given.
#[tokio::test(start_paused = true)]
async fn a_waiter_starts_although_the_limiter_shuts_down() {
    let (limiters, _store) = gated(1, ms(5));
    ask(&limiters[0], 10).await.unwrap().commit().await.unwrap();
    let starts = Starts::new();
    let task = starts.wait(0, 10, ask(&limiters[0], 10).until_ready(LONG));
    tokio::time::sleep(ms(100)).await;
    limiters[0].shutdown().await;
    task.await.unwrap().unwrap();
    assert!((990..=1010).contains(&starts.last()), "{}", starts.last());
}

/// The second of five waiters leaves. The waiters behind it start at the time they were given, and
/// the next request takes what was given back.
#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_wakes_no_other_earlier() {
    for limiter in both() {
        ask(&limiter, 10).await.unwrap().commit().await.unwrap();
        let starts = Starts::new();
        let mut tasks = Vec::new();
        for number in 0..5 {
            tasks.push(starts.wait(number, 5, ask(&limiter, 5).until_ready(LONG)));
            settle().await;
        }
        tasks.remove(1).abort();
        tokio::time::sleep(ms(10)).await;
        tasks.push(starts.wait(5, 5, ask(&limiter, 5).until_ready(LONG)));
        all(tasks).await;
        for (start, (number, at)) in
            starts
                .all()
                .iter()
                .zip([(0, 500), (2, 1500), (3, 2000), (4, 2500), (5, 2500)])
        {
            assert!(
                (at..at + 15).contains(&start.at),
                "{start:?}: {number} {at}"
            );
        }
    }
}
