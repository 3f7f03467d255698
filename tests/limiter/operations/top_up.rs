//! Top-ups.

use serde_json::json;
use tollgate::{
    EntityId, Error, Limit, LimitName,
    error::Invalid,
    model::{AuditAction, ConfigScope},
};

use super::fixture::{DAY, Fixture, HOUR, amounts, daily, hourly, on_every_limiter, session, take};

on_every_limiter!(
    a_top_up_of_a_day_lasts_until_midnight,
    a_top_up_of_a_session_lasts_until_its_end,
    a_top_up_begins_a_session,
    a_top_up_after_a_session_begins_the_next,
    a_top_up_fills_a_token_bucket_to_its_capacity,
    a_top_up_creates_the_bucket,
    a_top_up_of_a_token_bucket_that_does_not_exist_creates_nothing,
    top_ups_add_up,
    what_a_lease_gives_back_after_a_top_up_counts,
    a_reset_ends_a_top_up,
    a_top_up_after_an_edge_counts_for_the_new_day,
    a_top_up_is_spread_over_the_shards,
    another_process_grants_what_was_added,
    several_limits_are_topped_up_at_once,
    a_top_up_is_in_the_history,
    a_limit_that_the_bucket_lacks_is_refused,
    amounts_are_checked,
    a_disabled_bucket_is_not_created,
);

