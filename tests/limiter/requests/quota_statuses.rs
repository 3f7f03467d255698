//! When quotas reset, while nobody has charged the running period yet.

use std::time::Duration;

use tollgate::Limit;

use super::fixture::{Fixture, START, on_every_limiter};

on_every_limiter!(
    an_unused_period_ends_at_the_next_edge,
    an_unused_period_of_several_shards_ends_at_the_next_edge,
    a_session_that_has_not_begun_resets_in_no_time,
);

const DAY: i64 = 86_400_000;

/// Returns the milliseconds until the quota resets.
async fn resets_in(at: &Fixture, limit: &Limit) -> i64 {
    let available = at.limiter.available("user", "api").limits(limit.clone());
    let available = available.await.unwrap();
    let reset_after = available.get("tokens").unwrap().reset_after;
    reset_after.as_millis().try_into().unwrap()
}

async fn charge(at: &Fixture, limit: &Limit) {
    let acquire = at.limiter.acquire("user", "api").limits(limit.clone());
    acquire.await.unwrap().commit().await.unwrap();
}

/// Once, the status said 0 until somebody was charged.
async fn an_unused_period_ends_at_the_next_edge(at: Fixture) {
    let limit = Limit::quota("tokens", 5).daily("UTC").unwrap();
    let to_midnight = DAY - START % DAY;
    assert_eq!(resets_in(&at, &limit).await, to_midnight);
    charge(&at, &limit).await;
    for days in 0..3 {
        assert_eq!(resets_in(&at, &limit).await, to_midnight, "{days}");
        assert_eq!(at.available(&limit).await, if days == 0 { 4 } else { 5 });
        at.advance(DAY.unsigned_abs());
    }
}

async fn an_unused_period_of_several_shards_ends_at_the_next_edge(at: Fixture) {
    let limit = Limit::quota("tokens", 6).daily("UTC").unwrap();
    charge(&at, &limit).await;
    at.split("user", "api", 1).await;
    at.advance(DAY.unsigned_abs());
    let left = resets_in(&at, &limit).await;
    assert_eq!(left, DAY - START % DAY);
}

async fn a_session_that_has_not_begun_resets_in_no_time(at: Fixture) {
    let limit = Limit::quota("tokens", 5).session(Duration::from_secs(60));
    let limit = limit.unwrap();
    charge(&at, &limit).await;
    assert_eq!(resets_in(&at, &limit).await, 60_000);
    at.advance(60_000);
    assert_eq!(resets_in(&at, &limit).await, 0);
}
