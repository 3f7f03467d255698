//! Resets.

use serde_json::json;
use tollgate::{
    Error, Limit,
    error::Invalid,
    model::{AuditAction, BucketOperation, ConfigScope},
};

use super::fixture::{DAY, Fixture, HOUR, amounts, daily, hourly, on_every_limiter, session, take};

on_every_limiter!(
    a_reset_fills_a_token_bucket,
    a_reset_forgives_a_debt,
    a_reset_begins_a_day_anew,
    a_reset_ends_a_session,
    a_reset_names_some_limits,
    a_reset_of_a_bucket_that_does_not_exist_does_nothing,
    a_reset_after_an_edge_counts_the_new_day,
    a_lease_of_before_gives_nothing_back_after_a_reset,
    a_lease_of_before_takes_after_a_reset,
    a_reset_fills_all_shards,
    another_process_grants_at_once_after_a_reset,
    a_reset_is_in_the_history,
    limits_that_are_not_stored_are_reset,
    an_unknown_limit_is_refused,
    a_bucket_outlives_its_reset,
);

async fn a_reset_fills_a_token_bucket(at: Fixture) {
    at.store([hourly(100)]).await;
    at.charge(100).await;
    at.advance(HOUR / 10);
    assert_eq!(at.left().await, 10);
    assert_eq!(at.reset().await, 90);
    assert_eq!(at.left().await, 100);
    // Both a reset and the next charge move the refill time, by a millisecond at least.
    at.advance(1);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
    at.advance(HOUR / 10);
    at.charge(10).await;
    assert!(at.take(1).await.is_err());
    assert_eq!(at.reset().await, 100);
    at.charge(100).await;
    assert_eq!(at.left().await, 0);
}

