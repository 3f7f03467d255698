//! Finds the definition of a table.

use std::sync::Arc;

use aws_sdk_dynamodb::{
    Client,
    types::{
        BillingMode, MultiRegionConsistency, PointInTimeRecoveryStatus, TableDescription,
        TimeToLiveStatus,
    },
};

use super::report::{IndexInspection, TableInspection};
use crate::{
    clock::{Clock, MonotonicClock, StoreTime, SystemClock},
    error::StackError,
    store::{
        StoreError, StoreErrorKind,
        dynamodb::{
            date::observed,
            definition::{expected_indexes, table_key_problem},
            failure::store_error,
            stack::Stack,
            stack_call::{call_failed, in_time},
        },
    },
};

impl Stack {
    /// Finds the definition of the table, and the difference of the clocks. Writes nothing. Three
    /// round trips: `DescribeTable`, `DescribeTimeToLive`, `DescribeContinuousBackups`.
    ///
    /// ```no_run
    /// # async fn look(stack: tollgate::store::dynamodb::Stack) -> Result<(), Box<dyn std::error::Error>> {
    /// let table = stack.inspect().await?;
    /// assert_eq!(table.expiry_attribute?.as_deref(), Some("ttl"));
    /// assert!(table.replica_regions.is_empty(), "a global table would let the last writer win");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StackError::NotFound`] if there is no such table, [`StackError::Deadline`] and
    /// [`StackError::Call`] if `DescribeTable` fails. If one of the other calls fails, its field
    /// has the error.
    pub async fn inspect(&self) -> Result<TableInspection, StackError> {
        const ACTION: &str = "describing the table";
        let time = Arc::new(StoreTime::new(MonotonicClock::new()));
        let client = observed(self.client(), &time);
        let call = client.describe_table().table_name(self.table()).send();
        let described = in_time(self, ACTION, call).await?.map_err(store_error);
        let missing = || StackError::NotFound {
            table: self.table().to_owned(),
        };
        let table = match described {
            Ok(output) => output.table.ok_or_else(missing)?,
            Err(error) if error.kind() == StoreErrorKind::Missing => return Err(missing()),
            Err(error) => return Err(call_failed(ACTION)(error)),
        };
        let mut report = report(&table);
        report.expiry_attribute = self.expiry(&client).await?;
        report.is_recoverable = self.recovery(&client).await?;
        report.clock_ahead = time.is_known().then(|| {
            let now = SystemClock.now();
            now.saturating_sub(time.correct(now))
        });
        Ok(report)
    }

    async fn expiry(
        &self,
        client: &Client,
    ) -> Result<Result<Option<String>, StoreError>, StackError> {
        let call = client.describe_time_to_live().table_name(self.table());
        let answer = in_time(self, "describing the time to live", call.send()).await?;
        Ok(answer.map_err(store_error).map(|output| {
            let described = output.time_to_live_description?;
            let is_on = matches!(
                described.time_to_live_status,
                Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
            );
            described.attribute_name.filter(|_| is_on)
        }))
    }

    async fn recovery(&self, client: &Client) -> Result<Result<bool, StoreError>, StackError> {
        let call = client
            .describe_continuous_backups()
            .table_name(self.table());
        let answer = in_time(self, "describing the backups", call.send()).await?;
        Ok(answer.map_err(store_error).map(|output| {
            output
                .continuous_backups_description
                .and_then(|described| described.point_in_time_recovery_description)
                .and_then(|described| described.point_in_time_recovery_status)
                .is_some_and(|status| status == PointInTimeRecoveryStatus::Enabled)
        }))
    }
}

/// Reports what the description of a table says.
fn report(table: &TableDescription) -> TableInspection {
    let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    let stream = table
        .stream_specification()
        .filter(|stream| stream.stream_enabled());
    let replicas = table.replicas().iter();
    // A table without this summary was never switched to another mode than the first one.
    let billing_mode = table
        .billing_mode_summary()
        .and_then(|summary| summary.billing_mode())
        .unwrap_or(&BillingMode::Provisioned);
    TableInspection {
        status: table
            .table_status()
            .map(|status| status.as_str().to_owned()),
        items: count(table.item_count()),
        bytes: count(table.table_size_bytes()),
        key_problem: table_key_problem(table),
        indexes: indexes(table),
        billing_mode: billing_mode.as_str().to_owned(),
        stream_view: stream.map(|stream| {
            let view = stream.stream_view_type();
            view.map_or("UNKNOWN", |view| view.as_str()).to_owned()
        }),
        is_protected: table.deletion_protection_enabled().unwrap_or(false),
        replica_regions: replicas
            .filter_map(|replica| replica.region_name().map(str::to_owned))
            .collect(),
        is_consistent_over_regions: table.multi_region_consistency()
            == Some(&MultiRegionConsistency::Strong),
        expiry_attribute: Ok(None),
        is_recoverable: Ok(false),
        clock_ahead: None,
    }
}

fn indexes(table: &TableDescription) -> Vec<IndexInspection> {
    let report = |(name, known): (String, Option<_>)| match known {
        None => IndexInspection {
            name,
            exists: false,
            status: None,
            key_problem: None,
            projection: None,
        },
        Some((index, key_problem)) => {
            let index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription = index;
            let projection = index.projection();
            IndexInspection {
                name,
                exists: true,
                status: index
                    .index_status()
                    .map(|status| status.as_str().to_owned()),
                key_problem,
                projection: projection
                    .and_then(|projection| projection.projection_type())
                    .map(|projection| projection.as_str().to_owned()),
            }
        }
    };
    expected_indexes(table).map(report).collect()
}