async fn a_top_up_of_a_day_lasts_until_midnight(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(100).await;
    assert_eq!(at.top_up(50).await, 50);
    assert_eq!(at.left().await, 50);
    at.charge(20).await;
    at.charge(30).await;
    assert!(at.take(1).await.is_err());
    assert_eq!(at.top_up(5).await, 5);
    at.advance(DAY);
    assert_eq!(at.left().await, 100);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_top_up_of_a_session_lasts_until_its_end(at: Fixture) {
    at.store([session(100)]).await;
    at.charge(100).await;
    at.advance(HOUR);
    assert_eq!(at.top_up(50).await, 50);
    at.charge(50).await;
    assert!(at.take(1).await.is_err());
    at.advance(4 * HOUR - 1);
    assert!(at.take(1).await.is_err());
    at.advance(1);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_top_up_begins_a_session(at: Fixture) {
    at.store([session(100)]).await;
    assert_eq!(at.top_up(50).await, 50);
    at.advance(HOUR);
    at.charge(100).await;
    at.charge(50).await;
    assert!(at.take(1).await.is_err());
    at.advance(4 * HOUR - 1);
    assert!(at.take(1).await.is_err());
    at.advance(1);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_top_up_after_a_session_begins_the_next(at: Fixture) {
    at.store([session(100)]).await;
    at.charge(70).await;
    at.advance(6 * HOUR);
    assert_eq!(at.top_up(50).await, 50);
    assert_eq!(at.left().await, 150);
    at.charge(100).await;
    at.charge(50).await;
    assert!(at.take(1).await.is_err());
    at.advance(5 * HOUR);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_top_up_fills_a_token_bucket_to_its_capacity(at: Fixture) {
    at.store([hourly(100)]).await;
    at.charge(60).await;
    assert_eq!(at.top_up(50).await, 50);
    assert_eq!(at.left().await, 90);
    assert_eq!(at.top_up(50).await, 10);
    assert_eq!(at.top_up(50).await, 0);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_top_up_creates_the_bucket(at: Fixture) {
    at.store([daily(100), Limit::per_hour("requests", 10)])
        .await;
    let buckets = at.limiter.buckets();
    let top_up = buckets.top_up("user", "api", [("tokens", 50), ("requests", 3)]);
    let top_up = top_up.await.unwrap();
    assert_eq!(top_up.shards, 1);
    assert_eq!(top_up.amounts, amounts(&[("requests", 0), ("tokens", 50)]));
    at.charge(100).await;
    at.charge(50).await;
    assert!(at.take(1).await.is_err());
    at.advance(DAY);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_top_up_of_a_token_bucket_that_does_not_exist_creates_nothing(at: Fixture) {
    at.store([hourly(100)]).await;
    let buckets = at.limiter.buckets();
    let top_up = buckets.top_up("user", "api", [("tokens", 50)]);
    let top_up = top_up.idempotency_key("one").await.unwrap();
    assert_eq!((top_up.shards, top_up.amount("tokens")), (0, 0));
    at.charge(100).await;
    // The record says that this call has done what it does.
    let top_up = buckets.top_up("user", "api", [("tokens", 50)]);
    let top_up = top_up.idempotency_key("one").await.unwrap();
    assert!(top_up.is_repeat);
    assert!(at.take(1).await.is_err());
}

async fn top_ups_add_up(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(10).await;
    for _ in 0..5 {
        assert_eq!(at.top_up(10).await, 10);
    }
    assert_eq!(at.left().await, 140);
    at.charge(100).await;
    at.charge(40).await;
    assert!(at.take(1).await.is_err());
}

async fn what_a_lease_gives_back_after_a_top_up_counts(at: Fixture) {
    at.store([daily(100)]).await;
    let lease = at.take(80).await.unwrap();
    assert_eq!(at.top_up(50).await, 50);
    lease.rollback().await.unwrap();
    assert_eq!(at.left().await, 150);
    at.charge(100).await;
    at.charge(50).await;
    assert!(at.take(1).await.is_err());
}

async fn a_reset_ends_a_top_up(at: Fixture) {
    for limit in [daily(100), session(100)] {
        at.store([limit]).await;
        at.charge(100).await;
        at.top_up(50).await;
        at.reset().await;
        assert_eq!(at.left().await, 100);
        at.charge(100).await;
        assert!(at.take(1).await.is_err());
        let user = EntityId::new("user").unwrap();
        at.limiter.entities().delete(&user).await.unwrap();
    }
}

async fn a_top_up_after_an_edge_counts_for_the_new_day(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(70).await;
    at.top_up(5).await;
    at.advance(DAY);
    assert_eq!(at.top_up(50).await, 50);
    at.charge(100).await;
    at.charge(50).await;
    assert!(at.take(1).await.is_err());
}

async fn a_top_up_is_spread_over_the_shards(at: Fixture) {
    at.store([hourly(100)]).await;
    at.charge(100).await;
    if !at.split(1).await || !at.split(2).await {
        return;
    }
    assert_eq!(at.top_up(30).await, 30);
    assert_eq!(at.left().await, 30);
    at.charge(30).await;
    assert!(at.take(1).await.is_err());
    assert_eq!(at.top_up(1000).await, 100);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn another_process_grants_what_was_added(at: Fixture) {
    for limit in [daily(100), session(100), hourly(100)] {
        at.store([limit]).await;
        let other = at.another().await;
        at.charge(100).await;
        assert!(take(&other, 1).await.is_err());
        assert_eq!(at.top_up(50).await, 50);
        take(&other, 30).await.unwrap().commit().await.unwrap();
        at.charge(20).await;
        assert!(take(&other, 1).await.is_err());
        assert!(at.take(1).await.is_err());
        let user = EntityId::new("user").unwrap();
        at.limiter.entities().delete(&user).await.unwrap();
    }
}

async fn several_limits_are_topped_up_at_once(at: Fixture) {
    let monthly = Limit::quota("monthly", 500).monthly("UTC").unwrap();
    at.store([daily(100), monthly, Limit::per_hour("requests", 10)])
        .await;
    at.charge(100).await;
    let buckets = at.limiter.buckets();
    let rows = [("tokens", 7), ("monthly", 8), ("requests", 9)];
    let top_up = buckets.top_up("user", "api", rows).await.unwrap();
    let expected = amounts(&[("monthly", 8), ("requests", 1), ("tokens", 7)]);
    assert_eq!(top_up.amounts, expected);
    let left = at.limiter.available("user", "api").await.unwrap();
    let left = |name: &str| left.get(name).unwrap().available;
    assert_eq!(
        (left("tokens"), left("monthly"), left("requests")),
        (7, 507, 10)
    );
}

async fn a_top_up_is_in_the_history(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(30).await;
    let buckets = at.limiter.buckets();
    for _ in 0..2 {
        let top_up = buckets.top_up("user", "api", [("tokens", 5)]);
        top_up.idempotency_key("k").by("billing").await.unwrap();
    }
    let events = at.history("user").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].action, AuditAction::BucketToppedUp);
    assert_eq!(events[0].principal.as_deref(), Some("billing"));
    let details = serde_json::Value::Object(events[0].details.clone());
    assert_eq!(details, json!({"amounts": {"tokens": 5}, "shards": 1}));
}

async fn a_limit_that_the_bucket_lacks_is_refused(at: Fixture) {
    at.store([hourly(100)]).await;
    at.charge(100).await;
    let both = [hourly(100), Limit::per_hour("requests", 10)];
    at.store(both).await;
    let buckets = at.limiter.buckets();
    let top_up = buckets.top_up("user", "api", [("requests", 1)]);
    let error = top_up.await.unwrap_err();
    let expected = LimitName::new("requests").unwrap();
    assert!(
        matches!(&error, Error::Invalid(Invalid::NotInBucket(name)) if *name == expected),
        "{error:?}"
    );
}

async fn amounts_are_checked(at: Fixture) {
    at.store([daily(100)]).await;
    let buckets = at.limiter.buckets();
    let most = 1_000_000_000_000_000;
    for rows in [
        vec![],
        vec![("tokens", 0)],
        vec![("tokens", most + 1)],
        vec![("tokens", u64::MAX)],
        vec![("tokens", 1), ("other", 0)],
    ] {
        let error = buckets.top_up("user", "api", rows).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(Invalid::TopUp)), "{error:?}");
    }
    let top_up = buckets.top_up("user", "api", [("tokens", most)]);
    assert_eq!(top_up.await.unwrap().amount("tokens"), most as i64);
    for key in ["", "a b", "ä", "#", &"x".repeat(65)] {
        let reset = buckets.reset("user", "api").idempotency_key(key);
        let error = reset.await.unwrap_err();
        assert!(
            matches!(error, Error::Invalid(Invalid::IdempotencyKey(_))),
            "{error:?}"
        );
    }
}

async fn a_disabled_bucket_is_not_created(at: Fixture) {
    let Some(table) = at.table() else {
        return;
    };
    at.store([daily(100)]).await;
    let own = ConfigScope::entity_resource("user", "api").unwrap();
    at.limiter.config().set(own, [daily(100)]).await.unwrap();
    let key = format!("{}/ENTITY#user", table.namespace().await);
    let client = table.engine.client();
    let update = client
        .update_item()
        .table_name("limits")
        .key("PK", aws_sdk_dynamodb::types::AttributeValue::S(key))
        .key(
            "SK",
            aws_sdk_dynamodb::types::AttributeValue::S("#CONFIG#api".into()),
        )
        .update_expression("SET disabled = :true")
        .expression_attribute_values(":true", aws_sdk_dynamodb::types::AttributeValue::Bool(true));
    update.send().await.unwrap();
    let buckets = at.limiter.buckets();
    let error = buckets
        .top_up("user", "api", [("tokens", 1)])
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Disabled(_)), "{error:?}");
}
