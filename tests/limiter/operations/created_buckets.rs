//! The bucket that a top-up creates has the stamps and the time to live of a bucket that a request
//! creates.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    EntityId, Limit,
    model::{ConfigScope, Entity},
};

use super::fixture::{Fixture, HOUR, START, daily, session};

type Item = HashMap<String, AttributeValue>;

/// Stamps end 80 to 100 % of a minute after the configs were read.
const STAMPED: std::ops::RangeInclusive<i64> = START + 48_000..=START + 60_000;

fn number(item: &Item, name: &str) -> Option<i64> {
    Some(item.get(name)?.as_n().unwrap().parse().unwrap())
}

/// Creates the bucket of one entity by a request, and that of another one by a top-up.
async fn created(at: &Fixture, by_request: &str, by_top_up: &str) -> [Item; 2] {
    let lease = at.limiter.acquire(by_request, "api").await.unwrap();
    lease.commit().await.unwrap();
    let buckets = at.limiter.buckets();
    let top_up = buckets.top_up(by_top_up, "api", [("tokens", 50)]);
    assert_eq!(top_up.await.unwrap().shards, 1);
    let table = at.table().unwrap();
    let namespace = table.namespace().await;
    let mut items = Vec::new();
    for entity in [by_request, by_top_up] {
        let key = format!("{namespace}/BUCKET#{entity}#api#0");
        items.push(table.engine.item("limits", &key, "#STATE").await.unwrap());
    }
    items.try_into().unwrap()
}

#[tokio::test]
async fn a_top_up_stamps_the_bucket_that_it_creates() {
    let at = Fixture::dynamodb().await;
    at.store([daily(100).soft()]).await;
    let config = at.limiter.config();
    let api = ConfigScope::resource("api").unwrap();
    config.bypass(&api).await.unwrap();
    for item in created(&at, "alice", "bob").await {
        for stamp in ["bypass", "b_tokens_soft"] {
            let end = number(&item, stamp).unwrap();
            assert!(STAMPED.contains(&end), "{stamp}: {}", end - START);
        }
    }
    // The stamps end, and so does the stored bypass: only the soft limit is renewed.
    config.clear_access(&api).await.unwrap();
    at.advance(HOUR);
    let acquire = at.limiter.acquire("bob", "api").cost("tokens", 160);
    let lease = acquire.await.unwrap();
    assert!(!lease.is_bypassed() && lease.is_overdrawn());
}

#[tokio::test]
async fn a_bucket_without_stored_flags_is_created_without_stamps() {
    let at = Fixture::dynamodb().await;
    at.store([daily(100)]).await;
    for item in created(&at, "alice", "bob").await {
        assert_eq!(number(&item, "bypass"), None);
        assert_eq!(number(&item, "b_tokens_soft"), None);
        assert!(!item.contains_key("disabled"), "{item:?}");
    }
}

#[tokio::test]
async fn a_bucket_that_a_top_up_creates_lives_as_long_as_another() {
    for limit in [daily(100), session(100)] {
        let at = Fixture::dynamodb().await;
        at.store([limit, Limit::per_hour("requests", 10)]).await;
        let [by_request, by_top_up] = created(&at, "alice", "bob").await;
        let end = number(&by_request, "ttl").unwrap();
        assert!(end > START / 1000, "{end}");
        assert_eq!(number(&by_top_up, "ttl"), Some(end));
    }
}

#[tokio::test]
async fn a_top_up_for_an_entity_with_limits_of_its_own_creates_a_bucket_that_stays() {
    let at = Fixture::dynamodb().await;
    for entity in ["alice", "bob"] {
        let scope = ConfigScope::entity(entity).unwrap();
        at.limiter.config().set(scope, daily(100)).await.unwrap();
    }
    for item in created(&at, "alice", "bob").await {
        assert_eq!(number(&item, "ttl"), None);
    }
}

#[tokio::test]
async fn a_bucket_that_a_top_up_creates_names_the_parent() {
    let at = Fixture::dynamodb().await;
    at.store([daily(100)]).await;
    for child in ["alice", "bob"] {
        let child = Entity::new(EntityId::new(child).unwrap()).cascading();
        let child = child.with_parent(EntityId::new("project").unwrap());
        at.limiter.entities().create(child).await.unwrap();
    }
    for item in created(&at, "alice", "bob").await {
        assert_eq!(item["parent_id"].as_s().unwrap(), "project");
        assert!(item["cascade"].as_bool().unwrap());
        assert!(number(&item, "pgen").is_some() && item.contains_key("pinc"));
    }
}
