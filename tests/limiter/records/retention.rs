//! The time for which the history is kept.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{RateLimiter, clock::ManualClock, model::ConfigScope};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::fixture::{START, Table, rpm, settings};

const DAY: i64 = 86_400;

/// Stores the days as a Python client does when it creates its stack.
async fn store_days(table: &Table, days: &str) {
    let key = format!("{}/SYSTEM#", table.namespace().await);
    let client = table.engine.client();
    client
        .update_item()
        .table_name("limits")
        .key("PK", AttributeValue::S(key))
        .key("SK", AttributeValue::S("#CONFIG".into()))
        .update_expression("SET audit_retention_days = :days")
        .expression_attribute_values(":days", AttributeValue::N(days.into()))
        .send()
        .await
        .unwrap();
}

/// Changes the system's limits, and returns the days for which its events are kept.
async fn change(table: &Table, limiter: &RateLimiter, now: i64) -> Vec<i64> {
    let set = limiter.config();
    set.set(ConfigScope::system(), rpm(5)).await.unwrap();
    let prefix = format!("{}/AUDIT#$SYSTEM", table.namespace().await);
    let events = table.items(&prefix).await;
    let days = |ttl: &AttributeValue| {
        (ttl.as_n().unwrap().parse::<i64>().unwrap() - now / 1000).div_euclid(DAY)
    };
    let mut days: Vec<_> = events.iter().map(|event| days(&event["ttl"])).collect();
    days.sort_unstable();
    days
}

#[tokio::test]
async fn the_stored_days_are_obeyed_and_kept() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(&clock).await;
    store_days(&table, "30").await;
    assert_eq!(change(&table, &limiter, START).await, [30]);
    let system = limiter.config().get(&ConfigScope::system()).await.unwrap();
    assert_eq!(system.unwrap().audit_retention_days, Some(30));
    // They are read again when they are older than stored limits may be.
    store_days(&table, "10").await;
    assert_eq!(change(&table, &limiter, START).await, [30, 30]);
    clock.advance(Duration::from_secs(61));
    assert_eq!(change(&table, &limiter, START).await, [10, 30, 30]);
}

#[tokio::test]
async fn the_days_outlive_the_limits_of_the_system() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(&clock).await;
    let (config, system) = (limiter.config(), ConfigScope::system());
    store_days(&table, "30").await;
    assert_eq!(change(&table, &limiter, START).await, [30]);
    assert!(config.delete(&system).await.unwrap());
    let left = config.get(&system).await.unwrap().unwrap();
    assert_eq!((left.limits, left.audit_retention_days), (vec![], Some(30)));
    assert!(
        !config.delete(&system).await.unwrap(),
        "only the days are left"
    );
    assert_eq!(change(&table, &limiter, START).await, [30, 30, 30]);
}

#[tokio::test]
async fn without_stored_days_it_is_90_or_what_the_builder_says() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(&clock).await;
    assert_eq!(change(&table, &limiter, START).await, [90]);
    store_days(&table, "30").await;
    let week = Duration::from_secs(7 * 86_400);
    let limiter = table
        .limiter_with(settings(&clock).audit_retention(week))
        .await;
    let calls = table.proxy.count("BatchGetItem");
    assert_eq!(change(&table, &limiter, START).await, [7, 90]);
    assert_eq!(table.proxy.count("BatchGetItem"), calls);
}

/// An event that is kept for the usual time is better than none.
#[tokio::test]
async fn an_event_is_kept_if_the_stored_days_cannot_be_read() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(&clock).await;
    store_days(&table, "30").await;
    let refused = ErrorAnswer::access_denied("dynamodb:BatchGetItem");
    let fault = Fault::answer(refused).on("BatchGetItem");
    table.proxy.set_fault(fault);
    assert_eq!(change(&table, &limiter, START).await, [90]);
    table.proxy.clear_faults();
    assert_eq!(change(&table, &limiter, START).await, [30, 90]);
}
