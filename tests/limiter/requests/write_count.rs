//! The number of calls that reach the table.

use std::{sync::Arc, time::Duration};

use tollgate::{Limit, RateLimiter, clock::ManualClock, store::StoreErrorKind};

use super::{
    fixture::{START, Table, settings},
    flaky_store::RuntimeClock,
    slow_store::{PATIENT, Setting, SlowStore},
};

async fn setting() -> (Table, ManualClock, RateLimiter) {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(settings(&clock)).await;
    (table, clock, limiter)
}

#[tokio::test]
async fn a_steady_acquire_is_one_update_and_no_read() {
    let (table, clock, limiter) = setting().await;
    let limits = [Limit::per_second("rps", 10), Limit::per_minute("rpm", 100)];
    let reads = table.reads();
    let acquire = || limiter.acquire("user", "api").limits(limits.clone());
    acquire().await.unwrap().commit();
    assert_eq!((table.puts(), table.updates()), (1, 0));
    for number in 1..=50 {
        acquire().await.unwrap().commit();
        assert_eq!((table.puts(), table.updates()), (1, number));
        // Some refills are due in whole seconds, some are not.
        clock.advance(Duration::from_millis(
            [100, 0, 7, 650, 2000][number as usize % 5],
        ));
    }
    assert_eq!(table.reads(), reads);
}

#[tokio::test]
async fn a_first_acquire_of_a_bucket_that_exists_is_two_writes() {
    let (table, clock, limiter) = setting().await;
    let acquire = |limiter: &RateLimiter| {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_second("rps", 10))
            .into_future()
    };
    acquire(&limiter).await.unwrap().commit();
    let other = table.limiter(settings(&clock)).await;
    let (before, reads) = (table.writes(), table.reads());
    acquire(&other).await.unwrap().commit();
    assert_eq!((table.writes() - before, table.reads() - reads), (2, 0));
}

#[tokio::test]
async fn a_flood_on_an_exhausted_bucket_is_two_writes_at_most() {
    let (table, _, limiter) = setting().await;
    let acquire = |cost| {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("rph", 100))
            .cost("rph", cost)
    };
    acquire(100).await.unwrap().commit();
    let before = table.writes();
    for _ in 0..1000 {
        assert!(acquire(1).await.unwrap_err().denied().is_some());
    }
    assert!(
        table.writes() - before <= 2,
        "{} writes",
        table.writes() - before
    );
}

#[tokio::test]
async fn a_flood_from_a_process_that_does_not_know_is_two_writes_at_most() {
    let (table, clock, limiter) = setting().await;
    let limit = Limit::per_hour("rph", 100);
    limiter
        .acquire("user", "api")
        .limits(limit.clone())
        .cost("rph", 100)
        .await
        .unwrap()
        .commit();
    let other = table.limiter(settings(&clock)).await;
    let before = table.writes();
    let flood: Vec<_> = (0..1000)
        .map(|_| {
            tokio::spawn(
                other
                    .acquire("user", "api")
                    .limits(limit.clone())
                    .into_future(),
            )
        })
        .collect();
    for request in flood {
        assert!(request.await.unwrap().unwrap_err().denied().is_some());
    }
    assert!(
        table.writes() - before <= 2,
        "{} writes",
        table.writes() - before
    );
}

#[tokio::test]
async fn tasks_on_one_key_share_writes() {
    let (table, _, limiter) = setting().await;
    let limit = Limit::per_hour("rph", 1_000_000);
    limiter
        .acquire("user", "api")
        .limits(limit.clone())
        .await
        .unwrap()
        .commit();
    let before = table.writes();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (limiter, limit) = (limiter.clone(), limit.clone());
            tokio::spawn(async move {
                for _ in 0..50 {
                    limiter
                        .acquire("user", "api")
                        .limits(limit.clone())
                        .await
                        .unwrap()
                        .commit();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let writes = table.writes() - before;
    println!("3200 acquires by 64 tasks: {writes} writes");
    // 0.05 writes for each acquire.
    assert!(writes <= 160, "{writes} writes");
    let item = table.item("user", "api").await.unwrap();
    assert_eq!(super::fixture::integer(&item, "b_rph_tc"), 3_201_000);
}

#[tokio::test]
async fn differences_ride_on_the_next_write() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table
        .limiter(settings(&clock).flush_after(Duration::from_secs(600)))
        .await;
    let acquire = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 1000))
            .cost("tokens", 10)
    };
    let mut lease = acquire().await.unwrap();
    let before = table.writes();
    lease.settle("tokens", 25).unwrap();
    let taken = lease.commit();
    let given = acquire().await.unwrap().rollback();
    taken.await.unwrap();
    acquire().await.unwrap().commit();
    given.await.unwrap();
    assert_eq!(table.writes() - before, 2);
    let item = table.item("user", "api").await.unwrap();
    assert_eq!(super::fixture::integer(&item, "b_tokens_tk"), 965_000);
    assert_eq!(super::fixture::integer(&item, "b_tokens_tc"), 35_000);
}

/// Two processes spend in a burst. A minute later the bucket is full, and neither process expects
/// that the other one has emptied it meanwhile. One token a second; a call takes 50 ms.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_seen_once_in_a_while_costs_one_write_each_time() {
    let store = Arc::new(SlowStore::taking(Duration::from_millis(50)));
    let limiter = || {
        RateLimiter::builder()
            .clock(RuntimeClock::start())
            .build_shared(store.clone())
            .unwrap()
    };
    let limiters = [limiter(), limiter()];
    let spend = async |limiter: &RateLimiter| {
        let acquire = limiter
            .acquire("user", "api")
            .limits(Limit::per_minute("rpm", 60))
            .without_parent();
        acquire.await.unwrap().commit().await.unwrap();
    };
    for round in 0..5 {
        for limiter in limiters.iter().cycle().take(8) {
            spend(limiter).await;
        }
        tokio::time::sleep(Duration::from_secs(70)).await;
        let before = store.count("update");
        spend(&limiters[round % 2]).await;
        assert_eq!(store.count("update") - before, 1, "{round}");
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

/// After a refused transaction the limiter does not know how old its image is. The limiter must not
/// assume that others have spent ever since.
#[tokio::test(start_paused = true)]
async fn a_process_whose_transaction_was_refused_assumes_no_other_spends() {
    let at = Setting::with(Duration::from_millis(50), |builder| {
        builder.deadline(PATIENT)
    });
    at.family().await;
    let other = RateLimiter::builder()
        .clock(RuntimeClock::start())
        .build_shared(at.store.clone())
        .unwrap();
    let parent = |limiter: &RateLimiter| {
        limiter
            .acquire("org", "api")
            .limits(at.limit.clone())
            .without_parent()
    };
    at.ask("ann")
        .in_one_transaction()
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    for _ in 0..5 {
        for limiter in [&at.limiter, &other] {
            parent(limiter).await.unwrap().commit().await.unwrap();
        }
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    at.store.fail("transact", StoreErrorKind::NotApplied);
    assert!(at.ask("ann").in_one_transaction().await.is_err());
    let before = at.store.count("update");
    parent(&at.limiter).await.unwrap().commit().await.unwrap();
    assert_eq!(at.store.count("update") - before, 1);
}
