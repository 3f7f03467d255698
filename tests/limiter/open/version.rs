//! The version record: which tables this crate works with, and when it writes the record.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use tollgate::{
    Error, RateLimiter,
    error::{ErrorCategory, StackError},
    store::dynamodb::JoinOnly,
};

use super::{STACK, item, registry, text};
use crate::engine::TestEngine;

/// Changes the version record; `None` removes the attribute.
async fn set_version(client: &Client, attribute: &str, value: Option<AttributeValue>) {
    let records = registry(client, STACK).await;
    let mut version = records
        .into_iter()
        .find(|item| text(item, "SK") == "#VERSION")
        .unwrap();
    match value {
        Some(value) => version.insert(attribute.into(), value),
        None => version.remove(attribute),
    };
    client
        .put_item()
        .table_name(STACK)
        .set_item(Some(version))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn this_crate_counts_as_the_python_client_whose_items_it_understands() {
    let engine = TestEngine::start().await;
    let client = engine.client();
    let open = || RateLimiter::open().stack(STACK).client(client.clone());
    open().await.unwrap();
    let string = |text: &str| Some(AttributeValue::S(text.into()));
    for (required, accepted) in [
        (None, true),
        (string("0.16.0"), true),
        (string("0.17.0"), true),
        (string("0.17.1"), false),
        (string("0.18.0rc1"), false),
        (string("soon"), false),
        (Some(AttributeValue::N("17".into())), false),
    ] {
        set_version(&client, "client_min_version", required.clone()).await;
        match open().await {
            Ok(_) => assert!(accepted, "{required:?}"),
            Err(error) => {
                assert!(!accepted, "{required:?}: {error}");
                assert_eq!(error.category(), ErrorCategory::Version);
                let message = error.to_string();
                assert!(
                    message.contains("0.17.0") && message.contains(STACK),
                    "{message}"
                );
                let is_version = required
                    .as_ref()
                    .unwrap()
                    .as_s()
                    .is_ok_and(|text| text.starts_with('0'));
                let found = match error {
                    Error::Stack(StackError::ClientTooOld { required, .. }) if is_version => {
                        required
                    }
                    Error::Stack(StackError::InvalidVersion {
                        attribute: "client_min_version",
                        found,
                        ..
                    }) if !is_version => found,
                    other => panic!("{other:?}"),
                };
                assert!(message.contains(&found), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn a_version_record_without_a_schema_is_refused_and_functions_do_not_matter() {
    let engine = TestEngine::start().await;
    let client = engine.client();
    let open = || RateLimiter::open().stack(STACK).client(client.clone());
    open().await.unwrap();
    for functions in ["0.17.0", "0.1.0", "garbage"] {
        set_version(
            &client,
            "lambda_version",
            Some(AttributeValue::S(functions.into())),
        )
        .await;
        open().await.unwrap();
    }
    set_version(&client, "schema_version", None).await;
    let error = open().await.unwrap_err();
    let is_named = matches!(
        &error,
        Error::Stack(StackError::InvalidVersion { attribute: "schema_version", found, .. }) if found.is_empty()
    );
    assert!(is_named, "{error:?}");
}

#[tokio::test]
async fn a_missing_version_record_is_written_unless_the_opening_only_joins() {
    let engine = TestEngine::start().await;
    let client = engine.client();
    let open = || RateLimiter::open().stack(STACK).client(client.clone());
    open().await.unwrap();
    let before = registry(&client, STACK).await;
    let key = item([("PK", "_/SYSTEM#"), ("SK", "#VERSION")]);
    client
        .delete_item()
        .table_name(STACK)
        .set_key(Some(key))
        .send()
        .await
        .unwrap();
    open().provision(JoinOnly::new()).await.unwrap();
    assert_eq!(registry(&client, STACK).await.len(), before.len() - 1);
    open().await.unwrap();
    assert_eq!(registry(&client, STACK).await.len(), before.len());
}

#[tokio::test]
async fn an_unknown_schema_is_refused_and_both_versions_are_named() {
    let engine = TestEngine::start().await;
    let client = engine.client();
    let open = || RateLimiter::open().stack(STACK).client(client.clone());
    open().await.unwrap();
    for (found, known) in [
        ("1.0.0", false),
        ("0.11.0", false),
        ("0.9.7", true),
        ("0.10.3", true),
        ("ten", false),
    ] {
        set_version(
            &client,
            "schema_version",
            Some(AttributeValue::S(found.into())),
        )
        .await;
        match open().await {
            Ok(_) => assert!(known, "{found}"),
            Err(error) => {
                assert!(!known, "{found}: {error}");
                assert_eq!(error.category(), ErrorCategory::Version);
                let message = error.to_string();
                assert!(
                    message.contains(found)
                        && message.contains("0.10.0")
                        && message.contains(STACK),
                    "{message}"
                );
            }
        }
    }
}
