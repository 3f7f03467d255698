//! Changes of the bucket while requests wait.

use tollgate::{limiter::Prefetch, model::ConfigScope, store::Store};

use super::*;

/// A lease uses more than it was granted. Requests that already wait start at the time they were
/// given, and later requests wait longer.
#[tokio::test(start_paused = true)]
async fn a_settlement_that_takes_more_delays_later_requests_only() {
    for limiter in both() {
        let mut lease = ask(&limiter, 10).await.unwrap();
        let starts = Starts::new();
        let first = starts.wait(0, 5, ask(&limiter, 5).until_ready(LONG));
        settle().await;
        lease.adjust("tokens", 20).unwrap();
        lease.commit().await.unwrap();
        let second = starts.wait(1, 5, ask(&limiter, 5).until_ready(LONG));
        settle().await;
        assert_eq!(stated_wait(ask(&limiter, 1).await), 3100);
        all(vec![first, second]).await;
        let [first, second] = starts.all()[..] else {
            panic!()
        };
        assert!(
            (500..=505).contains(&first.at) && (3000..=3005).contains(&second.at),
            "{first:?} {second:?}"
        );
    }
}

/// A lease gives back tokens. Requests that already wait do not start earlier.
#[tokio::test(start_paused = true)]
async fn a_settlement_that_gives_back_starts_no_waiter_earlier() {
    for limiter in both() {
        let mut lease = ask(&limiter, 10).await.unwrap();
        let starts = Starts::new();
        let first = starts.wait(0, 5, ask(&limiter, 5).until_ready(LONG));
        settle().await;
        lease.adjust("tokens", -10).unwrap();
        lease.commit().await.unwrap();
        // The tokens that the first request waits for stay reserved. 5 more are available.
        ask(&limiter, 5).await.unwrap().commit();
        first.await.unwrap().unwrap();
        assert!((500..=505).contains(&starts.last()), "{}", starts.last());
    }
}

/// The limit becomes ten times as fast. The debt stays, and later requests pay it back faster.
#[tokio::test(start_paused = true)]
async fn a_faster_limit_pays_the_debt_faster() {
    for limiter in both() {
        ask(&limiter, 10).await.unwrap().commit().await.unwrap();
        let starts = Starts::new();
        let first = starts.wait(0, 10, ask(&limiter, 10).until_ready(LONG));
        settle().await;
        let fast = Limit::new("tokens", 10, 100, Duration::from_secs(1)).unwrap();
        let acquire = limiter
            .acquire("user", "api")
            .limits(fast)
            .cost("tokens", 10);
        let second = starts.wait(1, 10, acquire.until_ready(LONG));
        all(vec![first, second]).await;
        let [second, first] = starts.all()[..] else {
            panic!()
        };
        assert_eq!((second.number, first.number), (1, 0));
        assert!(
            (200..=205).contains(&second.at) && (1000..=1005).contains(&first.at),
            "{first:?} {second:?}"
        );
    }
}

/// The capacity drops below the cost of the first waiter. Its tokens are already charged, so nobody
/// waits longer: the waiters behind it start at the time they were given. A request for more than
/// the capacity is refused at once.
#[tokio::test(start_paused = true)]
async fn a_capacity_below_the_cost_of_the_first_waiter_delays_nobody() {
    for limiter in both() {
        ask(&limiter, 10).await.unwrap().commit().await.unwrap();
        let starts = Starts::new();
        let head = starts.wait(0, 10, ask(&limiter, 10).until_ready(LONG));
        settle().await;
        let behind = starts.wait(1, 5, ask(&limiter, 5).until_ready(LONG));
        settle().await;
        let small = Limit::new("tokens", 5, 10, Duration::from_secs(1)).unwrap();
        let ask_less = |cost| {
            limiter
                .acquire("user", "api")
                .limits(small.clone())
                .cost("tokens", cost)
        };
        let later = starts.wait(2, 1, ask_less(1).until_ready(LONG));
        settle().await;
        let before = tokio::time::Instant::now();
        let refused = ask_less(10).until_ready(LONG).await;
        assert!(
            matches!(refused, Err(tollgate::Error::ExceedsCapacity(_))),
            "{refused:?}"
        );
        assert_eq!(before.elapsed(), Duration::ZERO);
        all(vec![head, behind, later]).await;
        let at: Vec<_> = starts
            .all()
            .iter()
            .map(|start| (start.number, start.at))
            .collect();
        for ((number, at), expected) in at.iter().zip([1000, 1500, 1600]) {
            assert!((expected..=expected + 10).contains(at), "{number} at {at}");
        }
        assert!(at.iter().map(|(number, _)| *number).eq(0..3), "{at:?}");
    }
}

