//! Leases of the memory store that hold only their bucket: they outlive the limiter, and work with
//! different clocks and limits.

use std::time::Duration;

use tollgate::{Limit, Limits, RateLimiter, clock::ManualClock, store::MemoryStore};

use super::fixture::{START, settings};

fn one() -> Limits {
    Limit::per_minute("rpm", 10).into()
}

fn two() -> Limits {
    Limits::new([Limit::per_minute("rpm", 10), Limit::per_minute("tpm", 1000)]).unwrap()
}

async fn left(limiter: &RateLimiter, limits: &Limits, name: &str) -> i64 {
    limiter
        .available("user", "api")
        .limits(limits)
        .await
        .unwrap()
        .get(name)
        .unwrap()
        .available
}

#[tokio::test]
async fn a_request_and_its_lease_outlive_limiter_and_store() {
    let clock = ManualClock::at(START);
    for limits in [one(), two()] {
        let limiter = settings(&clock).build_memory(MemoryStore::new());
        // One request for a bucket that exists, and one for a bucket that has yet to be created.
        limiter
            .acquire("user", "api")
            .limits(&limits)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        let known = limiter.acquire("user", "api").limits(&limits);
        let new = limiter.acquire("other", "api").limits(&limits);
        let handle = limiter
            .bucket("user", "api")
            .unwrap()
            .limits(&limits)
            .unwrap();
        drop(limiter);
        let mut lease = known.await.unwrap();
        assert_eq!(lease.statuses()[0].available, 8);
        lease.settle("rpm", 5).unwrap();
        lease.commit().await.unwrap();
        drop(new.await.unwrap());
        assert_eq!(handle.acquire().await.unwrap().statuses()[0].available, 3);
    }
}

#[tokio::test]
async fn every_limiter_of_a_store_goes_by_its_own_clock() {
    let store = MemoryStore::new();
    let clocks = [ManualClock::at(START), ManualClock::at(START)];
    let [first, second] = clocks
        .each_ref()
        .map(|clock| settings(clock).build_memory(store.clone()));
    let limits = one();
    let lease = first
        .acquire("user", "api")
        .limits(&limits)
        .cost("rpm", 10)
        .await
        .unwrap();
    assert!(
        second
            .acquire("user", "api")
            .limits(&limits)
            .await
            .unwrap_err()
            .denied()
            .is_some()
    );
    clocks[1].advance(Duration::from_secs(30));
    assert!(
        first
            .acquire("user", "api")
            .limits(&limits)
            .cost("rpm", 10)
            .await
            .unwrap_err()
            .denied()
            .is_some()
    );
    // The bucket takes the time of the clock that is ahead, and keeps it.
    let handle = second
        .bucket("user", "api")
        .unwrap()
        .limits(&limits)
        .unwrap();
    handle.acquire().await.unwrap().commit().await.unwrap();
    second
        .acquire("user", "api")
        .limits(&limits)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert_eq!(left(&second, &limits, "rpm").await, 3);
    drop(lease);
    assert_eq!(left(&second, &limits, "rpm").await, 10);
}

#[tokio::test]
async fn leases_by_limits_that_the_bucket_was_not_made_with_settle_all_the_same() {
    let clock = ManualClock::at(START);
    let limiter = settings(&clock).build_memory(MemoryStore::new());
    // The bucket was created with other limits. The lease has the limits of its request.
    limiter
        .acquire("user", "api")
        .limits(one())
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    for limits in [two(), two()] {
        let before = [
            left(&limiter, &limits, "rpm").await,
            left(&limiter, &limits, "tpm").await,
        ];
        let mut lease = limiter
            .acquire("user", "api")
            .limits(&limits)
            .cost("tpm", 100)
            .await
            .unwrap();
        assert_eq!(lease.limits(), &limits);
        assert_eq!(lease.consumed("tpm"), Some(100));
        lease.adjust("tpm", 50).unwrap();
        lease.consume("tpm", 25).await.unwrap();
        assert_eq!(
            (lease.consumed("rpm"), lease.consumed("tpm")),
            (Some(1), Some(175))
        );
        lease.commit().await.unwrap();
        let after = [
            left(&limiter, &limits, "rpm").await,
            left(&limiter, &limits, "tpm").await,
        ];
        assert_eq!(after, [before[0] - 1, before[1] - 175]);
        // The charges of both leases are given back in full.
        drop(
            limiter
                .acquire("user", "api")
                .limits(&limits)
                .cost("tpm", 100)
                .await
                .unwrap(),
        );
        limiter
            .acquire("user", "api")
            .limits(&limits)
            .cost("tpm", 100)
            .await
            .unwrap()
            .rollback()
            .await
            .unwrap();
        assert_eq!(
            after,
            [
                left(&limiter, &limits, "rpm").await,
                left(&limiter, &limits, "tpm").await
            ]
        );
        let mut small = limiter
            .acquire("user", "api")
            .limits(&limits)
            .cost("tpm", 100)
            .await
            .unwrap();
        small.settle("tpm", 10).unwrap();
        small.commit().await.unwrap();
        assert_eq!(left(&limiter, &limits, "tpm").await, after[1] - 10);
    }
}
