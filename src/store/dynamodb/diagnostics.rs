//! The health of the table.

use std::collections::HashMap;

use super::{
    DynamoDbStore,
    attributes::{PK, REGISTRY_KEY, SK, VERSION, namespace_by_id},
    expression::text,
    failure::store_error,
    records::{get_batch, text_of},
    version,
};
use crate::{
    model::{NamespaceId, StoreStatus},
    store::{Diagnostics, StoreError, StoreFuture},
};

impl Diagnostics for DynamoDbStore {
    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let read = self
                .client
                .get_item()
                .table_name(&self.table)
                .key(PK, text(REGISTRY_KEY))
                .key(SK, text(VERSION))
                .projection_expression(PK);
            read.send().await.map_err(store_error)?;
            Ok(())
        })
    }

    fn describe(&self) -> StoreFuture<'_, StoreStatus> {
        Box::pin(self.status())
    }
}

impl DynamoDbStore {
    /// Reads the status. Two round trips. If the application may not describe the table, the status
    /// says so in `problem` and the other fields are still filled.
    async fn status(&self) -> Result<StoreStatus, StoreError> {
        let namespace = namespace_by_id(&self.namespace);
        let key = |range: &str| {
            HashMap::from([(PK.into(), text(REGISTRY_KEY)), (SK.into(), text(range))])
        };
        let records = get_batch(
            &self.control,
            &self.table,
            vec![key(VERSION), key(&namespace)],
            true,
        )
        .await?;
        let record = |range: &str| records.iter().find(|item| text_of(item, SK) == Some(range));
        let mut status = StoreStatus {
            table: Some(self.table.clone()),
            region: self.control.config().region().map(ToString::to_string),
            namespace_id: Some(NamespaceId::new(&self.namespace)),
            namespace: record(&namespace)
                .and_then(|item| text_of(item, "namespace_name"))
                .map(str::to_owned),
            version: record(VERSION).map(version::decode),
            ..StoreStatus::default()
        };
        match self
            .control
            .describe_table()
            .table_name(&self.table)
            .send()
            .await
        {
            Ok(output) => {
                let table = output.table.unwrap_or_else(|| {
                    aws_sdk_dynamodb::types::TableDescription::builder().build()
                });
                let count =
                    |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
                status.table_status = table.table_status().map(|word| word.as_str().to_owned());
                status.items = count(table.item_count());
                status.bytes = count(table.table_size_bytes());
            }
            Err(error) => {
                status.problem = Some(format!(
                    "the table was not described: {}",
                    store_error(error)
                ))
            }
        }
        Ok(status)
    }
}
