//! Opening a stack: what is created, what is found, and what is refused.

mod environment;
mod version;

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeValue, BillingMode, KeySchemaElement, KeyType, ProjectionType, StreamViewType,
        TableDescription, TimeToLiveStatus,
    },
};
use tollgate::{
    Error, Limit, RateLimiter,
    error::{ErrorCategory, StackError},
    store::dynamodb::{CreateTable, JoinOnly, Provision, ProvisionFuture, Stack},
};
use tollgate_testkit::{ErrorAnswer, Fault, Proxy};

use crate::engine::TestEngine;

type Item = HashMap<String, AttributeValue>;

const STACK: &str = "rate-limits";

async fn describe(client: &Client, table: &str) -> TableDescription {
    client
        .describe_table()
        .table_name(table)
        .send()
        .await
        .unwrap()
        .table
        .unwrap()
}

/// Returns all registry items of a table.
async fn registry(client: &Client, table: &str) -> Vec<Item> {
    client
        .query()
        .table_name(table)
        .key_condition_expression("PK = :registry")
        .expression_attribute_values(":registry", AttributeValue::S("_/SYSTEM#".into()))
        .consistent_read(true)
        .send()
        .await
        .unwrap()
        .items
        .unwrap()
}

fn text<'a>(item: &'a Item, attribute: &str) -> &'a str {
    item.get(attribute)
        .unwrap_or_else(|| panic!("no {attribute}: {item:?}"))
        .as_s()
        .unwrap()
}

/// Returns the item without `attribute`, which must be a time in the format of the registry.
fn undated(mut item: Item, attribute: &str) -> Item {
    let date = item
        .remove(attribute)
        .unwrap_or_else(|| panic!("no {attribute}"));
    let date = date.as_s().unwrap();
    let form: String = date
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(form, "0000-00-00T00:00:00Z", "{date}");
    item
}

fn item<const N: usize>(attributes: [(&str, &str); N]) -> Item {
    attributes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
        .collect()
}

fn keys(schema: &[KeySchemaElement]) -> Vec<(&str, &KeyType)> {
    schema
        .iter()
        .map(|key| (key.attribute_name(), key.key_type()))
        .collect()
}

#[tokio::test]
async fn opening_creates_the_table() {
    let engine = TestEngine::start().await;
    let client = engine.client();
    RateLimiter::open()
        .stack(STACK)
        .client(client.clone())
        .await
        .unwrap();

    let table = describe(&client, STACK).await;
    assert_eq!(
        keys(table.key_schema()),
        [("PK", &KeyType::Hash), ("SK", &KeyType::Range)]
    );
    assert_eq!(
        table
            .billing_mode_summary()
            .and_then(|mode| mode.billing_mode()),
        Some(&BillingMode::PayPerRequest)
    );
    let stream = table.stream_specification().unwrap();
    assert_eq!(
        (stream.stream_enabled(), stream.stream_view_type()),
        (true, Some(&StreamViewType::NewAndOldImages))
    );
    assert!(table.local_secondary_indexes().is_empty());
    let mut indexes: Vec<_> = table
        .global_secondary_indexes()
        .iter()
        .map(|index| {
            let projection = index
                .projection()
                .and_then(|projection| projection.projection_type())
                .unwrap();
            (
                index.index_name().unwrap(),
                keys(index.key_schema()),
                projection,
            )
        })
        .collect();
    indexes.sort_by_key(|index| index.0);
    let index = |name, hash, range, projection| {
        (
            name,
            vec![(hash, &KeyType::Hash), (range, &KeyType::Range)],
            projection,
        )
    };
    assert_eq!(
        indexes,
        [
            index("GSI1", "GSI1PK", "GSI1SK", &ProjectionType::All),
            index("GSI2", "GSI2PK", "GSI2SK", &ProjectionType::KeysOnly),
            index("GSI3", "GSI3PK", "GSI3SK", &ProjectionType::KeysOnly),
            index("GSI4", "GSI4PK", "GSI4SK", &ProjectionType::KeysOnly),
        ]
    );

    let expiry = client
        .describe_time_to_live()
        .table_name(STACK)
        .send()
        .await
        .unwrap();
    let expiry = expiry.time_to_live_description.unwrap();
    assert_eq!(
        (expiry.time_to_live_status, expiry.attribute_name.as_deref()),
        (Some(TimeToLiveStatus::Enabled), Some("ttl"))
    );
}

