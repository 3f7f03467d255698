//! Leases, denials, headers and availability report a bucket of several shards as a whole.

use axum::{Router, body::Body, http::Request};
use tollgate::{
    Error, Limit, RateLimitLayer, RateLimiter,
    clock::ManualClock,
    layer::{Policy, keys},
};
use tower::ServiceExt;

use super::fixture::{START, Table, settings};

fn limit() -> Limit {
    Limit::per_hour("tokens", 100)
}

async fn sharded() -> (Table, RateLimiter) {
    let (clock, table) = (ManualClock::at(START), Table::create().await);
    let first = table.limiter(settings(&clock)).await;
    first
        .acquire("user", "api")
        .limits(limit())
        .await
        .unwrap()
        .rollback()
        .await
        .unwrap();
    for shards in [1, 2, 4] {
        assert!(table.split("user", "api", shards).await);
    }
    let limiter = table.limiter(settings(&clock)).await;
    (table, limiter)
}

async fn available(limiter: &RateLimiter) -> i64 {
    limiter
        .available("user", "api")
        .limits(limit())
        .await
        .unwrap()
        .get("tokens")
        .unwrap()
        .available
}

/// Returns the status and the remaining tokens that the header `RateLimit` states.
async fn through_the_layer(limiter: &RateLimiter) -> (u16, i64) {
    let policy = Policy::builder()
        .entity(keys::fixed("user"))
        .resource(keys::fixed("api"))
        .limit(limit());
    let layer = RateLimitLayer::new(limiter.clone(), policy.build().unwrap());
    let app = Router::new().fallback(|| async {}).layer(layer);
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    let field = response.headers()["ratelimit"].to_str().unwrap().to_owned();
    let left = field
        .split(';')
        .find_map(|part| part.strip_prefix("r="))
        .unwrap()
        .parse()
        .unwrap();
    (response.status().as_u16(), left)
}

#[tokio::test]
async fn headers_leases_and_availability_agree_and_fall_by_what_is_spent() {
    let (_table, limiter) = sharded().await;
    let mut left = 100;
    // The shards hold 12 or 13 tokens, so no shard holds the whole amount.
    while left > 0 {
        if left % 2 == 0 {
            left -= 1;
            assert_eq!(through_the_layer(&limiter).await, (200, left));
        } else {
            let lease = limiter
                .acquire("user", "api")
                .limits(limit())
                .await
                .unwrap();
            left -= 1;
            assert_eq!(lease.statuses()[0].available, left);
            lease.commit().await.unwrap();
        }
        if left % 7 == 0 {
            assert_eq!(available(&limiter).await, left);
        }
    }
    assert_eq!(through_the_layer(&limiter).await, (429, 0));
}

#[tokio::test]
async fn a_denial_reports_the_total_of_all_shards() {
    let (_table, limiter) = sharded().await;
    limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 61)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    for cost in [40, 50, 100] {
        let Err(Error::Denied(denied)) = limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", cost)
            .await
        else {
            panic!("there are 39 left");
        };
        assert_eq!(denied.limits[0].available, 39, "{cost}");
    }
    assert_eq!(available(&limiter).await, 39);
    let lease = limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 30)
        .await
        .unwrap();
    assert_eq!(lease.statuses()[0].available, 9);
}
