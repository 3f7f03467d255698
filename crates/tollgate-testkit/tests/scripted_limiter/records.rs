//! Records of leases.

use axum::{Router, http::StatusCode, response::IntoResponse};
use tollgate::{
    EntityId, Limit,
    layer::{LeaseHandle, Settle},
    model::{ConfigScope, Entity},
};
use tollgate_testkit::{LeaseOutcome, Step, TestLimiter};
use tower::{Layer, ServiceExt};

use super::{ask, behind, hello, policy, status};

#[tokio::test]
async fn a_record_has_cost_and_use() {
    let limiter = TestLimiter::new();
    assert_eq!(status(&hello(&limiter), "alice").await, 200);
    let record = limiter.last();
    assert_eq!(
        (record.entity.as_str(), record.resource.as_str()),
        ("alice", "gpt-4")
    );
    assert_eq!(
        (record.cost("rpm"), record.cost("tpm"), record.cost("other")),
        (1, 100, 0)
    );
    record.assert_used("rpm", 1);
    record.assert_used("tpm", 100);
}

#[tokio::test]
async fn a_record_shows_a_settlement_from_the_response() {
    let limiter = TestLimiter::new();
    let routes = Router::new().fallback(async || [("x-used", "180")]);
    let app = behind(
        &limiter,
        policy().settle("tpm", Settle::header("x-used")),
        routes,
    );
    assert_eq!(
        [
            status(&app, "alice").await,
            status(&app, "alice").await,
            status(&app, "bob").await
        ],
        [200; 3]
    );
    limiter.last().assert_used("tpm", 180);
    assert_eq!(limiter.used("alice", "gpt-4", "tpm"), 360);
    assert_eq!(limiter.used("alice", "gpt-4", "rpm"), 2);
    assert_eq!(limiter.used("alice", "other", "tpm"), 0);
}

#[tokio::test]
async fn a_record_shows_a_refund() {
    let limiter = TestLimiter::new();
    let routes = Router::new().fallback(async || StatusCode::BAD_GATEWAY.into_response());
    assert_eq!(
        status(
            &behind(&limiter, policy().refund_server_errors(), routes),
            "alice"
        )
        .await,
        502
    );
    limiter.last().assert_rolled_back();
}

#[tokio::test]
async fn a_record_shows_a_rollback_if_the_inner_service_fails() {
    let limiter = TestLimiter::new();
    let policy = policy()
        .on_error(tollgate::layer::Outcome::Refund)
        .build()
        .unwrap();
    let layer = tollgate::RateLimitLayer::new(limiter.limiter(), policy);
    let broken = layer.layer(tower::service_fn(async |_| {
        Err::<axum::response::Response, _>(std::io::Error::other("broken"))
    }));
    let request = axum::http::Request::get("/")
        .header("x-user", "alice")
        .body(axum::body::Body::empty())
        .unwrap();
    broken.oneshot(request).await.unwrap_err();
    limiter.last().assert_rolled_back();
    assert_eq!(limiter.used("alice", "gpt-4", "tpm"), 0);
}

#[tokio::test]
async fn a_record_shows_a_lease_that_the_handler_holds() {
    let (limiter, (give, mut take)) = (TestLimiter::new(), tokio::sync::mpsc::channel(1));
    let handler = async move |lease: LeaseHandle| {
        give.send(lease).await.unwrap();
    };
    let app = behind(&limiter, policy(), Router::new().fallback(handler));
    drop(ask(&app, "alice").await);
    let lease: LeaseHandle = take.recv().await.unwrap();
    assert_eq!(limiter.last().outcome, LeaseOutcome::Held);
    lease.settle("tpm", 7).unwrap();
    drop(lease);
    limiter.last().assert_used("tpm", 7);
    limiter.last().assert_used("rpm", 1);
}

#[tokio::test]
async fn a_consume_can_be_denied() {
    let limiter = TestLimiter::new();
    let handler = async |lease: LeaseHandle| match lease.consume("tpm", 50).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::CONFLICT,
    };
    let app = behind(&limiter, policy(), Router::new().fallback(handler));
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(limiter.records().len(), 2);
    assert_eq!(limiter.used("alice", "gpt-4", "tpm"), 150);
    limiter
        .then(Step::grant())
        .then(Step::deny(std::time::Duration::from_secs(1)));
    assert_eq!(status(&app, "alice").await, 409);
    limiter.last().assert_refused();
    assert_eq!(limiter.used("alice", "gpt-4", "tpm"), 250);
}

#[tokio::test]
async fn records_have_parents_and_stored_limits() -> Result<(), tollgate::Error> {
    let limiter = TestLimiter::new();
    let real = limiter.limiter();
    let project = EntityId::new("project")?;
    real.entities().create(Entity::new(project.clone())).await?;
    real.entities()
        .create(
            Entity::new(EntityId::new("key")?)
                .with_parent(project)
                .cascading(),
        )
        .await?;
    real.config()
        .set(ConfigScope::resource("gpt-4")?, Limit::per_minute("rpm", 5))
        .await?;
    real.acquire("key", "gpt-4").await?.commit();
    assert_eq!(
        [
            limiter.used("key", "gpt-4", "rpm"),
            limiter.used("project", "gpt-4", "rpm")
        ],
        [1, 1]
    );

    limiter.then(Step::deny(std::time::Duration::from_secs(9)).entity("project"));
    let error = real.acquire("key", "gpt-4").await.unwrap_err();
    assert_eq!(
        error
            .denied()
            .and_then(|denied| denied.retry_after())
            .map(|wait| wait.as_secs()),
        Some(9)
    );
    // The key's grant was rolled back.
    assert_eq!(
        [
            limiter.used("key", "gpt-4", "rpm"),
            limiter.used("project", "gpt-4", "rpm")
        ],
        [1, 1]
    );
    Ok(())
}

#[tokio::test]
async fn bucket_handles_follow_the_script_too() -> Result<(), tollgate::Error> {
    let limiter = TestLimiter::new();
    let bucket = limiter
        .limiter()
        .bucket("alice", "api")?
        .limits(Limit::per_minute("rpm", 5))?;
    limiter.then(Step::disable());
    assert!(bucket.acquire().await.is_err());
    bucket.acquire().await?.commit();
    drop(bucket.acquire().await?);
    limiter.last().assert_rolled_back();
    assert_eq!(limiter.used("alice", "api", "rpm"), 1);
    let left = limiter
        .limiter()
        .available("alice", "api")
        .limits(Limit::per_minute("rpm", 5))
        .await?;
    assert_eq!(left.get("rpm").map(|status| status.available), Some(4));
    Ok(())
}

#[test]
#[should_panic(expected = "nothing was asked")]
fn there_is_no_last_record_before_the_first() {
    TestLimiter::new().last();
}

#[tokio::test]
#[should_panic(expected = "used of tpm")]
async fn wrong_assertions_about_records_fail() {
    let limiter = TestLimiter::new();
    ask(&hello(&limiter), "alice").await;
    limiter.last().assert_used("tpm", 99);
}

#[tokio::test]
#[should_panic(expected = "there is no limit tpd")]
async fn assertions_about_unknown_limits_fail() {
    let limiter = TestLimiter::new();
    ask(&hello(&limiter), "alice").await;
    limiter.last().assert_used("tpd", 0);
}
