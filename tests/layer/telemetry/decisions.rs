//! Metrics of decisions: their number and duration.

use std::time::Duration;

use http::{Method, Request};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{OnMissingKey, Policy, RequestHead, Routes, keys},
};

use super::scrape::Recording;
use crate::world::{self, ask, hello, layer, per_user, status};

fn outcome(recording: &Recording, outcome: &str) -> Option<f64> {
    recording.get(
        "decisions_total",
        &[("resource", "api"), ("outcome", outcome)],
    )
}

async fn two_pass_and_two_do_not(limiter: RateLimiter, paths: &[(&str, f64)]) {
    let recording = Recording::start();
    let app = hello(layer(
        &limiter,
        per_user(Limit::per_hour("rph", 2)).limit(Limit::per_hour("spare", 100)),
    ));
    for expected in [200, 200, 429, 429] {
        assert_eq!(status(&app, "alice").await, expected);
    }
    assert_eq!(outcome(&recording, "granted"), Some(2.0));
    assert_eq!(outcome(&recording, "denied"), Some(2.0));
    assert_eq!(outcome(&recording, "unavailable"), None);
    let denials = |limit| {
        recording.get(
            "denials_total",
            &[("resource", "api"), ("limit", limit), ("owner", "entity")],
        )
    };
    assert_eq!(denials("rph"), Some(2.0));
    assert_eq!(denials("spare"), None, "it was not short");
    for (path, times) in paths {
        assert_eq!(
            recording.get("acquire_duration_seconds_count", &[("path", path)]),
            Some(*times),
            "{path}"
        );
    }
    assert_eq!(
        recording.get("acquire_duration_seconds_count", &[]),
        Some(4.0),
        "and no other"
    );
    for sample in recording.samples() {
        assert!(
            !sample.labels.values().any(|value| value.contains("alice")),
            "{sample:?}"
        );
    }
}

#[tokio::test]
async fn decisions_are_counted_in_memory() {
    two_pass_and_two_do_not(world::memory().0, &[("memory", 4.0)]).await;
}

#[tokio::test]
async fn decisions_are_counted_through_gates() {
    two_pass_and_two_do_not(world::gated().0, &[("write", 2.0), ("denial", 2.0)]).await;
}

#[tokio::test]
async fn decisions_are_counted_by_whatever_recorder_is_installed() {
    let (limiter, _) = world::memory();
    let app = hello(layer(&limiter, per_user(Limit::per_hour("rph", 100))));
    assert_eq!(status(&app, "alice").await, 200, "nobody counts");
    {
        let recording = Recording::start();
        assert_eq!(status(&app, "alice").await, 200);
        assert_eq!(outcome(&recording, "granted"), Some(1.0));
    }
    assert_eq!(status(&app, "alice").await, 200, "nobody counts");
    let another = Recording::start();
    for _ in 0..2 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    assert_eq!(outcome(&another, "granted"), Some(2.0));
}

#[tokio::test]
async fn decisions_on_invalid_costs_and_limits_are_counted() {
    let recording = Recording::start();
    let (limiter, _) = world::memory();
    limiter
        .acquire("alice", "api")
        .limits(Limit::per_hour("rph", 2))
        .cost("rph", 3)
        .await
        .unwrap_err();
    assert_eq!(outcome(&recording, "exceeds_capacity"), Some(1.0));
    limiter.acquire("alice", "api").await.unwrap_err();
    assert_eq!(outcome(&recording, "invalid"), Some(1.0));
    assert_eq!(
        recording.get("acquire_duration_seconds_count", &[]),
        None,
        "no decision"
    );
}

/// A request that finds the queue full is denied.
#[tokio::test]
async fn decisions_on_requests_that_find_a_full_queue_are_counted() {
    for limiter in [world::memory().0, world::gated().0] {
        let recording = Recording::start();
        let ask = || {
            limiter
                .acquire("alice", "api")
                .limits(Limit::per_hour("rph", 1))
        };
        ask().await.unwrap().commit().await.unwrap();
        let refused = ask()
            .until_ready(Duration::from_secs(7200))
            .max_waiters(0)
            .await
            .unwrap_err();
        assert!(
            matches!(refused, tollgate::Error::QueueFull(_)),
            "{refused:?}"
        );
        assert_eq!(outcome(&recording, "denied"), Some(1.0));
        assert_eq!(outcome(&recording, "invalid"), None);
        assert_eq!(
            recording.get("denials_total", &[("limit", "rph"), ("owner", "entity")]),
            Some(1.0)
        );
    }
}

