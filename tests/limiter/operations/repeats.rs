//! Idempotency keys.

use tollgate::{
    EntityId, Error,
    error::Invalid,
    model::{Entity, OperationKind},
};

use super::fixture::{DAY, Fixture, daily, hourly, on_every_limiter};

on_every_limiter!(
    a_repeat_changes_nothing_and_returns_the_same_result,
    another_operation_with_the_same_key_is_refused,
    a_key_counts_for_one_bucket,
    a_key_counts_for_one_creation_of_an_entity,
    a_key_counts_before_and_after_the_creation_of_the_entity,
    calls_with_one_key_at_the_same_time_add_once,
    calls_without_keys_at_the_same_time_all_count,
    a_result_is_printed_and_read_as_json,
);

async fn a_repeat_changes_nothing_and_returns_the_same_result(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(100).await;
    let other = at.another().await;
    let first = at.limiter.buckets();
    let top_up = first.top_up("user", "api", [("tokens", 50)]);
    let first = top_up.idempotency_key("order-1").await.unwrap();
    assert!(!first.is_repeat);
    assert_eq!(first.idempotency_key, "order-1");
    for buckets in [at.limiter.buckets(), other.buckets()] {
        at.advance(DAY / 8);
        let top_up = buckets.top_up("user", "api", [("tokens", 50)]);
        let repeat = top_up.idempotency_key("order-1").await.unwrap();
        assert!(repeat.is_repeat);
        assert_eq!(
            (repeat.shards, &repeat.amounts),
            (first.shards, &first.amounts)
        );
    }
    assert_eq!(at.left().await, 50);
    at.charge(50).await;
    assert!(at.take(1).await.is_err());
}

async fn another_operation_with_the_same_key_is_refused(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(100).await;
    let buckets = at.limiter.buckets();
    let top_up = buckets.top_up("user", "api", [("tokens", 50)]);
    top_up.idempotency_key("k").await.unwrap();
    let reset = buckets.reset("user", "api").idempotency_key("k");
    let error = reset.await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Invalid(Invalid::KeyUsed { key, kind: OperationKind::TopUp }) if key == "k"
        ),
        "{error:?}"
    );
    assert_eq!(at.left().await, 50);
}

async fn a_key_counts_for_one_bucket(at: Fixture) {
    at.store([daily(100)]).await;
    let buckets = at.limiter.buckets();
    for (entity, resource) in [("user", "api"), ("user", "other"), ("second", "api")] {
        let top_up = buckets.top_up(entity, resource, [("tokens", 50)]);
        let top_up = top_up.idempotency_key("k").await.unwrap();
        assert!(!top_up.is_repeat);
    }
}

async fn a_key_counts_for_one_creation_of_an_entity(at: Fixture) {
    at.store([daily(100)]).await;
    let (entities, user) = (at.limiter.entities(), EntityId::new("user").unwrap());
    for _ in 0..2 {
        entities.create(Entity::new(user.clone())).await.unwrap();
        at.charge(100).await;
        for repeat in [false, true] {
            let buckets = at.limiter.buckets();
            let top_up = buckets.top_up("user", "api", [("tokens", 50)]);
            let top_up = top_up.idempotency_key("k").await.unwrap();
            assert_eq!(top_up.is_repeat, repeat);
        }
        assert_eq!(at.left().await, 50);
        entities.delete(&user).await.unwrap();
    }
}

async fn a_key_counts_before_and_after_the_creation_of_the_entity(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(100).await;
    let (entities, user) = (at.limiter.entities(), EntityId::new("user").unwrap());
    for repeat in [false, true] {
        let buckets = at.limiter.buckets();
        let top_up = buckets.top_up("user", "api", [("tokens", 50)]);
        let top_up = top_up.idempotency_key("k").await.unwrap();
        assert_eq!(top_up.is_repeat, repeat);
        entities.ensure(Entity::new(user.clone())).await.unwrap();
    }
    assert_eq!(at.left().await, 50);
}

async fn calls_with_one_key_at_the_same_time_add_once(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(100).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let limiter = at.another().await;
        calls.spawn(async move {
            let buckets = limiter.buckets();
            let top_up = buckets.top_up("user", "api", [("tokens", 50)]);
            top_up.idempotency_key("k").await
        });
    }
    let mut firsts = 0;
    while let Some(result) = calls.join_next().await {
        let result = result.unwrap().unwrap();
        assert_eq!(result.amount("tokens"), 50);
        firsts += u32::from(!result.is_repeat);
    }
    assert_eq!((firsts, at.left().await), (1, 50));
}

async fn calls_without_keys_at_the_same_time_all_count(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(100).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let limiter = at.another().await;
        calls.spawn(async move {
            let buckets = limiter.buckets();
            buckets.top_up("user", "api", [("tokens", 50)]).await
        });
    }
    while let Some(result) = calls.join_next().await {
        assert!(!result.unwrap().unwrap().is_repeat);
    }
    assert_eq!(at.left().await, 150);
}

async fn a_result_is_printed_and_read_as_json(at: Fixture) {
    at.store([hourly(100)]).await;
    at.charge(40).await;
    let buckets = at.limiter.buckets();
    let reset = buckets.reset("user", "api").idempotency_key("k");
    let reset = reset.await.unwrap();
    let json = serde_json::json!({
        "entity": "user", "resource": "api", "shards": 1, "amounts": {"tokens": 40},
        "idempotency_key": "k", "is_repeat": false,
    });
    assert_eq!(serde_json::to_value(&reset).unwrap(), json);
    let read: tollgate::model::BucketOperation = serde_json::from_value(json).unwrap();
    assert_eq!(read, reset);
}
