//! An apply to a table whose functions are too old.

use aws_sdk_dynamodb::types::AttributeValue::{self, Null, S};

use super::stage::{TABLE, Table};

/// Stores the version of the table's functions.
async fn deploy(table: &Table, version: AttributeValue) {
    let client = table.engine.client();
    let update = client
        .update_item()
        .table_name(TABLE)
        .key("PK", S("_/SYSTEM#".into()))
        .key("SK", S("#VERSION".into()))
        .update_expression("SET lambda_version = :version")
        .expression_attribute_values(":version", version);
    update.send().await.unwrap();
}

/// The config that needs newer functions comes last: all others would be written before it.
fn with(config: &str) -> String {
    format!(
        "namespace: default
system: {{limits: {{rpm: {{capacity: 5}}}}}}
resources: {{a: {{limits: {{rpm: {{capacity: 5}}}}}}, b: {{{config}}}}}
"
    )
}

#[tokio::test]
async fn functions_that_are_too_old_are_told_before_the_first_write() {
    for (config, deployed, feature) in [
        (
            "limits: {s: {capacity: 5, reset_after_seconds: 60}}",
            "0.14.0",
            "sessions need 0.15.0",
        ),
        (
            "cascade: false",
            "0.15.0",
            "cascade rules of configs need 0.16.0",
        ),
        ("disabled: bypass", "0.16.9", "bypasses need 0.17.0"),
        (
            "limits: {s: {capacity: 5, soft: true}}",
            "0.16.9",
            "soft limits need 0.17.0",
        ),
    ] {
        let table = Table::new().await;
        deploy(&table, S(deployed.into())).await;
        let error = table.try_apply(&with(config)).await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains(feature), "{error}");
        assert!(error.contains(deployed), "{error}");
        assert_eq!(table.writes(), 0, "{feature}");

        deploy(&table, Null(true)).await;
        assert_eq!(table.apply(&with(config)).await.created, 3);
    }
}

#[tokio::test]
async fn old_functions_do_not_hinder_what_they_understand() {
    let table = Table::new().await;
    deploy(&table, S("0.10.0".into())).await;
    let manifest = with("limits: {rpm: {capacity: 6}}");
    assert_eq!(table.apply(&manifest).await.created, 3);
}
