//! Costs above the amount of a quota, which only a top-up makes possible.

use std::time::Duration;

use tollgate::{Error, Lease};

use super::fixture::{DAY, Fixture, daily, on_every_limiter, session};

on_every_limiter!(
    no_wait_is_promised_for_a_cost_that_no_later_period_holds,
    no_wait_is_promised_for_it_in_several_shards,
    no_wait_is_promised_for_it_in_a_session,
);

/// Asserts that the request was refused, and that waiting does not help. In memory, the bucket is
/// known, so the cost is above its capacity at once.
fn assert_never(result: Result<Lease, Error>) {
    match result {
        Err(Error::Denied(denied)) => assert_eq!(denied.retry_after(), None),
        Err(Error::ExceedsCapacity(exceeded)) => assert_eq!(exceeded.capacity, 100),
        other => panic!("{other:?}"),
    }
}

/// Another process has added more, unseen by this one.
#[tokio::test]
async fn a_large_cost_is_granted_from_a_top_up_elsewhere() {
    for at in [Fixture::gated(), Fixture::dynamodb().await] {
        at.store([daily(100)]).await;
        at.charge(10).await;
        assert_eq!(at.top_up(50).await, 50);
        at.charge(120).await;
        let other = at.another().await.buckets();
        let more = other.top_up("user", "api", [("tokens", 100)]);
        assert_eq!(more.await.unwrap().amount("tokens"), 100);
        at.advance(2000); // no denial from memory is that old
        at.charge(120).await;
    }
}

/// Once, such a denial named the end of the period, but then the cost is above the capacity again.
async fn no_wait_is_promised_for_a_cost_that_no_later_period_holds(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(10).await;
    assert_eq!(at.top_up(50).await, 50);
    at.charge(120).await;
    assert_never(at.take(120).await);
    let wait = at.limiter.time_until_available("user", "api");
    assert_eq!(wait.cost("tokens", 120).await.unwrap(), None);

    // A cost of the plain amount fits when the day has ended.
    let error = at.take(100).await.unwrap_err();
    let wait = error.denied().and_then(|denied| denied.retry_after());
    let wait = wait.expect("tomorrow");
    assert!(wait <= Duration::from_millis(DAY), "{wait:?}");
    at.clock.advance(wait);
    assert!(matches!(at.take(120).await, Err(Error::ExceedsCapacity(_))));
    at.charge(100).await;
}

async fn no_wait_is_promised_for_it_in_several_shards(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(10).await;
    at.split(1).await;
    assert_eq!(at.top_up(50).await, 50);
    at.charge(60).await;
    at.charge(60).await;
    assert_never(at.take(120).await);
    let error = at.take(90).await.unwrap_err();
    assert!(error.denied().expect("20 are left").retry_after().is_some());
}

async fn no_wait_is_promised_for_it_in_a_session(at: Fixture) {
    at.store([session(100)]).await;
    at.charge(10).await;
    assert_eq!(at.top_up(50).await, 50);
    at.charge(120).await;
    assert_never(at.take(120).await);
    let error = at.take(100).await.unwrap_err();
    assert!(error.denied().expect("20 are left").retry_after().is_some());
}
