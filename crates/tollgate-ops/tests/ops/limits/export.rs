//! An export is a file that changes nothing.

use tollgate::{
    Limit,
    model::{ConfigScope, NamespaceName, StoredConfig},
};
use tollgate_ops::limits::{Manifest, export};

use super::{
    apply::EVERY_KEY,
    stage::{Table, manifest},
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