#[tokio::test]
async fn decisions_that_nobody_waits_for_are_counted() {
    let recording = Recording::start();
    let (limiter, _) = world::gated();
    let mut acquire = Box::pin(
        limiter
            .acquire("alice", "api")
            .limits(Limit::per_hour("rph", 2))
            .into_future(),
    );
    assert!(world::poll_once(acquire.as_mut()).is_pending());
    drop(acquire);
    assert_eq!(outcome(&recording, "cancelled"), Some(1.0));
}

#[tokio::test]
async fn requests_that_pass_without_a_decision_are_not_counted() {
    let recording = Recording::start();
    let (limiter, _) = world::memory();
    let app = hello(layer(
        &limiter,
        per_user(Limit::per_hour("rph", 2)).on_missing_key(OnMissingKey::Skip),
    ));
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .header("origin", "https://example.com")
        .header("access-control-request-method", "POST")
        .body(axum::body::Body::empty())
        .unwrap();
    ask(&app, preflight).await;
    for _ in 0..2 {
        ask(&app, Request::new(axum::body::Body::empty())).await;
    }
    assert_eq!(
        recording.get("exemptions_total", &[("reason", "preflight")]),
        Some(1.0)
    );
    assert_eq!(
        recording.get("exemptions_total", &[("reason", "no_key")]),
        Some(2.0)
    );
    assert_eq!(recording.get("decisions_total", &[]), None);

    let exempt = hello(layer(
        &limiter,
        per_user(Limit::per_hour("rph", 2)).exempt(|_: &RequestHead<'_>| true),
    ));
    assert_eq!(status(&exempt, "alice").await, 200);
    let routes = Routes::builder().otherwise_unlimited().unwrap();
    let unlimited = hello(RateLimitLayer::new(limiter, routes));
    for _ in 0..3 {
        assert_eq!(status(&unlimited, "alice").await, 200);
    }
    assert_eq!(
        recording.get("exemptions_total", &[("reason", "exempt")]),
        Some(1.0)
    );
    assert_eq!(
        recording.get("exemptions_total", &[("reason", "unlimited")]),
        Some(3.0)
    );
    assert_eq!(recording.get("decisions_total", &[]), None);
}

#[tokio::test]
async fn decisions_that_wait_are_counted() {
    let recording = Recording::start();
    let (limiter, _) = world::memory();
    let app = hello(layer(
        &limiter,
        per_user(Limit::per_hour("rph", 1)).wait(Duration::from_secs(10_000)),
    ));
    assert_eq!(status(&app, "alice").await, 200);
    let mut waiting = Box::pin(status(&app, "alice"));
    assert!(world::poll_once(waiting.as_mut()).is_pending());
    assert_eq!(recording.get("waiters", &[]), Some(1.0));
    drop(waiting);
    assert_eq!(recording.get("waiters", &[]), Some(0.0));
    assert_eq!(
        recording.get("wait_duration_seconds_count", &[("outcome", "cancelled")]),
        Some(1.0)
    );
}

#[tokio::test]
async fn grants_that_overdraw_a_soft_limit_are_counted() {
    for limiter in [world::memory().0, world::gated().0] {
        let recording = Recording::start();
        let soft = Limit::per_hour("rph", 2).soft();
        let alone = hello(layer(&limiter, per_user(soft.clone())));
        for _ in 0..4 {
            assert_eq!(status(&alone, "alice").await, 200);
        }
        let two = per_user(soft).limit(Limit::per_hour("spare", 100));
        let two = hello(layer(&limiter, two));
        for _ in 0..3 {
            assert_eq!(status(&two, "bob").await, 200);
        }
        let overdrafts = |limit| {
            let labels = [("resource", "api"), ("limit", limit)];
            recording.get("soft_overdrafts_total", &labels)
        };
        assert_eq!(overdrafts("rph"), Some(3.0));
        assert_eq!(overdrafts("spare"), None);
        assert_eq!(outcome(&recording, "granted"), Some(7.0));
    }
}

#[tokio::test]
async fn decisions_of_a_shadow_policy_are_counted() {
    let recording = Recording::start();
    let (limiter, _) = world::memory();
    let app = hello(layer(
        &limiter,
        per_user(Limit::per_hour("rph", 2)).shadow(),
    ));
    for _ in 0..5 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    let shadow_denials = || {
        recording.get(
            "shadow_denials_total",
            &[("resource", "api"), ("limit", "rph")],
        )
    };
    assert_eq!(shadow_denials(), Some(3.0));
    // No request was denied.
    assert_eq!(
        (
            outcome(&recording, "granted"),
            outcome(&recording, "denied")
        ),
        (Some(5.0), None)
    );
    assert_eq!(recording.get("denials_total", &[]), None);
    // The cost exceeds the capacity.
    let big = hello(layer(
        &limiter,
        per_user(Limit::per_hour("rph", 2))
            .estimate("rph", |_: &RequestHead<'_>| Some(3))
            .shadow(),
    ));
    assert_eq!(status(&big, "alice").await, 200);
    assert_eq!(shadow_denials(), Some(4.0));
}

#[tokio::test]
async fn decisions_of_shadow_limits_are_counted() {
    for limiter in [world::memory().0, world::gated().0] {
        let recording = Recording::start();
        let limits = per_user(Limit::per_hour("rph", 3))
            .limit(Limit::per_hour("seen", 1))
            .shadow_limit("seen");
        let app = hello(layer(&limiter, limits));
        for expected in [200, 200, 200, 429] {
            assert_eq!(status(&app, "alice").await, expected);
        }
        assert_eq!(
            (
                outcome(&recording, "granted"),
                outcome(&recording, "denied")
            ),
            (Some(3.0), Some(1.0))
        );
        assert_eq!(
            recording.get("shadow_denials_total", &[("limit", "seen")]),
            Some(2.0)
        );
        assert_eq!(
            recording.get("denials_total", &[("limit", "rph")]),
            Some(1.0)
        );
        assert_eq!(
            recording.get("denials_total", &[("limit", "seen")]),
            None,
            "it denies nothing"
        );
    }
}

#[tokio::test]
async fn decisions_of_a_parent_are_counted() {
    use tollgate::{
        EntityId,
        model::{ConfigScope, Entity},
    };

    let recording = Recording::start();
    let (limiter, _) = world::gated();
    let parent = EntityId::new("project").unwrap();
    limiter
        .entities()
        .create(Entity::new(parent.clone()))
        .await
        .unwrap();
    let child = Entity::new(EntityId::new("alice").unwrap())
        .with_parent(parent.clone())
        .cascading();
    limiter.entities().create(child).await.unwrap();
    limiter
        .config()
        .set(ConfigScope::system(), Limit::per_hour("rph", 9))
        .await
        .unwrap();
    limiter
        .config()
        .set(ConfigScope::Entity(parent), Limit::per_hour("rph", 1))
        .await
        .unwrap();
    let policy = Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("api"));
    let app = hello(layer(&limiter, policy));
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(status(&app, "alice").await, 429);
    assert_eq!(
        recording.get("denials_total", &[("limit", "rph"), ("owner", "parent")]),
        Some(1.0)
    );
    assert_eq!(recording.get("denials_total", &[("owner", "entity")]), None);
}

#[tokio::test]
async fn decisions_on_a_consume_are_counted() {
    let recording = Recording::start();
    let (limiter, clock) = world::memory();
    let mut lease = limiter
        .acquire("alice", "api")
        .limits(Limit::per_minute("rpm", 10))
        .await
        .unwrap();
    lease.consume("rpm", 9).await.unwrap();
    lease.consume("rpm", 1).await.unwrap_err();
    clock.advance(Duration::from_secs(60));
    lease.consume("rpm", 1).await.unwrap();
    assert_eq!(
        recording.get("top_ups_total", &[("outcome", "granted")]),
        Some(2.0)
    );
    assert_eq!(
        recording.get("top_ups_total", &[("outcome", "denied")]),
        Some(1.0)
    );
}

#[tokio::test]
async fn warnings_and_requests_without_a_charge_are_counted() {
    let recording = Recording::start();
    let (limiter, _) = world::memory();
    let policy = per_user(Limit::per_hour("rph", 10)).warn_at([20, 30, 40]);
    let app = hello(layer(&limiter, policy));
    for user in ["alice", "alice", "alice", "bob", "bob"] {
        assert_eq!(status(&app, user).await, 200);
    }
    let warnings = |threshold| {
        let labels = [
            ("resource", "api"),
            ("limit", "rph"),
            ("threshold", threshold),
        ];
        recording.get("limit_warnings_total", &labels)
    };
    let counts = ["20", "30", "40"].map(warnings);
    assert_eq!(counts, [Some(2.0), Some(1.0), None]);

    let uncharged = || recording.get("uncharged_requests_total", &[("resource", "api")]);
    assert_eq!(uncharged(), None);
    let policy = per_user(Limit::per_hour("rph", 10)).cost("rph", 0);
    assert_eq!(status(&hello(layer(&limiter, policy)), "alice").await, 200);
    assert_eq!(uncharged(), Some(1.0));
}
