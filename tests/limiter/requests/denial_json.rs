//! A denial as JSON, and the parent that it names to Rust alone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tollgate::{
    EntityId, Limit,
    error::Error,
    model::{ConfigScope, Entity},
};

use super::fixture::{Fixture, START, on_every_limiter};

on_every_limiter!(
    a_denial_has_the_shape_of_the_python_client,
    statuses_say_when_they_reset,
    a_denial_tells_soft_limits_and_the_resource_of_each_limit,
);

#[tokio::test]
async fn a_denial_in_memory_names_the_parent_to_rust_alone() {
    a_denial_of_the_parent_names_it_to_rust_alone(Fixture::in_memory()).await;
}

#[tokio::test]
async fn a_denial_over_dynamodb_names_the_parent_to_rust_alone() {
    a_denial_of_the_parent_names_it_to_rust_alone(Fixture::dynamodb().await).await;
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(START.unsigned_abs())
}

async fn a_denial_has_the_shape_of_the_python_client(at: Fixture) {
    let limits = [
        Limit::per_minute("rpm", 60).with_burst(90),
        Limit::per_hour("rph", 2),
    ];
    let ask = || {
        at.limiter
            .acquire("user", "api")
            .limits(limits.clone())
            .cost("rph", 2)
    };
    ask().await.unwrap().commit().await.unwrap();
    let error = ask().await.unwrap_err();
    let denied = error.denied().unwrap();
    assert_eq!(denied.retry_after_header(), Some(3600));
    let json = denied.to_json(now());
    let message = denied.to_string();
    let mut limits = json["limits"].as_array().unwrap().clone();
    limits.sort_by_key(|limit| limit["limit_name"].to_string());
    assert_eq!(
        limits,
        [
            json!({
                "entity_id": "user", "resource": "api", "limit_name": "rph", "kind": "rate",
                "capacity": 2, "refill_amount": 2, "refill_period_seconds": 3600,
                "available": 0, "requested": 2, "exceeded": true,
                "retry_after_seconds": 3600.0, "soft": false,
            }),
            json!({
                "entity_id": "user", "resource": "api", "limit_name": "rpm", "kind": "rate",
                "capacity": 90, "refill_amount": 60, "refill_period_seconds": 60,
                "available": 89, "requested": 1, "exceeded": false,
                "retry_after_seconds": 0.0, "soft": false,
            }),
        ]
    );
    let mut rest = json;
    rest["limits"] = json!([]);
    assert_eq!(
        rest,
        json!({
            "error": "rate_limit_exceeded", "message": message, "contended": false,
            "retry_after_seconds": 3600.0, "retry_after_ms": 3_600_000, "limits": [],
        })
    );
}

async fn a_denial_of_the_parent_names_it_to_rust_alone(at: Fixture) {
    let parent = EntityId::new("secret-project").unwrap();
    let child = Entity::new(EntityId::new("key").unwrap());
    let child = child.with_parent(parent.clone()).cascading();
    at.limiter.entities().create(child).await.unwrap();
    let config = at.limiter.config();
    config
        .set(ConfigScope::system(), Limit::per_minute("rpm", 10))
        .await
        .unwrap();
    let scope = ConfigScope::Entity(parent.clone());
    config
        .set(scope, Limit::per_minute("rpm", 1))
        .await
        .unwrap();
    at.limiter
        .acquire("key", "api")
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let Err(Error::Denied(denied)) = at.limiter.acquire("key", "api").await else {
        panic!("the parent has one a minute")
    };
    assert_eq!(denied.parent, Some(parent));
    let json = denied.to_json(now());
    let short = json["limits"]
        .as_array()
        .unwrap()
        .iter()
        .find(|limit| limit["exceeded"] == true);
    assert_eq!(short.unwrap()["entity_id"], json!(null));
    for text in [
        json.to_string(),
        denied.to_string(),
        serde_json::to_string(&denied).unwrap(),
    ] {
        assert!(!text.contains("secret-project"), "{text}");
    }
}

async fn statuses_say_when_they_reset(at: Fixture) {
    let limits = [
        Limit::per_minute("rpm", 60),
        Limit::quota("day", 5).daily("UTC").unwrap(),
    ];
    let lease = at
        .limiter
        .acquire("user", "api")
        .limits(limits)
        .cost("rpm", 30)
        .await
        .unwrap();
    let resets = |name: &str| {
        let statuses = lease.statuses();
        let status = statuses.iter().find(|status| *status.limit.name() == name);
        status.unwrap().resets_at(now())
    };
    assert_eq!(resets("rpm"), now() + Duration::from_secs(30));
    let midnight = (START / 86_400_000 + 1) * 86_400;
    assert_eq!(
        resets("day"),
        UNIX_EPOCH + Duration::from_secs(midnight.unsigned_abs())
    );
    drop(lease);
}

async fn a_denial_tells_soft_limits_and_the_resource_of_each_limit(at: Fixture) {
    let ask = |cents| {
        let soft = Limit::per_minute("tpm", 10).soft();
        let acquire = at.limiter.acquire("user", "small").limits(soft);
        let acquire = acquire.cost("tpm", 15).also("all", [("cents", cents)]);
        acquire.also_limits("all", Limit::per_hour("cents", 20))
    };
    ask(12).await.unwrap().commit().await.unwrap();
    let error = ask(9).await.unwrap_err();
    let json = error.denied().unwrap().to_json(now());
    let told = |name: &str| {
        let limits = json["limits"].as_array().unwrap();
        let limit = limits.iter().find(|limit| limit["limit_name"] == name);
        let limit = limit.unwrap();
        ["resource", "soft", "exceeded", "available"].map(|field| limit[field].clone())
    };
    // The soft limit is in debt, and not the reason.
    assert_eq!(
        told("tpm"),
        [json!("small"), json!(true), json!(false), json!(-5)]
    );
    assert_eq!(
        told("cents"),
        [json!("all"), json!(false), json!(true), json!(8)]
    );
}
