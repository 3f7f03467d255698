//! Changes of configs in one call of the library, on a table.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use tollgate::{
    Error, Limit, RateLimiter,
    error::Invalid,
    model::{Access, ConfigChange, ConfigScope, StoredConfig},
};
use tollgate_ops::limits::{PlanOptions, plan};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::stage::{TABLE, Table, manifest};

fn of_api(entity: &str) -> ConfigScope {
    ConfigScope::entity_resource(entity, "api").unwrap()
}

fn limits(capacity: u64) -> StoredConfig {
    StoredConfig::new([Limit::per_minute("rpm", capacity)])
}

fn store(scope: ConfigScope, capacity: u64) -> ConfigChange {
    ConfigChange::new(scope, None, Some(limits(capacity)))
}

#[tokio::test]
async fn more_than_forty_changes_and_two_of_one_scope_are_refused() {
    let table = Table::new().await;
    for limiter in [table.limiter.clone(), RateLimiter::memory()] {
        let config = limiter.config();
        let changes = (0..=ConfigChange::MOST).map(|index| store(of_api(&format!("u-{index}")), 5));
        let changes: Vec<_> = changes.collect();
        let twice = [store(of_api("u-0"), 5), store(of_api("u-0"), 6)];
        for refused in [&changes[..], &twice] {
            let error = config.change(refused).await.unwrap_err();
            assert!(matches!(error, Error::Invalid(Invalid::Changes)), "{error}");
        }
        assert!(config.get(&of_api("u-0")).await.unwrap().is_none());
        assert!(config.change(&changes[1..]).await.unwrap());
    }
}

// The lists are tidied, and the buckets written, after the transaction.
#[tokio::test]
async fn an_error_after_the_configs_are_stored_says_that_they_are() {
    let table = Table::new().await;
    let config = table.opened.config();
    assert!(config.change(&[store(of_api("u-1"), 5)]).await.unwrap());
    let denied = || Fault::answer(ErrorAnswer::access_denied("any"));

    table.proxy.add_fault(denied().on("UpdateItem"));
    let deletion = ConfigChange::new(of_api("u-1"), Some(limits(5)), None);
    assert!(config.change(&[deletion]).await.unwrap());
    assert_eq!(config.get(&of_api("u-1")).await.unwrap(), None);
    table.proxy.clear_faults();

    // The first batch reads the configs, the second one the buckets.
    let pass = Fault::delay(Duration::ZERO).on("BatchGetItem");
    table.proxy.add_fault(pass.times(1));
    table.proxy.add_fault(denied().on("BatchGetItem"));
    let error = config.change(&[store(of_api("u-1"), 6)]).await.unwrap_err();
    table.proxy.clear_faults();
    assert!(matches!(error, Error::FanOut(_)), "{error}");
    let stored = config.get(&of_api("u-1")).await.unwrap();
    assert_eq!(stored, Some(limits(6)));
}

#[tokio::test]
async fn a_change_that_is_not_made_shuts_no_older_client_out() {
    let table = Table::new().await;
    let config = table.opened.config();
    assert!(config.change(&[store(of_api("u-1"), 5)]).await.unwrap());
    let writes = table.writes();
    let bypassed = limits(6).with_access(Access::Bypassed);
    let outdated = ConfigChange::new(of_api("u-1"), None, Some(bypassed));
    assert!(!config.change(&[outdated]).await.unwrap());
    assert_eq!(table.writes(), writes);
}

// Every deployment of a stack stores the days.
#[tokio::test]
async fn a_system_config_that_has_only_the_days_of_the_history_counts_as_none() {
    let table = Table::new().await;
    let namespace = table.limiter.location().unwrap().namespace_id;
    let client = table.engine.client();
    let update = client.update_item().table_name(TABLE);
    update
        .key("PK", S(format!("{namespace}/SYSTEM#")))
        .key("SK", S("#CONFIG".into()))
        .update_expression("SET audit_retention_days = :days, config_version = :one")
        .expression_attribute_values(":days", N("7".into()))
        .expression_attribute_values(":one", N("1".into()))
        .send()
        .await
        .unwrap();
    let (target, nothing) = (table.target().await, "{namespace: default}");
    let prune = PlanOptions::default().with_prune(true);
    let planned = plan(&target, &manifest(nothing), prune).await.unwrap();
    assert!(planned.is_empty() && planned.unmanaged.is_empty());

    let text =
        "{namespace: default, system: {on_unavailable: allow, limits: {rpm: {capacity: 5}}}}";
    assert_eq!(table.apply(text).await.created, 1);
    assert!(table.plan(text).await.is_empty());
    assert_eq!(table.apply(nothing).await.deleted, 1);
    let item = table.item("#CONFIG").await.unwrap();
    assert_eq!(item["audit_retention_days"], N("7".into()));
    assert!(!item.contains_key("on_unavailable"), "{item:?}");
    assert!(!item.keys().any(|name| name.starts_with("l_")), "{item:?}");
    let planned = plan(&target, &manifest(nothing), prune).await.unwrap();
    assert!(planned.is_empty() && planned.unmanaged.is_empty());
}
