//! The DynamoDB store.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};

use super::{
    attributes,
    caller::CallerIdentity,
    client::{in_some_time, in_time, without_retries},
    consumed,
    date::observed,
    decode, encode,
    failure::store_error,
    shards::{self, ShardRows},
    stack::CALL_DEADLINE,
};
use crate::{
    clock::{MonotonicClock, StoreTime},
    model::{
        BucketKey, BucketState, Create, Level, NamespaceId, Parameters, Pressure, Split, Update,
    },
    store::{
        Diagnostics, NamespaceStore, Records, Store, StoreError, StoreErrorKind, StoreFuture,
        StoreLocation, WriteOutcome,
    },
    telemetry::StoreCall,
};

/// Buckets of one namespace in a DynamoDB table.
///
/// Every call is one request, sent once: an `UpdateItem` or `PutItem` whose result includes the
/// item even if the condition failed, or a consistent `GetItem`. A write costs one write unit for
/// items below 1 KiB, and two on tables whose second index projects whole items. A read costs one
/// read unit. Only a transaction on several shards of a bucket is sent again if its answer is lost.
/// Every send of a transaction carries the same token, so the transaction is executed once.
#[derive(Clone)]
pub struct DynamoDbStore {
    /// The client for bucket writes and the reads of an acquire, without retries.
    pub(super) client: Client,
    /// The client for all other calls, with the retries that the caller configured.
    pub(super) control: Client,
    pub(super) table: String,
    pub(super) namespace: String,
    /// `true` if the namespace was found in the table's registry.
    pub(super) registered: bool,
    /// The store's time, as observed by both clients.
    pub(super) time: Arc<StoreTime>,
    /// The name in the history if the caller names nobody.
    pub(super) caller: Option<CallerIdentity>,
}

impl fmt::Debug for DynamoDbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbStore")
            .field("table", &self.table)
            .field("namespace", &self.namespace)
            .finish()
    }
}

impl DynamoDbStore {
    /// Returns the buckets of the namespace with the id `namespace` in `table`, through a copy of
    /// the client without retries. [`RateLimiter::open`](crate::RateLimiter::open) does this for
    /// you.
    pub fn new(client: &Client, table: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self::with_time(
            client,
            table,
            namespace,
            StoreTime::new(MonotonicClock::new()),
        )
    }

    /// Returns the same store as [`new`](Self::new) with the given `time`. Hidden, because only
    /// tests use it, to control the clock of the store's time.
    #[doc(hidden)]
    pub fn with_time(
        client: &Client,
        table: impl Into<String>,
        namespace: impl Into<String>,
        time: StoreTime,
    ) -> Self {
        let time = Arc::new(time);
        let control = observed(client, &time);
        Self {
            client: without_retries(&control),
            control: in_some_time(&control, CALL_DEADLINE),
            table: table.into(),
            namespace: namespace.into(),
            registered: false,
            time,
            caller: None,
        }
    }

    /// Records the owner of the credentials in the history if the caller names nobody. STS is asked
    /// once, at the first change of limits or entities.
    #[must_use]
    pub fn with_caller_identity(self, config: &SdkConfig) -> Self {
        self.with_caller(CallerIdentity::new(config))
    }

    /// Sets the timeout of one call for stored limits, entities, namespaces, history or usage,
    /// retries included. Default: the timeout in the client's own configuration, or 10 s. Calls for
    /// buckets have the limiter's
    /// [`store_deadline`](crate::limiter::RateLimiterBuilder::store_deadline).
    #[must_use]
    pub fn with_call_deadline(mut self, deadline: Duration) -> Self {
        self.control = in_time(&self.control, deadline);
        self
    }

    pub(crate) fn with_caller(mut self, caller: CallerIdentity) -> Self {
        self.caller = Some(caller);
        self
    }

