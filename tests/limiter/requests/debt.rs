//! Debts that are not written yet: the wait that a denial states is exact nevertheless.

use std::time::Duration;

use tollgate::{Limit, RateLimiter, clock::ManualClock, store::MemoryStore};

use super::fixture::{Fixture, START, on_every_limiter};

on_every_limiter!(the_wait_holds_from_the_moment_of_the_denial);

async fn the_wait_holds_from_the_moment_of_the_denial(at: Fixture) {
    let limit = || Limit::per_second("tokens", 100);
    let ask = || {
        at.limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", 10)
    };
    let mut lease = ask().await.unwrap();
    // The bucket is full again, and stays full until the debt is written.
    at.advance(1_000);
    lease.settle("tokens", 250).unwrap();
    let settled = lease.commit();
    let wait = ask()
        .await
        .unwrap_err()
        .denied()
        .unwrap()
        .retry_after()
        .unwrap();
    // The bucket is full. 240 tokens are still to be charged, and 10 are asked for.
    assert_eq!(wait.as_millis(), 1_500);
    settled.await.unwrap();
    at.advance(1_499);
    assert!(ask().await.is_err());
    at.advance(1);
    ask().await.unwrap().commit();
}

#[tokio::test]
async fn a_denial_writes_the_pending_debt_at_once() {
    let settings = RateLimiter::builder()
        .clock(ManualClock::at(START))
        .flush_after(Duration::from_secs(3600));
    let limiter = settings.build(MemoryStore::new()).unwrap();
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_second("tokens", 100))
            .cost("tokens", 10)
    };
    let mut lease = ask().await.unwrap();
    lease.settle("tokens", 250).unwrap();
    let settled = lease.commit();
    assert!(ask().await.is_err());
    tokio::time::timeout(Duration::from_secs(60), settled.into_future())
        .await
        .expect("not in an hour")
        .unwrap();
}
