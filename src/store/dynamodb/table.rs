//! The table's definition, and its creation.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::{
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::create_table::CreateTableError,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus, TimeToLiveSpecification,
    },
};

use super::{
    attributes::{EXPIRES_AT, INDEX_KEYS, PK, SK},
    failure::store_error,
    provision::CreateTable,
    stack::Stack,
};
use crate::{
    error::StackError,
    store::{StoreError, StoreErrorKind},
};

/// How long a new table may take to become active.
const ACTIVE_WITHIN: Duration = Duration::from_secs(120);

pub(super) async fn create(stack: &Stack, options: CreateTable) -> Result<(), StackError> {
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()
        .map_err(|error| build_failed(error, "describing the stream"))?;
    let result = stack
        .client()
        .create_table()
        .table_name(stack.table())
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema((PK, SK))?))
        .set_attribute_definitions(Some(attribute_definitions()?))
        .set_global_secondary_indexes(Some(indexes(options)?))
        .set_stream_specification(options.has_stream().then_some(stream))
        .send()
        .await;
    match result {
        Ok(_) => {}
        // Somebody else is faster.
        Err(SdkError::ServiceError(error)) if matches!(error.err(), CreateTableError::ResourceInUseException(_)) => {}
        Err(error) => return Err(call_failed("creating the table")(store_error(error))),
    }
    until_active(stack).await?;
    switch_expiry_on(stack).await
}

/// Asks again and again, more patiently each time: the SDK's own waiter asks every 20 seconds.
async fn until_active(stack: &Stack) -> Result<(), StackError> {
    const ACTION: &str = "waiting for the table";
    let begun = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let output = stack.client().describe_table().table_name(stack.table()).send().await;
        match output {
            Ok(output) if output.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) => {
                return Ok(());
            }
            Ok(_) => {}
            // Not visible everywhere yet.
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => {}
            Err(error) => return Err(call_failed(ACTION)(store_error(error))),
        }
        if begun.elapsed() > ACTIVE_WITHIN {
            let error = StoreError::new(StoreErrorKind::NotApplied, "it did not become active in time");
            return Err(call_failed(ACTION)(error));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

async fn switch_expiry_on(stack: &Stack) -> Result<(), StackError> {
    let specification = TimeToLiveSpecification::builder()
        .attribute_name(EXPIRES_AT)
        .enabled(true)
        .build()
        .map_err(|error| build_failed(error, "describing the time to live"))?;
    let result = stack
        .client()
        .update_time_to_live()
        .table_name(stack.table())
        .time_to_live_specification(specification)
        .send()
        .await;
    match result {
        Ok(_) => Ok(()),
        // On already, or being switched by somebody else.
        Err(SdkError::ServiceError(error))
            if matches!(error.err().code(), Some("ValidationException" | "ResourceInUseException")) =>
        {
            Ok(())
        }
        Err(error) => Err(call_failed("switching the time to live on")(store_error(error))),
    }
}

fn key_schema((hash, range): (&str, &str)) -> Result<Vec<KeySchemaElement>, StackError> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let schema = [element(hash, KeyType::Hash), element(range, KeyType::Range)].into_iter().collect();
    Result::<Vec<_>, _>::map_err(schema, |error| build_failed(error, "describing the keys"))
}

fn attribute_definitions() -> Result<Vec<AttributeDefinition>, StackError> {
    let names = [PK, SK].into_iter().chain(INDEX_KEYS.into_iter().flat_map(|(hash, range)| [hash, range]));
    names
        .map(|name| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build())
        .collect::<Result<_, _>>()
        .map_err(|error| build_failed(error, "describing the attributes"))
}

fn indexes(options: CreateTable) -> Result<Vec<GlobalSecondaryIndex>, StackError> {
    let index = |(number, keys): (usize, (&str, &str))| {
        let projection = match number {
            0 => ProjectionType::All,
            1 if options.projects_items() => ProjectionType::All,
            _ => ProjectionType::KeysOnly,
        };
        GlobalSecondaryIndex::builder()
            .index_name(format!("GSI{}", number + 1))
            .set_key_schema(Some(key_schema(keys)?))
            .projection(Projection::builder().projection_type(projection).build())
            .build()
            .map_err(|error| build_failed(error, "describing the indexes"))
    };
    INDEX_KEYS.into_iter().enumerate().map(index).collect()
}

fn build_failed(error: BuildError, action: &'static str) -> StackError {
    StackError::Call { action, source: StoreError::new(StoreErrorKind::NotApplied, error.to_string()) }
}

pub(super) fn call_failed(action: &'static str) -> impl FnOnce(StoreError) -> StackError {
    move |source| StackError::Call { action, source }
}
