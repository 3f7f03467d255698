//! Configs that no file declared stay, unless they are pruned.

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{Limit, model::ConfigScope};
use tollgate_ops::limits::{LimitsError, PlanOptions, apply, plan};

use super::stage::{TABLE, Table, manifest, options};

const FILE: &str = "{namespace: default, resources: {api: {limits: {rpm: {capacity: 5}}}}}";

async fn store_others(table: &Table) {
    let config = table.limiter.config();
    let limits = || [Limit::per_minute("rpm", 1)];
    config.set(ConfigScope::system(), limits()).await.unwrap();
    config
        .set(ConfigScope::resource("other").unwrap(), limits())
        .await
        .unwrap();
    config
        .set(ConfigScope::entity("user-1").unwrap(), limits())
        .await
        .unwrap();
    let scope = ConfigScope::entity_resource("user-1", "api").unwrap();
    config.set(scope, limits()).await.unwrap();
}

#[tokio::test]
async fn unmanaged_configs_are_listed_and_left_alone_unless_they_are_pruned() {
    let table = Table::new().await;
    store_others(&table).await;
    let planned = table.plan(FILE).await;
    assert_eq!(
        planned.unmanaged,
        [
            "(system defaults)",
            "resource: other",
            "entity: user-1/_default_",
            "entity: user-1/api"
        ]
    );
    let before = table.items().await;
    table.apply(FILE).await;
    let after = table.items().await;
    for (key, item) in before {
        if key.1.starts_with("#CONFIG") {
            assert_eq!(after.get(&key), Some(&item), "{key:?}");
        }
    }

    let target = table.target().await;
    let pruning = plan(
        &target,
        &manifest(FILE),
        PlanOptions::default().with_prune(true),
    )
    .await
    .unwrap();
    let words: Vec<_> = pruning.changes.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), 4, "{words:?}");
    assert!(pruning.changes.iter().all(|change| !change.managed));
    let applied = apply(&target, &pruning, &options(), |_| {}).await.unwrap();
    assert_eq!((applied.deleted, applied.unchanged), (4, 1));
    assert!(
        table
            .limiter
            .config()
            .get(&ConfigScope::system())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_config_that_is_stored_already_is_taken_over_or_adopted() {
    let table = Table::new().await;
    let limits = [Limit::per_minute("rpm", 4)];
    let scope = ConfigScope::resource("api").unwrap();
    table
        .limiter
        .config()
        .set(scope.clone(), limits)
        .await
        .unwrap();
    let planned = table.plan(FILE).await;
    assert_eq!(planned.changes[0].to_string(), "+ create resource: api");
    assert!(!planned.changes[0].managed);

    table
        .limiter
        .config()
        .set(scope, [Limit::per_minute("rpm", 5)])
        .await
        .unwrap();
    let planned = table.plan(FILE).await;
    assert_eq!(
        (
            planned.changes.len(),
            planned.adopted,
            planned.unmanaged.len()
        ),
        (0, 1, 0)
    );
    assert!(!planned.is_empty(), "the record is written");
    table.apply(FILE).await;
    assert!(table.plan(FILE).await.is_empty());
    let applied = table.apply("{namespace: default}").await;
    assert_eq!(applied.deleted, 1, "it was adopted");
}

// OPERATORS A11, 16: the reference replaces the item, which drops the days of the history.
#[tokio::test]
async fn foreign_attributes_and_the_days_of_the_history_stay() {
    let table = Table::new().await;
    table
        .apply("{namespace: default, system: {limits: {rpm: {capacity: 5}}}}")
        .await;
    let key = table
        .items()
        .await
        .into_keys()
        .find(|(_, range)| range == "#CONFIG")
        .unwrap();
    let client = table.engine.client();
    let update = client.update_item().table_name(TABLE);
    update
        .key("PK", AttributeValue::S(key.0))
        .key("SK", AttributeValue::S(key.1))
        .update_expression("SET audit_retention_days = :days, future = :days")
        .expression_attribute_values(":days", AttributeValue::N("7".into()))
        .send()
        .await
        .unwrap();
    let text = "{namespace: default, system: {limits: {rpm: {capacity: 6}}}}";
    assert_eq!(table.plan(text).await.changes[0].differences.len(), 2);
    table.apply(text).await;
    let item = table.item("#CONFIG").await.unwrap();
    for attribute in ["audit_retention_days", "future"] {
        assert_eq!(
            item[attribute],
            AttributeValue::N("7".into()),
            "{attribute}"
        );
    }
    assert_eq!(item["config_version"], AttributeValue::N("2".into()));
    assert!(table.plan(text).await.is_empty());
}

#[tokio::test]
async fn a_manifest_of_another_namespace_is_refused() {
    let table = Table::new().await;
    let error = table
        .try_apply("{namespace: other, system: {on_unavailable: allow}}")
        .await;
    assert!(
        matches!(error, Err(LimitsError::Namespace { .. })),
        "{error:?}"
    );
    assert_eq!(table.writes(), 0);
}
