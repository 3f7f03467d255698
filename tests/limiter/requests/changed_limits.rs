//! Limits that change while their bucket is in use.

use std::time::Duration;

use tollgate::{Error, Limit};
use tollgate_testkit::Fault;

use super::fixture::{Fixture, START, Table, on_every_limiter, settings};
use tollgate::clock::ManualClock;

on_every_limiter!(
    a_raised_capacity_mints_nothing,
    a_lowered_capacity_cuts,
    a_lowered_capacity_is_not_granted_twice,
    another_period_counts_from_the_change,
    an_added_limit_begins_full,
    limits_that_are_not_named_stay,
);

fn limit(capacity: u64, amount: u64, seconds: u64) -> Limit {
    Limit::new("tokens", capacity, amount, Duration::from_secs(seconds)).unwrap()
}

async fn spend(at: &Fixture, limit: &Limit, tokens: u64) -> Result<(), Error> {
    let lease = at
        .limiter
        .acquire("user", "api")
        .limits(limit.clone())
        .cost("tokens", tokens)
        .await?;
    lease.commit().await.unwrap();
    Ok(())
}

async fn raw(at: &Fixture) -> (i64, i64) {
    at.raw("user", "api", "tokens").await
}

async fn a_raised_capacity_mints_nothing(at: Fixture) {
    spend(&at, &limit(10, 1, 60), 10).await.unwrap();
    // Each refill moves the refill time by at least a millisecond.
    at.advance(1);
    let raised = limit(20, 1, 60);
    assert!(spend(&at, &raised, 1).await.unwrap_err().denied().is_some());
    at.advance(15 * 60_000);
    assert_eq!(at.available(&raised).await, 15);
    spend(&at, &raised, 15).await.unwrap();
    assert_eq!(raw(&at).await, (0, 25_000));
}

async fn a_lowered_capacity_cuts(at: Fixture) {
    spend(&at, &limit(100, 1, 60), 10).await.unwrap();
    let lowered = limit(50, 1, 60);
    spend(&at, &lowered, 50).await.unwrap();
    assert_eq!(raw(&at).await, (0, 60_000));
    at.advance(3_600_000 * 24);
    assert_eq!(at.available(&lowered).await, 50);
}

async fn a_lowered_capacity_is_not_granted_twice(at: Fixture) {
    spend(&at, &limit(100, 1, 60), 0).await.unwrap();
    let lowered = limit(50, 1, 60);
    let (first, second) = tokio::join!(spend(&at, &lowered, 40), spend(&at, &lowered, 40));
    first.unwrap();
    assert_eq!(
        second
            .unwrap_err()
            .denied()
            .unwrap()
            .primary()
            .unwrap()
            .available,
        10
    );
    assert_eq!(raw(&at).await, (10_000, 40_000));
}

async fn another_period_counts_from_the_change(at: Fixture) {
    spend(&at, &limit(100, 1, 10), 100).await.unwrap();
    at.advance(30_000);
    // Until now, 3 tokens were refilled at the old rate. From now on, one is refilled each second.
    let faster = limit(100, 1, 1);
    spend(&at, &faster, 3).await.unwrap();
    assert_eq!(raw(&at).await, (0, 103_000));
    at.advance(7_000);
    spend(&at, &faster, 7).await.unwrap();
    assert_eq!(raw(&at).await, (0, 110_000));
}

async fn an_added_limit_begins_full(at: Fixture) {
    spend(&at, &limit(100, 1, 60), 60).await.unwrap();
    let both = [limit(100, 1, 60), Limit::per_hour("requests", 5)];
    let lease = at
        .limiter
        .acquire("user", "api")
        .limits(both)
        .cost("tokens", 10)
        .cost("requests", 2)
        .await
        .unwrap();
    lease.commit().await.unwrap();
    assert_eq!(raw(&at).await, (30_000, 70_000));
    assert_eq!(at.raw("user", "api", "requests").await, (3_000, 2_000));
}

async fn limits_that_are_not_named_stay(at: Fixture) {
    let both = [limit(100, 1, 60), Limit::per_hour("requests", 5)];
    let lease = at
        .limiter
        .acquire("user", "api")
        .limits(both)
        .cost("tokens", 10)
        .cost("requests", 2)
        .await
        .unwrap();
    lease.commit().await.unwrap();
    spend(&at, &limit(200, 1, 60), 20).await.unwrap();
    assert_eq!(raw(&at).await, (70_000, 30_000));
    assert_eq!(at.raw("user", "api", "requests").await, (3_000, 2_000));
}

/// Requests queue behind one write. The first is denied when the write is answered. The second has
/// a limit that the bucket does not have yet.
#[tokio::test]
async fn a_request_behind_a_denied_one_is_charged_for_its_own_limits() {
    let table = Table::create().await;
    let limiter = table.limiter(settings(&ManualClock::at(START))).await;
    let one = [Limit::per_hour("tokens", 10)];
    let two = [
        Limit::per_hour("tokens", 10),
        Limit::per_hour("requests", 5),
    ];
    let acquire = |cost| {
        limiter
            .acquire("user", "api")
            .limits(one.clone())
            .cost("tokens", cost)
    };
    acquire(1).await.unwrap().commit();

    table.proxy.set_fault(
        Fault::delay(Duration::from_millis(50))
            .on("UpdateItem")
            .once(),
    );
    let behind = async {
        table.proxy.until_received("UpdateItem", 1).await;
        let other = limiter
            .acquire("user", "api")
            .limits(two.clone())
            .cost("tokens", 0)
            .cost("requests", 4);
        tokio::join!(acquire(2).into_future(), other.into_future())
    };
    let (before, (denied, other)) = tokio::join!(acquire(9).into_future(), behind);
    before.unwrap().commit();
    assert!(denied.unwrap_err().denied().is_some());
    other.unwrap().commit();
    limiter.shutdown().await;
    let item = table.item("user", "api").await.unwrap();
    assert_eq!(super::fixture::integer(&item, "b_requests_tk"), 1_000);
    assert_eq!(super::fixture::integer(&item, "b_tokens_tk"), 0);
}