#[tokio::test]
async fn opening_creates_the_reference_projection_and_no_stream_on_demand() {
    let engine = TestEngine::start().await;
    let client = engine.client();
    let provision = CreateTable::new()
        .with_reference_projection()
        .without_stream();
    let limiter = RateLimiter::open()
        .stack(STACK)
        .client(client.clone())
        .provision(provision)
        .await
        .unwrap();
    limiter
        .acquire("user-1", "api")
        .limits(Limit::per_minute("rpm", 5))
        .await
        .unwrap()
        .commit();

    let table = describe(&client, STACK).await;
    assert!(
        table
            .stream_specification()
            .is_none_or(|stream| !stream.stream_enabled())
    );
    let second = table
        .global_secondary_indexes()
        .iter()
        .find(|index| index.index_name() == Some("GSI2"))
        .unwrap();
    assert_eq!(
        second
            .projection()
            .and_then(|projection| projection.projection_type()),
        Some(&ProjectionType::All)
    );

    let namespace = registry(&client, STACK)
        .await
        .iter()
        .find_map(|item| item.get("namespace_id").cloned())
        .unwrap();
    let projected = client
        .query()
        .table_name(STACK)
        .index_name("GSI2")
        .key_condition_expression("GSI2PK = :resource")
        .expression_attribute_values(
            ":resource",
            AttributeValue::S(format!("{}/RESOURCE#api", namespace.as_s().unwrap())),
        )
        .send()
        .await
        .unwrap();
    assert_eq!(
        projected.items()[0].get("b_rpm_tk"),
        Some(&AttributeValue::N("4000".into()))
    );
}

#[tokio::test]
async fn opening_writes_the_version_and_both_namespace_records() {
    let engine = TestEngine::start().await;
    let client = engine.client();
    RateLimiter::open()
        .stack(STACK)
        .namespace("tenant-1")
        .client(client.clone())
        .await
        .unwrap();

    let items = registry(&client, STACK).await;
    let find = |prefix: &str| {
        let found: Vec<_> = items
            .iter()
            .filter(|item| text(item, "SK").starts_with(prefix))
            .collect();
        assert_eq!(found.len(), 1, "{prefix} {items:?}");
        found[0].clone()
    };
    assert_eq!(items.len(), 3, "{items:?}");

    let registry = [
        ("PK", "_/SYSTEM#"),
        ("GSI4PK", "_"),
        ("GSI4SK", "_/SYSTEM#"),
    ];
    let mut version = item(registry);
    version.extend(item([
        ("SK", "#VERSION"),
        ("schema_version", "0.10.0"),
        ("client_min_version", "0.0.0"),
        (
            "updated_by",
            concat!("tollgate:", env!("CARGO_PKG_VERSION")),
        ),
    ]));
    version.insert("lambda_version".into(), AttributeValue::Null(true));
    assert_eq!(undated(find("#VERSION"), "updated_at"), version);

    let by_name = find("#NAMESPACE#");
    let id = text(&by_name, "namespace_id").to_owned();
    assert!(id.len() == 11 && !id.starts_with('-'), "{id}");
    assert!(
        id.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "{id}"
    );
    let mut namespace = item(registry);
    namespace.extend(item([
        ("namespace_id", &id),
        ("namespace_name", "tenant-1"),
        ("status", "active"),
    ]));
    let sort_key = |key: &str| {
        let mut item = namespace.clone();
        item.insert("SK".into(), AttributeValue::S(key.into()));
        item
    };
    let by_id = find("#NSID#");
    assert_eq!(text(&by_name, "created_at"), text(&by_id, "created_at"));
    assert_eq!(
        undated(by_name, "created_at"),
        sort_key("#NAMESPACE#tenant-1")
    );
    assert_eq!(
        undated(by_id, "created_at"),
        sort_key(&format!("#NSID#{id}"))
    );
}

