//! A table with the keys `PK` and `SK`, and writes to it.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::update_item::{UpdateItemError, UpdateItemOutput},
    types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
        ScalarAttributeType, TimeToLiveSpecification,
    },
};
use tollgate_testkit::Engine;

pub(crate) const TABLE: &str = "limits";

pub(crate) async fn create(client: &Client) {
    let mut create = client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("PK", KeyType::Hash), ("SK", KeyType::Range)] {
        create = create
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(name)
                    .attribute_type(ScalarAttributeType::S)
                    .build()
                    .unwrap(),
            )
            .key_schema(
                KeySchemaElement::builder()
                    .attribute_name(name)
                    .key_type(kind)
                    .build()
                    .unwrap(),
            );
    }
    create.send().await.unwrap();
}

pub(crate) async fn enable_ttl(client: &Client) {
    client
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(
            TimeToLiveSpecification::builder()
                .enabled(true)
                .attribute_name("ttl")
                .build()
                .unwrap(),
        )
        .send()
        .await
        .unwrap();
}

pub(crate) async fn put(client: &Client, pk: &str, ttl: u64) {
    client
        .put_item()
        .table_name(TABLE)
        .item("PK", AttributeValue::S(pk.to_owned()))
        .item("SK", AttributeValue::S("#STATE".to_owned()))
        .item("ttl", AttributeValue::N(ttl.to_string()))
        .send()
        .await
        .unwrap();
}

/// Increments the attribute `n` of the item `pk`.
pub(crate) async fn add(
    client: &Client,
    pk: &str,
) -> Result<UpdateItemOutput, SdkError<UpdateItemError>> {
    client
        .update_item()
        .table_name(TABLE)
        .key("PK", AttributeValue::S(pk.to_owned()))
        .key("SK", AttributeValue::S("#STATE".to_owned()))
        .update_expression("ADD n :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await
}

/// Calls [`add`], which must fail because the connection is refused or closed without an answer.
pub(crate) async fn add_unanswered(client: &Client, pk: &str) {
    let outcome = add(client, pk).await;
    assert!(
        matches!(outcome, Err(SdkError::DispatchFailure(_))),
        "{outcome:?}"
    );
}

/// Returns the number of times that [`add`] was applied to the item `pk`.
pub(crate) async fn added(engine: &Engine, pk: &str) -> u64 {
    match engine.item(TABLE, pk, "#STATE").await {
        Some(item) => item["n"].as_n().unwrap().parse().unwrap(),
        None => 0,
    }
}
