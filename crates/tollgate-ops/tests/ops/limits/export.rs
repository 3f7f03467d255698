//! An export is a file that changes nothing.

use tollgate::{
    Limit,
    model::{ConfigScope, NamespaceName, StoredConfig},
};
use tollgate_ops::limits::{LimitsError, Manifest, export};

use super::{
    apply::EVERY_KEY,
    stage::{TABLE, Table, manifest},
};

async fn exported(table: &Table, managed_only: bool) -> Manifest {
    let namespace = NamespaceName::new("default").unwrap();
    export(&table.target().await, namespace, managed_only)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_export_plans_to_nothing() {
    let table = Table::new().await;
    for entry in manifest(EVERY_KEY).entries() {
        let config = table.limiter.config();
        config
            .set(entry.scope.clone(), entry.config.clone())
            .await
            .unwrap();
    }
    let text = exported(&table, false).await.to_yaml();
    assert_eq!(text, manifest(EVERY_KEY).to_yaml());
    assert_eq!(table.writes(), 0, "an export reads only");
    let planned = table.plan(&text).await;
    assert_eq!((planned.changes.len(), planned.adopted), (0, 5));

    let none = exported(&table, true).await;
    assert_eq!(none.entries(), []);
    table.apply(&text).await;
    assert_eq!(exported(&table, true).await.to_yaml(), text);
}

#[tokio::test]
async fn an_export_leaves_out_configs_that_say_nothing() {
    let table = Table::new().await;
    let config = table.limiter.config();
    let scope = ConfigScope::resource("api").unwrap();
    config.set(scope, StoredConfig::default()).await.unwrap();
    config
        .set(ConfigScope::system(), [Limit::per_minute("rpm", 1)])
        .await
        .unwrap();
    let text = exported(&table, false).await.to_yaml();
    assert_eq!(
        text,
        "namespace: default\nsystem:\n  limits:\n    rpm:\n      capacity: 1\n"
    );
}

// A Python client stores more limits in one config than a file may declare.
#[tokio::test]
async fn a_config_that_no_file_can_declare_is_refused_and_named() {
    let table = Table::new().await;
    let config = table.limiter.config();
    let limits = (0..16).map(|number| Limit::per_minute(format!("l{number}"), 5));
    let scope = ConfigScope::resource("api").unwrap();
    config.set(scope, limits.collect::<Vec<_>>()).await.unwrap();
    assert_eq!(exported(&table, false).await.entries().len(), 1);
    let stored = table.item("#CONFIG").await.unwrap();
    let update = table.engine.client().update_item().table_name(TABLE);
    let update = update
        .key("PK", stored["PK"].clone())
        .key("SK", stored["SK"].clone())
        .update_expression("SET l_more_cp = l_l0_cp, l_more_ra = l_l0_ra, l_more_rp = l_l0_rp");
    update.send().await.unwrap();
    let namespace = NamespaceName::new("default").unwrap();
    let error = export(&table.target().await, namespace, false)
        .await
        .unwrap_err();
    assert!(
        matches!(error, LimitsError::NotDeclarable { .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with("resource: api cannot be in a file of limits: 17 limits are too many"),
        "{error}"
    );
}