#[tokio::test]
async fn opening_again_finds_everything_with_two_reads() {
    let engine = TestEngine::start().await;
    let open = || RateLimiter::open().stack(STACK).namespace("tenant-1");
    open().client(engine.client()).await.unwrap();
    let before = registry(&engine.client(), STACK).await;

    let proxy = Proxy::start(engine.address()).await;
    open()
        .client(engine.through(&proxy))
        .provision(JoinOnly::new())
        .await
        .unwrap();
    assert_eq!(
        proxy.counts().into_iter().collect::<Vec<_>>(),
        [("GetItem".to_owned(), 2)]
    );
    assert_eq!(registry(&engine.client(), STACK).await, before);
}

#[tokio::test]
async fn opening_adds_another_namespace_to_the_table() {
    let engine = TestEngine::start().await;
    let open = |namespace: &'static str| {
        RateLimiter::open()
            .stack(STACK)
            .namespace(namespace)
            .client(engine.client())
    };
    let one = open("one").await.unwrap();
    let other = open("other").await.unwrap();
    assert_eq!(registry(&engine.client(), STACK).await.len(), 5);

    // The namespaces have separate buckets.
    let limit = Limit::per_minute("rpm", 1);
    one.acquire("user-1", "api")
        .limits(limit.clone())
        .await
        .unwrap()
        .commit();
    other
        .acquire("user-1", "api")
        .limits(limit)
        .await
        .unwrap()
        .commit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_openings_at_once_register_one_namespace() {
    let engine = Arc::new(TestEngine::start().await);
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (engine, start) = (engine.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                RateLimiter::open()
                    .stack(STACK)
                    .client(engine.client())
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut limiters = Vec::new();
    for task in tasks {
        limiters.push(task.await.unwrap());
    }
    assert_eq!(registry(&engine.client(), STACK).await.len(), 3);

    // The limiters share its buckets.
    let limit = Limit::per_day("rpd", 8);
    for limiter in &limiters {
        limiter
            .acquire("user-1", "api")
            .limits(limit.clone())
            .await
            .unwrap()
            .commit();
    }
    for limiter in &limiters {
        let error = limiter
            .acquire("user-1", "api")
            .limits(limit.clone())
            .await
            .unwrap_err();
        assert!(error.denied().is_some(), "{error}");
    }
}

#[tokio::test]
async fn registrations_that_cancel_each_other_are_repeated() {
    let engine = TestEngine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    let conflict = ErrorAnswer::transaction_canceled(["TransactionConflict", "None"]);
    proxy.set_fault(Fault::answer(conflict).on("TransactWriteItems").times(2));
    RateLimiter::open()
        .stack(STACK)
        .client(engine.through(&proxy))
        .await
        .unwrap();
    assert_eq!(registry(&engine.client(), STACK).await.len(), 3);
}

#[tokio::test]
async fn an_opening_that_only_joins_creates_nothing() {
    let engine = TestEngine::start().await;
    let error = RateLimiter::open()
        .stack(STACK)
        .client(engine.client())
        .provision(JoinOnly::new())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Stack(StackError::NotFound { table }) if table == STACK),
        "{error:?}"
    );
    assert_eq!(error.category(), ErrorCategory::Infrastructure);
    assert!(
        engine
            .client()
            .list_tables()
            .send()
            .await
            .unwrap()
            .table_names()
            .is_empty()
    );
}

/// A provisioner that reports success and creates nothing.
struct Idle;

impl Provision for Idle {
    fn provision<'a>(&'a self, _stack: &'a Stack) -> ProvisionFuture<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn a_table_that_is_not_there_after_provisioning_is_not_found() {
    let engine = TestEngine::start().await;
    let error = RateLimiter::open()
        .stack(STACK)
        .client(engine.client())
        .provision(Idle)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Stack(StackError::NotFound { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_names_of_a_stack_are_checked_before_anything_is_sent() {
    let engine = TestEngine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    let open = || RateLimiter::open().client(engine.through(&proxy));
    let errors = [
        open().stack("two words").await.unwrap_err(),
        open().namespace("a#b").await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.category(), ErrorCategory::Validation, "{error}");
    }
    assert!(proxy.counts().is_empty());
}

#[tokio::test]
async fn a_store_that_is_down_is_an_error() {
    let engine = TestEngine::start().await;
    engine.stop().await;
    let error = RateLimiter::open()
        .stack(STACK)
        .client(engine.client())
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Stack(StackError::Call { .. })),
        "{error:?}"
    );
    assert_eq!(error.category(), ErrorCategory::Infrastructure);
}