async fn a_reset_forgives_a_debt(at: Fixture) {
    at.store([hourly(100)]).await;
    let mut lease = at.take(10).await.unwrap();
    lease.settle("tokens", 500).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(at.left().await, -400);
    assert_eq!(at.reset().await, 500);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_reset_begins_a_day_anew(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(70).await;
    assert_eq!(at.reset().await, 70);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
    assert_eq!(at.reset().await, 100);
    assert_eq!(at.left().await, 100);
    at.charge(1).await;
    // The period still ends at midnight.
    at.advance(DAY);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_reset_ends_a_session(at: Fixture) {
    at.store([session(100)]).await;
    at.charge(70).await;
    at.advance(4 * HOUR);
    assert_eq!(at.reset().await, 70);
    assert_eq!(at.left().await, 100);
    at.advance(HOUR);
    at.charge(100).await;
    // The session has begun with the charge.
    at.advance(5 * HOUR - 1);
    assert!(at.take(1).await.is_err());
    at.advance(1);
    at.charge(100).await;
}

async fn a_reset_names_some_limits(at: Fixture) {
    at.store([hourly(100), Limit::per_hour("requests", 10)])
        .await;
    at.charge(100).await;
    let reset = at.limiter.buckets().reset("user", "api");
    let reset = reset.limits(["requests"]).await.unwrap();
    assert_eq!(reset.amounts, amounts(&[("requests", 1)]));
    assert!(at.take(1).await.is_err());
    let reset = at.limiter.buckets().reset("user", "api").await.unwrap();
    assert_eq!(reset.amounts, amounts(&[("requests", 0), ("tokens", 100)]));
    assert_eq!(reset.shards, 1);
    at.charge(100).await;
}

async fn a_reset_of_a_bucket_that_does_not_exist_does_nothing(at: Fixture) {
    at.store([hourly(100)]).await;
    let reset = at.limiter.buckets().reset("user", "api").await.unwrap();
    assert_eq!((reset.shards, reset.amount("tokens")), (0, 0));
    assert_eq!(at.history("user").await, []);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_reset_after_an_edge_counts_the_new_day(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(70).await;
    at.advance(DAY);
    assert_eq!(at.reset().await, 0);
    at.charge(100).await;
    assert!(at.take(1).await.is_err());
}

async fn a_lease_of_before_gives_nothing_back_after_a_reset(at: Fixture) {
    for limit in [daily(100), session(100)] {
        at.limiter
            .entities()
            .delete(&tollgate::EntityId::new("user").unwrap())
            .await
            .unwrap();
        at.store([limit]).await;
        let before = at.take(60).await.unwrap();
        at.reset().await;
        at.charge(50).await;
        before.rollback().await.unwrap();
        assert_eq!(at.left().await, 50);
        at.charge(50).await;
        assert!(at.take(1).await.is_err());
        at.reset().await;
    }
}

async fn a_lease_of_before_takes_after_a_reset(at: Fixture) {
    for limit in [daily(100), hourly(100)] {
        at.limiter
            .entities()
            .delete(&tollgate::EntityId::new("user").unwrap())
            .await
            .unwrap();
        at.store([limit]).await;
        let mut before = at.take(60).await.unwrap();
        at.reset().await;
        before.settle("tokens", 90).unwrap();
        before.commit().await.unwrap();
        assert_eq!(at.left().await, 70);
    }
}

async fn a_reset_fills_all_shards(at: Fixture) {
    at.store([hourly(101)]).await;
    at.charge(101).await;
    if !at.split(1).await || !at.split(2).await {
        return;
    }
    let reset = at.limiter.buckets().reset("user", "api").await.unwrap();
    assert_eq!((reset.shards, reset.amount("tokens")), (4, 101));
    assert_eq!(at.left().await, 101);
    at.charge(101).await;
    assert!(at.take(1).await.is_err());
    assert_eq!(at.reset().await, 101);
    let mut granted = 0;
    while at.take(1).await.is_ok_and(|lease| {
        lease.commit();
        true
    }) {
        granted += 1;
        at.limiter.flush().await;
    }
    assert_eq!(granted, 101);
}

async fn another_process_grants_at_once_after_a_reset(at: Fixture) {
    for limit in [daily(100), session(100), hourly(100)] {
        at.store([limit]).await;
        at.limiter.config().invalidate();
        let other = at.another().await;
        at.charge(100).await;
        assert!(take(&other, 1).await.is_err());
        assert_eq!(at.reset().await, 100);
        take(&other, 60).await.unwrap().commit().await.unwrap();
        at.charge(40).await;
        assert!(take(&other, 1).await.is_err());
        assert!(at.take(1).await.is_err());
        at.limiter
            .entities()
            .delete(&tollgate::EntityId::new("user").unwrap())
            .await
            .unwrap();
    }
}

async fn a_reset_is_in_the_history(at: Fixture) {
    at.store([hourly(100)]).await;
    at.charge(30).await;
    let reset = at.limiter.buckets().reset("user", "api");
    reset.by("support").await.unwrap();
    let events = at.history("user").await;
    let event = &events[0];
    assert_eq!(events.len(), 1);
    assert_eq!(event.action, AuditAction::BucketReset);
    assert_eq!(event.principal.as_deref(), Some("support"));
    assert_eq!(event.resource.as_deref(), Some("api"));
    let details = serde_json::Value::Object(event.details.clone());
    assert_eq!(details, json!({"amounts": {"tokens": 30}, "shards": 1}));
}

async fn limits_that_are_not_stored_are_reset(at: Fixture) {
    let acquire = || {
        let acquire = at.limiter.acquire("user", "api").limits(daily(100));
        acquire.cost("tokens", 100)
    };
    acquire().await.unwrap().commit().await.unwrap();
    assert!(acquire().await.is_err());
    let reset = at.limiter.buckets().reset("user", "api").await.unwrap();
    assert_eq!(reset.amount("tokens"), 100);
    acquire().await.unwrap().commit().await.unwrap();
}

async fn an_unknown_limit_is_refused(at: Fixture) {
    at.store([hourly(100)]).await;
    at.charge(100).await;
    let reset = at.limiter.buckets().reset("user", "api").limits(["other"]);
    let error = reset.await.unwrap_err();
    let unknown = |error: &Error| matches!(error, Error::Invalid(Invalid::UnknownLimit(name)) if name == "other");
    assert!(unknown(&error), "{error:?}");
    let top_up = at.limiter.buckets().top_up("user", "api", [("other", 1)]);
    let error = top_up.await.unwrap_err();
    assert!(unknown(&error), "{error:?}");
    assert!(at.take(1).await.is_err());
    let reset = at.limiter.buckets().reset("user", "not#valid").await;
    assert!(matches!(reset, Err(Error::Invalid(Invalid::Name(_)))));
}

/// A reset must not shorten the time to live, and must not give one to a bucket of own limits.
async fn a_bucket_outlives_its_reset(at: Fixture) {
    at.store([hourly(100)]).await;
    let own = ConfigScope::entity("user").unwrap();
    at.limiter.config().set(own, [hourly(50)]).await.unwrap();
    at.charge(50).await;
    let reset: BucketOperation = at.limiter.buckets().reset("user", "api").await.unwrap();
    assert_eq!(reset.amount("tokens"), 50);
    if let Some(table) = at.table() {
        let key = format!("{}/BUCKET#user#api#0", table.namespace().await);
        let item = table.engine.item("limits", &key, "#STATE").await.unwrap();
        assert_eq!(item.get("ttl"), None);
    }
}
