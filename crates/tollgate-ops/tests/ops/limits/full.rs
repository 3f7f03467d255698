//! A full apply writes everything, and continues one that was interrupted.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use tollgate_ops::limits::{ApplyOptions, LimitsError, PlanOptions, apply, plan};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::stage::{Sorted, TABLE, Table, manifest, options};

const FILE: &str = "
namespace: default
system: {limits: {rpm: {capacity: 100}}}
resources: {api: {limits: {rpm: {capacity: 50, soft: true}}}}
entities: {user-1: {resources: {api: {disabled: false, limits: {rpm: {capacity: 10}}}}}}
";

fn full() -> PlanOptions {
    PlanOptions::default().with_full(true)
}

async fn acquire(table: &Table, entity: &str) {
    let acquire = table.limiter.acquire(entity, "api").cost("rpm", 1);
    acquire.await.unwrap().commit().await.unwrap();
}

/// Changes an item behind everybody's back.
async fn damage(table: &Table, item: &Sorted, expression: &str) {
    let client = table.engine.client();
    let update = client
        .update_item()
        .table_name(TABLE)
        .key("PK", item["PK"].clone())
        .key("SK", item["SK"].clone())
        .update_expression(expression);
    let update = if expression.contains(":value") {
        update.expression_attribute_values(":value", N("1000".into()))
    } else {
        update
    };
    update.send().await.unwrap();
}

// The configs are as declared, so an apply has nothing to do. The buckets, and the keys by which
// configs are listed, are not.
#[tokio::test]
async fn a_full_apply_repairs_what_no_config_shows() {
    let table = Table::new().await;
    table.apply(FILE).await;
    acquire(&table, "user-1").await;
    damage(
        &table,
        &table.item("#STATE").await.unwrap(),
        "SET b_rpm_cp = :value",
    )
    .await;
    let config = table.item("#CONFIG#api").await.unwrap();
    damage(&table, &config, "REMOVE GSI3PK, GSI3SK, config_version").await;
    assert!(table.plan(FILE).await.is_empty());

    let target = table.target().await;
    let planned = plan(&target, &manifest(FILE), full()).await.unwrap();
    assert!(planned.full && !planned.resumed);
    let words: Vec<_> = planned.changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "~ update (system defaults)",
            "~ update resource: api",
            "~ update entity: user-1/api",
        ]
    );
    assert!(
        planned
            .changes
            .iter()
            .all(|change| change.differences.is_empty())
    );
    let applied = apply(&target, &planned, &options(), |_| {}).await.unwrap();
    assert_eq!((applied.updated, applied.unchanged), (3, 0));

    let bucket = table.item("#STATE").await.unwrap();
    assert_eq!(bucket["b_rpm_cp"], N("10000".into()));
    let config = table.item("#CONFIG#api").await.unwrap();
    assert_eq!(config["GSI3SK"], S("user-1".into()));
    assert!(table.plan(FILE).await.is_empty());
}

#[tokio::test]
async fn an_interrupted_full_apply_is_resumed() {
    let table = Table::new().await;
    let mut text = "namespace: default\nentities:\n".to_owned();
    for index in 0..90 {
        text += &format!(
            "  user-{index}: {{resources: {{api: {{limits: {{rpm: {{capacity: 9}}}}}}}}}}\n"
        );
    }
    table.apply(&text).await;
    acquire(&table, "user-77").await;
    damage(
        &table,
        &table.item("#STATE").await.unwrap(),
        "SET b_rpm_cp = :value",
    )
    .await;

    let target = table.target().await;
    let planned = plan(&target, &manifest(&text), full()).await.unwrap();
    // All that is owed takes three transactions, and the first forty entities five. Then the
    // process dies.
    let transactions = "TransactWriteItems";
    table
        .proxy
        .add_fault(Fault::delay(Duration::ZERO).on(transactions).times(8));
    let dead = Fault::answer(ErrorAnswer::access_denied("any"));
    table.proxy.add_fault(dead.on(transactions));
    let error = apply(&target, &planned, &options(), |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(error, LimitsError::Midway { done: 40, .. }),
        "{error}"
    );
    table.proxy.clear_faults();
    tokio::time::sleep(Duration::from_millis(2)).await;

    let planned = plan(&target, &manifest(&text), full()).await.unwrap();
    assert!(!planned.full && planned.resumed);
    assert_eq!(planned.changes, []);
    // Three kinds of buckets for each entity that it did not come to.
    assert_eq!(planned.owed.len(), 3 * 50);
    let applied = apply(&target, &planned, &ApplyOptions::default(), |_| {}).await;
    assert_eq!(applied.unwrap().owed, []);
    let bucket = table.item("#STATE").await.unwrap();
    assert_eq!(bucket["b_rpm_cp"], N("9000".into()));
    let planned = plan(&target, &manifest(&text), full()).await.unwrap();
    assert!(planned.full && planned.owed.is_empty());
}

// Only a part of what is owed is recorded: to write that would not be all.
#[tokio::test]
async fn a_full_apply_that_dies_while_it_records_begins_from_the_start() {
    let table = Table::new().await;
    let mut text = "namespace: default\nentities:\n".to_owned();
    for index in 0..60 {
        text += &format!("  user-{index}: {{resources: {{api: {{disabled: false}}}}}}\n");
    }
    table.apply(&text).await;
    let target = table.target().await;
    let planned = plan(&target, &manifest(&text), full()).await.unwrap();
    // One of the two transactions passes.
    let transactions = "TransactWriteItems";
    let pass = Fault::delay(Duration::ZERO).on(transactions);
    table.proxy.add_fault(pass.times(1));
    let dead = Fault::answer(ErrorAnswer::access_denied("any"));
    table.proxy.add_fault(dead.on(transactions));
    let applied = apply(&target, &planned, &options(), |_| {}).await;
    assert!(matches!(
        applied,
        Err(LimitsError::Midway {
            done: 0,
            of: 60,
            ..
        })
    ));
    table.proxy.clear_faults();
    tokio::time::sleep(Duration::from_millis(2)).await;

    let planned = plan(&target, &manifest(&text), full()).await.unwrap();
    assert!(planned.full && !planned.resumed);
    assert_eq!((planned.owed.len(), planned.changes.len()), (100, 60));
    let applied = apply(&target, &planned, &options(), |_| {}).await.unwrap();
    assert_eq!((applied.updated, applied.owed.len()), (60, 0));
    assert!(table.plan(&text).await.is_empty());
}