/// Another process changes the rate from 100 to 10 a second, or from 10 to 100, after this one has
/// looked it up. A request may owe as much as the new rate refills during its maximum wait, and no
/// more.
#[tokio::test(start_paused = true)]
async fn the_debt_of_a_waiter_is_bounded_by_the_rate_that_another_process_stored() {
    for (before, after) in [(100, 10), (10, 100)] {
        let (limiters, _store) = gated(2, ms(5));
        let set = async |limiter: &RateLimiter, rate| {
            let limit = Limit::new("tokens", 100, rate, Duration::from_secs(1)).unwrap();
            limiter
                .config()
                .set(ConfigScope::system(), limit)
                .await
                .unwrap();
        };
        let ask = |limiter: &RateLimiter, cost| limiter.acquire("user", "api").cost("tokens", cost);
        set(&limiters[0], before).await;
        ask(&limiters[0], 1).await.unwrap().commit().await.unwrap();
        tokio::time::sleep(ms(5_000)).await;
        set(&limiters[1], after).await;
        ask(&limiters[1], 100)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        let starts = Starts::new();
        let first = starts.wait(0, 50, ask(&limiters[0], 50).until_ready(ms(1_000)));
        let second = starts.wait(1, 50, ask(&limiters[0], 50).until_ready(ms(20_000)));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        second.expect("20 s are enough for both");
        let told: Vec<(usize, u64)> = starts
            .all()
            .iter()
            .map(|start| (start.number, start.at))
            .collect();
        if after == 10 {
            assert!(
                first.is_err_and(|error| error.denied().is_some()),
                "a second refills 10"
            );
            assert!(matches!(told[..], [(1, 4_950..=5_050)]), "{told:?}");
        } else {
            first.expect("half a second refills 50");
            assert!(
                matches!(told[..], [(0, 450..=550), (1, 950..=1_050)]),
                "{told:?}"
            );
        }
    }
}

/// Ten tokens an hour: without a debt, the bucket would be full and expire after seven hours. The
/// bucket owes 20 hours of refill.
#[tokio::test(start_paused = true)]
async fn a_bucket_in_debt_does_not_expire_before_it_is_paid() {
    let (limiters, store) = gated(2, ms(5));
    let limit = || Limit::new("tokens", 10, 10, Duration::from_secs(3600)).unwrap();
    let ask = |limiter: &RateLimiter| {
        limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", 10)
    };
    ask(&limiters[0]).await.unwrap().commit().await.unwrap();
    let origin = super::super::fixture::START;
    let starts = Starts::new();
    let mut tasks = Vec::new();
    for number in 0..20 {
        tasks.push(starts.wait(
            number,
            10,
            ask(&limiters[number % 2]).until_ready(30 * LONG),
        ));
        tokio::time::sleep(ms(20)).await;
        let state = store
            .inner
            .read(&key("user", "api"))
            .await
            .unwrap()
            .unwrap();
        let gone = state.expires_at.expect("limits of the request expire") * 1000 - origin;
        // The debt is paid and the bucket is full again.
        let full = (i64::try_from(number).unwrap() + 2) * 3_600_000;
        assert!(gone >= full, "{gone} of {full} after {number}");
    }
    for task in tasks {
        task.abort();
    }
}

/// A request takes prefetched tokens at once if there are some. Otherwise it takes its place in the
/// bucket.
#[tokio::test(start_paused = true)]
async fn a_request_takes_prefetched_tokens_before_it_waits() {
    let (limiters, store) = gated(1, ms(5));
    let limit = Limit::per_second("tokens", 100);
    let starts = Starts::new();
    let mut tasks = Vec::new();
    for number in 0..300 {
        let acquire = limiters[0]
            .acquire("user", "api")
            .limits(limit.clone())
            .prefetch(Prefetch::new());
        tasks.push(starts.wait(number, 1, acquire.until_ready(LONG).max_waiters(1000)));
        tokio::time::sleep(ms(2)).await;
    }
    all(tasks).await;
    // Prefetched tokens that are not used yet are owed as well.
    assert!((2000..=2300).contains(&starts.last()), "{}", starts.last());
    // Chunks are debited before they are used, at most 3 s of refill.
    starts.assert_perfect(100, 100, 300);
    println!("{} writes of 300 waiters", store.writes());
    assert!(store.writes() <= 315, "{}", store.writes());
}
