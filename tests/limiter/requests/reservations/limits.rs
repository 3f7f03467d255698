//! Waiting with several limits, parents, limits that only observe, local limits, and a maximum
//! number of waiters.

use tollgate::{
    EntityId,
    limiter::LocalShare,
    model::{Entity, Owner},
    store::StoreErrorKind,
};

use super::*;

async fn family(limiter: &RateLimiter) {
    let parent = EntityId::new("org").unwrap();
    for id in ["ann", "bob"] {
        let child = Entity::new(EntityId::new(id).unwrap())
            .with_parent(parent.clone())
            .cascading();
        limiter.entities().create(child).await.unwrap();
    }
}

/// A request starts at the later of both times, and both buckets are charged once.
#[tokio::test(start_paused = true)]
async fn a_request_waits_for_a_child_and_its_parent() {
    for limiter in both() {
        family(&limiter).await;
        let ask = |who: &str, cost| {
            limiter
                .acquire(who, "api")
                .limits(limit())
                .cost("tokens", cost)
        };
        ask("bob", 10).await.unwrap().commit().await.unwrap();
        let starts = Starts::new();
        let mut tasks = Vec::new();
        for (number, who) in ["ann", "bob", "ann", "bob"].into_iter().enumerate() {
            tasks.push(starts.wait(number, 5, ask(who, 5).until_ready(LONG)));
            settle().await;
        }
        // This request does not wait. Ann's bucket is empty, and the parent owes 20 tokens.
        let error = ask("ann", 1).await.unwrap_err();
        let short: Vec<_> = error
            .denied()
            .unwrap()
            .violated()
            .map(|status| status.owner)
            .collect();
        assert_eq!(
            (short, error.denied().unwrap().retry_after()),
            (vec![Owner::Entity, Owner::Parent], Some(ms(2100)))
        );
        all(tasks).await;
        assert_eq!(starts.numbers(), [0, 1, 2, 3]);
        for (start, at) in starts.all().iter().zip([500, 1000, 1500, 2000]) {
            assert!((at..at + 10).contains(&start.at), "{start:?}");
        }
        let left = |who: &'static str| {
            let limiter = &limiter;
            async move {
                limiter
                    .available(who, "api")
                    .limits(limit())
                    .await
                    .unwrap()
                    .get("tokens")
                    .unwrap()
                    .available
            }
        };
        assert_eq!(left("org").await, 0);
    }
}

/// The parent does not have the tokens in time, so the child gets its part back.
#[tokio::test(start_paused = true)]
async fn a_parent_that_takes_too_long_gives_the_child_its_part_back() {
    for limiter in both() {
        family(&limiter).await;
        let ask = |who: &str, cost| {
            limiter
                .acquire(who, "api")
                .limits(limit())
                .cost("tokens", cost)
        };
        ask("bob", 10).await.unwrap().commit().await.unwrap();
        assert_eq!(stated_wait(ask("ann", 10).until_ready(ms(900)).await), 1000);
        tokio::time::sleep(ms(50)).await;
        limiter
            .acquire("ann", "api")
            .limits(limit())
            .cost("tokens", 10)
            .without_parent()
            .await
            .unwrap()
            .commit();
    }
}

/// Only one of two limits is short, and only that one is owed.
#[tokio::test(start_paused = true)]
async fn only_the_short_limit_of_two_is_owed() {
    for limiter in both() {
        let limits = [limit(), Limit::per_second("bytes", 1000)];
        let ask = |tokens, bytes| {
            limiter
                .acquire("user", "api")
                .limits(limits.clone())
                .cost("tokens", tokens)
                .cost("bytes", bytes)
        };
        ask(10, 0).await.unwrap().commit().await.unwrap();
        let starts = Starts::new();
        let mut tasks = vec![starts.wait(0, 5, ask(5, 900).until_ready(LONG))];
        settle().await;
        // A request that asks for nothing from the short limit does not wait for it.
        ask(0, 50).await.unwrap().commit();
        tasks.push(starts.wait(1, 1, ask(1, 1000).until_ready(LONG)));
        settle().await;
        assert_eq!(stated_wait(ask(0, 1).await), 951);
        all(tasks).await;
        for (start, at) in starts.all().iter().zip([500, 950]) {
            assert!((at..at + 10).contains(&start.at), "{start:?}");
        }
    }
}