    pub(super) fn rows(&self) -> ShardRows<'_> {
        ShardRows {
            client: &self.client,
            table: &self.table,
            namespace: &self.namespace,
        }
    }

    async fn send_update(
        &self,
        bucket: &BucketKey,
        update: &Update,
    ) -> Result<WriteOutcome, StoreError> {
        let mut expression = encode::update(update);
        let result = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(encode::key(&self.namespace, bucket)))
            .update_expression(expression.update())
            .condition_expression(expression.condition())
            .set_expression_attribute_names(Some(expression.names()))
            .set_expression_attribute_values(Some(expression.values()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .set_return_consumed_capacity(consumed::wanted())
            .send()
            .await;
        match result {
            Ok(output) => {
                consumed::note(StoreCall::Update, output.consumed_capacity.as_slice(), 1);
                let item = output
                    .attributes
                    .ok_or_else(|| missing("UpdateItem returned no item"))?;
                decode::bucket(&item, bucket.shard)
                    .map(WriteOutcome::Applied)
                    .map_err(unreadable)
            }
            Err(SdkError::ServiceError(error))
                if matches!(
                    error.err(),
                    UpdateItemError::ConditionalCheckFailedException(_)
                ) =>
            {
                let UpdateItemError::ConditionalCheckFailedException(failed) = error.into_err()
                else {
                    return Err(missing("a condition failed"));
                };
                consumed::note(StoreCall::Update, &[], 1);
                refused(failed.item.as_ref(), bucket)
            }
            Err(error) => Err(store_error(error)),
        }
    }

    async fn send_create(
        &self,
        bucket: &BucketKey,
        create: &Create,
    ) -> Result<WriteOutcome, StoreError> {
        let (condition, names, values) = encode::create_condition(create);
        let result = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(encode::item(&self.namespace, bucket, create)))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .set_return_consumed_capacity(consumed::wanted())
            .send()
            .await;
        match result {
            Ok(output) => {
                consumed::note(StoreCall::Create, output.consumed_capacity.as_slice(), 1);
                created(bucket, create).map(WriteOutcome::Applied)
            }
            Err(SdkError::ServiceError(error))
                if matches!(
                    error.err(),
                    PutItemError::ConditionalCheckFailedException(_)
                ) =>
            {
                let PutItemError::ConditionalCheckFailedException(failed) = error.into_err() else {
                    return Err(missing("a condition failed"));
                };
                consumed::note(StoreCall::Create, &[], 1);
                refused(failed.item.as_ref(), bucket)
            }
            Err(error) => Err(store_error(error)),
        }
    }

    async fn send_read(&self, bucket: &BucketKey) -> Result<Option<BucketState>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(encode::key(&self.namespace, bucket)))
            .consistent_read(true)
            .send()
            .await
            .map_err(store_error)?;
        output
            .item
            .as_ref()
            .map(|item| decode::bucket(item, bucket.shard))
            .transpose()
    }
}

fn refused(
    item: Option<&std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>>,
    bucket: &BucketKey,
) -> Result<WriteOutcome, StoreError> {
    let state = item
        .map(|item| decode::bucket(item, bucket.shard))
        .transpose()?;
    Ok(WriteOutcome::Refused(state))
}

/// Returns the state of the item that was put, because `PutItem` does not return it.
fn created(bucket: &BucketKey, create: &Create) -> Result<BucketState, StoreError> {
    let state = create.bucket(bucket.shard);
    let mut state = state
        .map_err(|error| missing(&format!("a limit's parameters: {error}")).with_source(error))?;
    let (capacity, period) = (attributes::PRESSURE_CAPACITY, attributes::PRESSURE_PERIOD);
    if let Ok(pressure) = Parameters::new(capacity, capacity, period) {
        let level = Level {
            tokens: capacity,
            remainder: 0,
        };
        state.pressure = Some(Pressure::new(pressure.whole(), level, 0));
    }
    Ok(state)
}

/// Turns a decoding error into [`Unknown`](StoreErrorKind::Unknown). The write was done, but the
/// item cannot be read. If the write counted as not done, its repeat would charge or refund twice.
fn unreadable(error: StoreError) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unknown,
        format!("the write was done, but {error}"),
    )
    .with_source(error)
}

fn missing(what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unknown, what)
}

impl Store for DynamoDbStore {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        Box::pin(self.send_read(bucket))
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.send_update(bucket, update))
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.send_create(bucket, create))
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        Box::pin(shards::transact(self.rows(), updates))
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        Box::pin(shards::split(self.rows(), bucket, split))
    }

    fn is_registered(&self) -> StoreFuture<'_, bool> {
        Box::pin(
            async move { Ok(!self.registered || self.by_id(&self.namespace).await?.is_some()) },
        )
    }

    fn time(&self) -> Option<Arc<StoreTime>> {
        Some(self.time.clone())
    }

    fn records(&self) -> Option<&dyn Records> {
        Some(self)
    }

    fn namespaces(&self) -> Option<&dyn NamespaceStore> {
        Some(self)
    }

    fn location(&self) -> Option<StoreLocation> {
        let namespace = NamespaceId::new(&self.namespace);
        let mut location = StoreLocation::new(&self.table, namespace);
        let region = self.client.config().region();
        location.region = region.map(|region| region.as_ref().to_owned());
        Some(location)
    }

    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        Some(self)
    }
}
