//! A response that ends in another period of a quota than its request began in.

use std::time::Duration;

use axum::Router;
use tollgate::{Limit, layer::Settle};

use crate::world::{ask, from, layer, memory, per_user};

/// Returns the tokens that are left of the new day, on which 50 were charged before a request ended that was
/// charged 10 on the day before, and used `used`.
async fn left_of_the_new_day(used: &'static str) -> i64 {
    let daily = Limit::quota("day", 100).daily("UTC").unwrap();
    let (limiter, clock) = memory();
    let policy = per_user(daily.clone())
        .cost("day", 10)
        .settle("day", Settle::header("x-used"));
    let (other, limit) = (limiter.clone(), daily.clone());
    let over_midnight = move || async move {
        clock.advance(Duration::from_secs(2 * 3600));
        let today = other.acquire("alice", "api").limits(limit).cost("day", 50);
        today.await.unwrap().commit().await.unwrap();
        [("x-used", used)]
    };
    let app = Router::new()
        .fallback(over_midnight)
        .layer(layer(&limiter, policy));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    let available = limiter.available("alice", "api").limits(daily);
    available.await.unwrap().get("day").unwrap().available
}

#[tokio::test]
async fn what_was_not_used_yesterday_is_not_added_to_today() {
    assert_eq!(left_of_the_new_day("3").await, 50);
}

#[tokio::test]
async fn what_was_used_beyond_the_charge_is_taken_from_today() {
    assert_eq!(left_of_the_new_day("30").await, 30);
}
