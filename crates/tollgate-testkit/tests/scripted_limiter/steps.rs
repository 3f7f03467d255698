//! The decisions of steps, and the requests that they apply to.

use std::time::Duration;

use axum::{Router, body::to_bytes};
use tollgate::{
    EntityId, Limit,
    layer::{OnUnavailable, Policy, RateLimitStatus, keys},
    limiter::LocalShare,
    model::{ConfigScope, Entity, StoredConfig, StoredOnUnavailable},
};
use tollgate_testkit::{LeaseOutcome, LimitedResponse, Step, TestLimiter};

use super::{ask, behind, hello, policy, status};

const LATER: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn steps_apply_in_order_and_then_the_bucket_decides() {
    let limiter = TestLimiter::new();
    let app = hello(&limiter);
    limiter
        .then(Step::deny(LATER))
        .then(Step::grant())
        .then(Step::store_down());
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(status(&app, "alice").await);
    }
    assert_eq!(answers, [429, 200, 503, 200]);
    let outcomes: Vec<_> = limiter
        .records()
        .iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            LeaseOutcome::Refused,
            LeaseOutcome::Settled,
            LeaseOutcome::Refused,
            LeaseOutcome::Settled
        ]
    );
}

#[tokio::test]
async fn steps_can_be_for_some_requests_and_for_some_time() {
    let limiter = TestLimiter::new();
    let app = hello(&limiter);
    limiter
        .then(Step::deny(LATER).entity("bob").times(2))
        .then(Step::deny(LATER).resource("another").always())
        .then(Step::exceed().entity("carol").resource("gpt-4").always());
    let users = ["alice", "bob", "bob", "bob", "carol", "carol", "carol"];
    let mut answers = Vec::new();
    for user in users {
        answers.push(status(&app, user).await);
    }
    assert_eq!(answers, [200, 429, 429, 200, 429, 429, 429]);
    limiter.clear();
    assert_eq!(status(&app, "carol").await, 200);
}

#[tokio::test]
async fn a_step_denies_by_the_limit_that_is_named() {
    let limiter = TestLimiter::new();
    let app = hello(&limiter);
    limiter
        .then(Step::deny(LATER))
        .then(Step::deny(LATER).limit("tpm"));
    let first = ask(&app, "alice").await;
    first.assert_denied(LATER);
    assert_eq!(
        (first.remaining("rpm"), first.remaining("tpm")),
        (Some(0), Some(1000))
    );
    let named = ask(&app, "alice").await;
    named.assert_denied(LATER);
    assert_eq!(
        (named.remaining("rpm"), named.remaining("tpm")),
        (Some(60), Some(99))
    );
    let body = to_bytes(named.into_body(), 10_000).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains(r#""violated-policies":["tpm"]"#));
    limiter.last().assert_refused();
}

#[tokio::test]
async fn a_step_can_say_that_a_cost_exceeds_the_capacity() {
    let limiter = TestLimiter::new();
    limiter.then(Step::exceed().limit("tpm"));
    let response = ask(&hello(&limiter), "alice").await;
    assert!(response.is_denied());
    assert_eq!(response.retry_after(), None);
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("cost-exceeds-capacity"));
}

#[tokio::test]
async fn a_step_can_disable_a_bucket() {
    let limiter = TestLimiter::new();
    limiter.then(Step::disable());
    assert_eq!(status(&hello(&limiter), "alice").await, 403);
}

#[tokio::test]
async fn a_policy_lets_requests_pass_if_the_script_has_the_store_down() {
    let limiter = TestLimiter::new();
    let degraded = async |status: RateLimitStatus| status.degraded.to_string();
    let app = behind(
        &limiter,
        policy().on_unavailable(OnUnavailable::Allow),
        Router::new().fallback(degraded),
    );
    limiter.then(Step::store_down());
    for expected in ["true", "false"] {
        let body = to_bytes(ask(&app, "alice").await.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(body, expected);
    }
}

/// Regression: with a share of stored limits, the answer was 503, because a script knew no limits.
#[tokio::test]
async fn the_share_of_stored_limits_decides_if_the_script_has_the_store_down() {
    let limiter = TestLimiter::new();
    let limits = [Limit::per_minute("rpm", 60), Limit::per_minute("tpm", 1000)];
    let scope = ConfigScope::resource("gpt-4").unwrap();
    limiter
        .limiter()
        .config()
        .set(scope, StoredConfig::new(limits))
        .await
        .unwrap();
    let stored = Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("gpt-4"))
        .cost("tpm", 100);
    let local = stored.on_unavailable(OnUnavailable::Local {
        share: LocalShare::one_of(2),
    });
    let app = behind(&limiter, local, Router::new().fallback(async || "hello"));
    limiter.then(Step::store_down().always());
    let response = ask(&app, "alice").await;
    assert_eq!(response.status(), 200);
    response.assert_remaining("tpm", 400);
    for _ in 0..4 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    ask(&app, "alice")
        .await
        .assert_denied(Duration::from_secs(12));
    // A stored parent is charged too.
    let id = |text: &str| EntityId::new(text).unwrap();
    limiter
        .limiter()
        .entities()
        .create(
            Entity::new(id("child"))
                .with_parent(id("alice"))
                .cascading(),
        )
        .await
        .unwrap();
    assert_eq!(status(&app, "child").await, 429);
}

/// The same regression for the stored mode.
#[tokio::test]
async fn the_stored_mode_decides_if_the_script_has_the_store_down() {
    let limiter = TestLimiter::new();
    let app = hello(&limiter);
    limiter.then(Step::store_down().always());
    assert_eq!(status(&app, "alice").await, 503);
    for (mode, expected) in [
        (StoredOnUnavailable::Allow, 200),
        (StoredOnUnavailable::Block, 503),
    ] {
        let config = StoredConfig::new([Limit::per_minute("rpm", 60)]).with_on_unavailable(mode);
        limiter
            .limiter()
            .config()
            .set(ConfigScope::system(), config)
            .await
            .unwrap();
        assert_eq!(status(&app, "alice").await, expected, "{mode:?}");
    }
}

#[tokio::test]
async fn a_step_grants_though_the_bucket_is_short() {
    let limiter = TestLimiter::new();
    let app = hello(&limiter);
    for _ in 0..10 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    assert_eq!(status(&app, "alice").await, 429);
    limiter.then(Step::grant());
    let response = ask(&app, "alice").await;
    assert_eq!(response.status(), 200);
    response.assert_remaining("rpm", 49);
    response.assert_remaining("tpm", 0);
    // A debt of 100 tokens at 1000 per minute: the bucket has the next request's 100 tokens after
    // 12 s.
    ask(&app, "alice")
        .await
        .assert_denied(Duration::from_secs(12));
    limiter.clock().advance(Duration::from_secs(12));
    assert_eq!(status(&app, "alice").await, 200);
}

#[test]
#[should_panic(expected = "only a step that denies or exceeds")]
fn a_step_that_grants_names_no_limit() {
    let _ = Step::grant().limit("tpm");
}
