//! Many waiters at once all start by the time that the refill rate allows, with few writes.

use super::*;

/// 100 tokens a second.
fn limit() -> Limit {
    Limit::per_second("tokens", 100)
}

/// 1000 waiters come at once. The bucket holds tokens for 100 of them and refills the rest in 9 s.
async fn comes(limiters: &[RateLimiter], way: u64) {
    let starts = Starts::new();
    let tasks = (0..1000).map(|number| {
        let acquire = limiters[number % limiters.len()]
            .acquire("user", "api")
            .limits(limit());
        starts.wait(number, 1, acquire.until_ready(LONG).max_waiters(1000))
    });
    all(tasks.collect()).await;
    assert!(
        (9000..=9002 + way).contains(&starts.last()),
        "{}",
        starts.last()
    );
    // The slack covers the time that an answer is in transit.
    starts.assert_perfect(100, 100, way);
    // Nothing is owed at this point, and the bucket is empty.
    let wait = stated_wait(
        limiters[0]
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", 100)
            .await,
    );
    assert!((1000 - way..=1000).contains(&wait), "{wait}");
}

#[tokio::test(start_paused = true)]
async fn many_waiters_in_memory_start_in_time() {
    for count in [1, 10] {
        comes(&in_memory(count), 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_waiters_behind_gates_start_in_time() {
    for (count, most) in [(1, 10), (10, 60)] {
        let (limiters, store) = gated(count, ms(5));
        comes(&limiters, 5).await;
        assert!(store.calls() <= most, "{}", store.calls());
    }
}

/// Returns processes that have seen that the bucket is short. A process that expects a full bucket
/// plans a write that fails once.
async fn short(count: usize) -> (Vec<RateLimiter>, Arc<FlakyStore>) {
    let (limiters, store) = gated(count, ms(5));
    let mut lease = ask(&limiters[0], 10).await.unwrap();
    lease.adjust("tokens", 10).unwrap();
    lease.commit().await.unwrap();
    for limiter in &limiters {
        ask(limiter, 0).await.unwrap().commit();
    }
    (limiters, store)
}

/// Each waiter is alone in its process, so no two waiters share a write.
#[tokio::test(start_paused = true)]
async fn many_waiters_in_processes_of_their_own_start_in_time() {
    let (limiters, store) = short(100).await;
    let before = store.calls();
    let starts = Starts::new();
    let ends = stated_wait(ask(&limiters[99], 1).await) + 39_900;
    let mut tasks = Vec::new();
    for round in 0..4 {
        for (number, limiter) in limiters.iter().enumerate() {
            tasks.push(starts.wait(round * 100 + number, 1, ask(limiter, 1).until_ready(LONG)));
            tokio::time::sleep(ms(7)).await;
        }
    }
    all(tasks).await;
    let calls = store.calls() - before;
    println!("{calls} calls of 400 waiters");
    assert!(calls <= 420, "{calls}");
    assert!(
        (ends..=ends + 10).contains(&starts.last()),
        "{}",
        starts.last()
    );
    assert!(starts.numbers().is_sorted());
    starts.assert_perfect(10, 10, 5);
}

/// All waiters come at the same time. No write is refused because another one was faster.
#[tokio::test(start_paused = true)]
async fn waiters_of_all_processes_at_once_start_in_time() {
    let (limiters, store) = short(100).await;
    let before = store.calls();
    let starts = Starts::new();
    let ends = stated_wait(ask(&limiters[99], 1).await) + 9900;
    let tasks = limiters.iter().enumerate();
    all(tasks
        .map(|(number, limiter)| starts.wait(number, 1, ask(limiter, 1).until_ready(LONG)))
        .collect())
    .await;
    let calls = store.calls() - before;
    println!("{calls} calls of 100 waiters");
    assert!(calls <= 105, "{calls}");
    assert!(
        (ends..=ends + 10).contains(&starts.last()),
        "{}",
        starts.last()
    );
    starts.assert_perfect(10, 10, 250);
}
