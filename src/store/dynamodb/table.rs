//! Defines and creates the table.
#![allow(
    clippy::disallowed_methods,
    reason = "no owner yet: the time left until a deadline"
)]

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::create_table::CreateTableError,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ProvisionedThroughput, ScalarAttributeType,
        StreamSpecification, StreamViewType, TableStatus, TimeToLiveSpecification,
    },
};

use tokio::time::Instant;

use super::{
    attributes::{EXPIRES_AT, INDEX_KEYS, PK, SK},
    failure::store_error,
    recovery,
    stack::Stack,
    stack_call::{build_failed, call_failed, in_time},
};
use crate::{error::StackError, telemetry};

/// The properties in which tables differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Design {
    /// `true` if the second index contains whole items.
    pub(super) projects_items: bool,
    pub(super) has_stream: bool,
    /// `true` if the table cannot be deleted before the protection is taken off.
    pub(super) is_protected: bool,
    /// `true` if the table can be restored to a point in time.
    pub(super) is_recoverable: bool,
    /// Read and write units of the table and of each index; `None` to pay for each request.
    pub(super) throughput: Option<(i64, i64)>,
}

/// The longest wait until a new table is usable, including the deletion of an old one.
const USABLE_WITHIN: Duration = Duration::from_secs(120);

/// Creates the table and waits until it is usable. If an old table is being deleted, it is created
/// again afterwards.
pub(super) async fn create(stack: &Stack, design: Design) -> Result<(), StackError> {
    let waiting = TableWait {
        stack,
        begun: Instant::now(),
    };
    loop {
        let ours = try_create(stack, design).await?;
        if waiting.until_usable(ours).await? {
            switch_expiry_on(stack).await?;
            if design.is_recoverable {
                recovery::switch_on(stack, waiting.begun + USABLE_WITHIN).await?;
            }
            return Ok(());
        }
    }
}

/// Sends the create call. Returns `false` if the table exists in any state.
async fn try_create(stack: &Stack, design: Design) -> Result<bool, StackError> {
    const ACTION: &str = "creating the table";
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()
        .map_err(|error| build_failed(error, "describing the stream"))?;
    let call = stack
        .client()
        .create_table()
        .table_name(stack.table())
        .billing_mode(match design.throughput {
            Some(_) => BillingMode::Provisioned,
            None => BillingMode::PayPerRequest,
        })
        .set_provisioned_throughput(throughput(design)?)
        .set_deletion_protection_enabled(design.is_protected.then_some(true))
        .set_key_schema(Some(key_schema((PK, SK))?))
        .set_attribute_definitions(Some(attribute_definitions()?))
        .set_global_secondary_indexes(Some(indexes(design)?))
        .set_stream_specification(design.has_stream.then_some(stream))
        .send();
    match in_time(stack, ACTION, call).await? {
        Ok(_) => Ok(true),
        // Another process was faster, or the table is being deleted.
        Err(error)
            if error
                .as_service_error()
                .is_some_and(CreateTableError::is_resource_in_use_exception) =>
        {
            Ok(false)
        }
        Err(error) => Err(call_failed(ACTION)(store_error(error))),
    }
}

/// Waits for a table that is not ready.
struct TableWait<'a> {
    stack: &'a Stack,
    begun: Instant,
}