/// A request does not wait for a limit that only observes. The lease reports it as short.
#[tokio::test(start_paused = true)]
async fn a_request_does_not_wait_for_a_limit_that_only_observes() {
    for limiter in both() {
        let limits = [limit(), Limit::per_hour("seen", 1)];
        let ask = || {
            limiter
                .acquire("user", "api")
                .limits(limits.clone())
                .cost("tokens", 1)
                .shadow_limit("seen")
        };
        let start = Instant::now();
        let lease = ask().until_ready(LONG).await.unwrap();
        assert!(lease.shadow_denials().is_empty());
        lease.commit();
        let lease = ask().until_ready(LONG).await.unwrap();
        assert_eq!(
            (lease.shadow_denials().len(), start.elapsed()),
            (1, Duration::ZERO)
        );
    }
}

/// While the store is down, a waiter waits for the local limits.
#[tokio::test(start_paused = true)]
async fn a_request_waits_for_local_limits_while_the_store_is_down() {
    let (limiters, store) = gated(1, Duration::ZERO);
    store.fail(StoreErrorKind::NotApplied);
    let starts = Starts::new();
    let mut tasks = Vec::new();
    for number in 0..10 {
        let acquire = ask(&limiters[0], 1)
            .or_locally(LocalShare::one_of(2))
            .until_ready(LONG);
        tasks.push(starts.wait(number, 1, acquire));
        settle().await;
    }
    all(tasks).await;
    // Half of the 10 tokens, then 5 a second.
    assert_eq!(starts.numbers(), (0..10).collect::<Vec<_>>());
    assert!((1000..=1010).contains(&starts.last()), "{}", starts.last());
    starts.assert_perfect(5, 5, 0);
    let lease = ask(&limiters[0], 1)
        .or_locally(LocalShare::one_of(2))
        .until_ready(LONG)
        .await
        .unwrap();
    assert!(lease.is_degraded());
}

/// The wait that a full queue reports is right: a request that comes back then is granted at once.
#[tokio::test(start_paused = true)]
async fn a_full_queue_reports_the_right_wait() {
    for limiter in both() {
        ask(&limiter, 10).await.unwrap().commit().await.unwrap();
        let starts = Starts::new();
        let patient = || ask(&limiter, 3).until_ready(LONG).max_waiters(3);
        let mut tasks = Vec::new();
        for number in 0..3 {
            tasks.push(starts.wait(number, 3, patient()));
            settle().await;
        }
        let Error::QueueFull(full) = patient().await.unwrap_err() else {
            panic!()
        };
        assert_eq!(
            (full.waiters, full.denied.retry_after()),
            (3, Some(ms(1200)))
        );
        // Nothing is reserved for the request that was refused.
        assert_eq!(stated_wait(ask(&limiter, 1).await), 1000);
        tokio::time::sleep(ms(1200)).await;
        ask(&limiter, 3).await.unwrap().commit();
        all(tasks).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cost_above_the_capacity_is_refused_beside_a_waiter() {
    for limiter in both() {
        let _waiting = Starts::new().wait(0, 10, ask(&limiter, 10).until_ready(LONG));
        settle().await;
        let error = ask(&limiter, 11)
            .until_ready(Duration::MAX)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::ExceedsCapacity(_)), "{error:?}");
    }
}

/// The longest possible wait overflows nothing.
#[tokio::test(start_paused = true)]
async fn the_longest_wait_overflows_nothing() {
    for limiter in both() {
        let starts = Starts::new();
        all((0..3)
            .map(|number| starts.wait(number, 10, ask(&limiter, 10).until_ready(Duration::MAX)))
            .collect())
        .await;
        assert!((2000..=2010).contains(&starts.last()), "{}", starts.last());
    }
}