impl TableWait<'_> {
    /// Polls the table until it is usable, with growing pauses. (The SDK's own waiter polls every
    /// 20 seconds.) Returns `false` if the table is gone. `ours` means that this process has just
    /// created it: it may not be visible yet.
    async fn until_usable(&self, ours: bool) -> Result<bool, StackError> {
        const ACTION: &str = "describing the table";
        let (table, mut pause) = (self.stack.table(), Duration::from_millis(100));
        let mut last = "unknown".to_owned();
        loop {
            let call = self
                .stack
                .client()
                .describe_table()
                .table_name(table)
                .send();
            let status = match in_time(self.stack, ACTION, call).await? {
                Ok(output) => output.table.and_then(|table| table.table_status),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|error| error.is_resource_not_found_exception()) =>
                {
                    if !ours || last == TableStatus::Deleting.as_str() {
                        return Ok(false);
                    }
                    None
                }
                Err(error) => return Err(call_failed(ACTION)(store_error(error))),
            };
            let name = status.as_ref().map_or("not there yet", TableStatus::as_str);
            let unready = |status: &str| StackError::NotReady {
                table: table.to_owned(),
                status: status.to_owned(),
                waited: self.begun.elapsed(),
            };
            match &status {
                // A table that is being updated can be used.
                Some(TableStatus::Active | TableStatus::Updating) => return Ok(true),
                None | Some(TableStatus::Creating | TableStatus::Deleting) => {}
                // These states do not change by themselves.
                Some(_) => return Err(unready(name)),
            }
            if name != last {
                telemetry::table_not_ready(table, name);
                name.clone_into(&mut last);
            }
            if self.begun.elapsed() > USABLE_WITHIN {
                return Err(unready(name));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

async fn switch_expiry_on(stack: &Stack) -> Result<(), StackError> {
    let specification = TimeToLiveSpecification::builder()
        .attribute_name(EXPIRES_AT)
        .enabled(true)
        .build()
        .map_err(|error| build_failed(error, "describing the time to live"))?;
    const ACTION: &str = "switching the time to live on";
    let call = stack
        .client()
        .update_time_to_live()
        .table_name(stack.table())
        .time_to_live_specification(specification)
        .send();
    match in_time(stack, ACTION, call).await? {
        Ok(_) => Ok(()),
        // Time to live is already enabled, or another process is enabling it.
        Err(SdkError::ServiceError(error))
            if matches!(
                error.err().code(),
                Some("ValidationException" | "ResourceInUseException")
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(call_failed(ACTION)(store_error(error))),
    }
}

fn key_schema((hash, range): (&str, &str)) -> Result<Vec<KeySchemaElement>, StackError> {
    let element = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    let schema = [element(hash, KeyType::Hash), element(range, KeyType::Range)]
        .into_iter()
        .collect();
    Result::<Vec<_>, _>::map_err(schema, |error| build_failed(error, "describing the keys"))
}

fn attribute_definitions() -> Result<Vec<AttributeDefinition>, StackError> {
    let names = [PK, SK].into_iter().chain(
        INDEX_KEYS
            .into_iter()
            .flat_map(|(hash, range)| [hash, range]),
    );
    names
        .map(|name| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
        })
        .collect::<Result<_, _>>()
        .map_err(|error| build_failed(error, "describing the attributes"))
}

fn indexes(design: Design) -> Result<Vec<GlobalSecondaryIndex>, StackError> {
    let index = |(number, keys): (usize, (&str, &str))| {
        let projection = match number {
            0 => ProjectionType::All,
            1 if design.projects_items => ProjectionType::All,
            _ => ProjectionType::KeysOnly,
        };
        GlobalSecondaryIndex::builder()
            .index_name(format!("GSI{}", number + 1))
            .set_key_schema(Some(key_schema(keys)?))
            .projection(Projection::builder().projection_type(projection).build())
            .set_provisioned_throughput(throughput(design)?)
            .build()
            .map_err(|error| build_failed(error, "describing the indexes"))
    };
    INDEX_KEYS.into_iter().enumerate().map(index).collect()
}

/// Returns the units of the table or of an index, if they are provisioned.
fn throughput(design: Design) -> Result<Option<ProvisionedThroughput>, StackError> {
    let Some((reads, writes)) = design.throughput else {
        return Ok(None);
    };
    let throughput = ProvisionedThroughput::builder()
        .read_capacity_units(reads)
        .write_capacity_units(writes)
        .build();
    throughput
        .map(Some)
        .map_err(|error| build_failed(error, "describing the throughput"))
}
