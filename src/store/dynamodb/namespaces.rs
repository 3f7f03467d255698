//! Namespaces: each has two records, one found by name and one by id.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{Delete, Put, ReturnValue, TransactWriteItem, Update},
};

use super::{
    DynamoDbStore,
    attributes::{INDEX_KEYS, PK, REGISTRY_KEY, SK, namespace_by_id, namespace_by_name},
    expression::text,
    failure::{lasting_refusal, store_error},
    namespace_record::{DELETED_AT, ID, STATUS, decode, encode, registry_key, unusable},
    records::{Item, PartitionQuery, delete_batch, page, text_of, timestamp, unbuildable},
    registry::new_namespace_id,
    retry::{MOST_NAMESPACE_TRIES, before_change},
};
use crate::{
    model::{NamespaceId, NamespaceInfo, NamespaceName, NamespaceStatus, from_millis},
    store::{
        Cursor, NamespaceStore, Page, StatusChange, Store, StoreError, StoreErrorKind, StoreFuture,
    },
};

impl NamespaceStore for DynamoDbStore {
    fn scoped(&self, id: &NamespaceId) -> Arc<dyn Store> {
        Arc::new(Self {
            namespace: id.to_string(),
            registered: true,
            ..self.clone()
        })
    }

    fn register<'a>(&'a self, name: &'a NamespaceName, now: i64) -> StoreFuture<'a, NamespaceInfo> {
        Box::pin(async move {
            for attempt in 0..MOST_NAMESPACE_TRIES {
                // If two registrations meet, DynamoDB may cancel both.
                before_change(attempt).await;
                if let Some(known) = self.by_name(name).await? {
                    return Ok(known);
                }
                if let Some(registered) = self.try_register(name, now).await? {
                    return Ok(registered);
                }
            }
            Err(busy("too many concurrent changes of the namespace"))
        })
    }

    fn find<'a>(&'a self, name: &'a NamespaceName) -> StoreFuture<'a, Option<NamespaceInfo>> {
        Box::pin(self.by_name(name))
    }

    fn list<'a>(
        &'a self,
        active: bool,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<NamespaceInfo>> {
        Box::pin(async move {
            let prefix = if active {
                namespace_by_name("")
            } else {
                namespace_by_id("")
            };
            let listing = PartitionQuery {
                index: None,
                hash: (PK, REGISTRY_KEY.into()),
                range: Some((SK, prefix)),
                backwards: false,
                consistent: true,
                most: None,
            };
            let page = page(&self.control, &self.table, &listing, from).await?;
            let mut rows = page
                .rows
                .iter()
                .map(decode)
                .collect::<Result<Vec<_>, _>>()?;
            rows.retain(|row| (row.status == NamespaceStatus::Active) == active);
            Ok(Page::new(rows, page.next))
        })
    }

    fn delete<'a>(
        &'a self,
        name: &'a NamespaceName,
        now: i64,
    ) -> StoreFuture<'a, Option<NamespaceInfo>> {
        Box::pin(async move {
            for attempt in 0..MOST_NAMESPACE_TRIES {
                before_change(attempt).await;
                let Some(known) = self.by_name(name).await? else {
                    return Ok(None);
                };
                if self.try_delete(&known, now).await? {
                    let deleted_at = Some(from_millis(now));
                    return Ok(Some(NamespaceInfo {
                        status: NamespaceStatus::Deleted,
                        deleted_at,
                        ..known
                    }));
                }
            }
            Err(busy("too many concurrent changes of the namespace"))
        })
    }

    fn recover<'a>(&'a self, id: &'a NamespaceId) -> StoreFuture<'a, StatusChange> {
        Box::pin(async move {
            let Some(known) = self.by_id(id.as_str()).await? else {
                return Ok(StatusChange::NotFound);
            };
            if known.status != NamespaceStatus::Deleted {
                return Ok(StatusChange::Refused(known.status));
            }
            self.try_recover(known).await
        })
    }

    fn begin_purge<'a>(&'a self, id: &'a NamespaceId) -> StoreFuture<'a, StatusChange> {
        Box::pin(async move {
            let Some(known) = self.by_id(id.as_str()).await? else {
                return Ok(StatusChange::NotFound);
            };
            if known.status == NamespaceStatus::Active {
                return Ok(StatusChange::Refused(known.status));
            }
            let result = self
                .control
                .update_item()
                .table_name(&self.table)
                .set_key(Some(registry_key(&namespace_by_id(id.as_str()))))
                .update_expression("SET #status = :purging")
                .condition_expression("#status <> :active")
                .expression_attribute_names("#status", STATUS)
                .expression_attribute_values(":purging", text(NamespaceStatus::Purging.to_string()))
                .expression_attribute_values(":active", text(NamespaceStatus::Active.to_string()))
                .send()
                .await;
            match result {
                Ok(_) => Ok(StatusChange::Done(NamespaceInfo {
                    status: NamespaceStatus::Purging,
                    ..known
                })),
                // The namespace was recovered in the meantime.
                Err(SdkError::ServiceError(error))
                    if error.err().is_conditional_check_failed_exception() =>
                {
                    Ok(StatusChange::Refused(NamespaceStatus::Active))
                }
                Err(error) => Err(store_error(error)),
            }
        })
    }

    fn purge_some<'a>(&'a self, id: &'a NamespaceId) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            let listing = PartitionQuery {
                index: Some("GSI4"),
                hash: (INDEX_KEYS[3].0, id.to_string()),
                range: None,
                backwards: false,
                consistent: false,
                most: None,
            };
            let rows = page(&self.control, &self.table, &listing, None).await?.rows;
            let keys: Vec<Item> = rows
                .iter()
                .filter_map(|item| own_key(item, id.as_str()))
                .collect();
            if !keys.is_empty() {
                delete_batch(&self.control, &self.table, &keys).await?;
                return Ok(keys.len() as u64);
            }
            // The record is deleted last: while it exists, an interrupted purge can be continued.
            self.control
                .delete_item()
                .table_name(&self.table)
                .set_key(Some(registry_key(&namespace_by_id(id.as_str()))))
                .return_values(ReturnValue::None)
                .send()
                .await
                .map_err(store_error)?;
            Ok(0)
        })
    }
}

impl DynamoDbStore {
    /// Returns the namespace with that name. Every key of its items begins with its id, so a wrong
    /// record would give access to the registry, to another namespace or to a deleted one. Such a
    /// record is an error.
    async fn by_name(&self, name: &NamespaceName) -> Result<Option<NamespaceInfo>, StoreError> {
        let Some(info) = self
            .namespace_record(&namespace_by_name(name.as_str()))
            .await?
        else {
            return Ok(None);
        };
        if info.name != name.as_str() {
            return Err(unusable(
                name.as_str(),
                &format!("it belongs to {:?}", info.name),
            ));
        }
        if info.status != NamespaceStatus::Active {
            return Err(unusable(
                name.as_str(),
                &format!("its status is {}", info.status),
            ));
        }
        Ok(Some(info))
    }

    pub(super) async fn by_id(&self, id: &str) -> Result<Option<NamespaceInfo>, StoreError> {
        Ok(self
            .namespace_record(&namespace_by_id(id))
            .await?
            .filter(|info| info.id.as_str() == id))
    }

    async fn namespace_record(&self, sort_key: &str) -> Result<Option<NamespaceInfo>, StoreError> {
        let output = self
            .control
            .get_item()
            .table_name(&self.table)
            .set_key(Some(registry_key(sort_key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(store_error)?;
        output.item.as_ref().map(decode).transpose()
    }

    /// Tries to register the namespace. `None` if another writer cancelled the transaction.
    async fn try_register(
        &self,
        name: &NamespaceName,
        now: i64,
    ) -> Result<Option<NamespaceInfo>, StoreError> {
        let mut info = NamespaceInfo::new(NamespaceId::new(new_namespace_id()?), name.as_str());
        info.created_at = Some(from_millis(now));
        let actions = [
            namespace_by_name(name.as_str()),
            namespace_by_id(info.id.as_str()),
        ]
        .iter()
        .map(|sort_key| put_new(&self.table, encode(sort_key, &info)?))
        .collect::<Result<_, _>>()?;
        Ok(self.transact(actions).await?.then_some(info))
    }

    async fn try_delete(&self, known: &NamespaceInfo, now: i64) -> Result<bool, StoreError> {
        let by_name = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(registry_key(&namespace_by_name(&known.name))))
            .condition_expression("#id = :id")
            .expression_attribute_names("#id", ID)
            .expression_attribute_values(":id", text(known.id.as_str()))
            .build()
            .map_err(unbuildable)?;
        let by_id = Update::builder()
            .table_name(&self.table)
            .set_key(Some(registry_key(&namespace_by_id(known.id.as_str()))))
            .update_expression("SET #status = :deleted, #deleted_at = :now")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#deleted_at", DELETED_AT)
            .expression_attribute_values(":deleted", text(NamespaceStatus::Deleted.to_string()))
            .expression_attribute_values(":now", text(timestamp(from_millis(now))?))
            .build()
            .map_err(unbuildable)?;
        let actions = vec![
            TransactWriteItem::builder().delete(by_name).build(),
            TransactWriteItem::builder().update(by_id).build(),
        ];
        self.transact(actions).await
    }

    async fn try_recover(&self, known: NamespaceInfo) -> Result<StatusChange, StoreError> {
        let info = NamespaceInfo {
            status: NamespaceStatus::Active,
            deleted_at: None,
            ..known
        };
        let by_id = Update::builder()
            .table_name(&self.table)
            .set_key(Some(registry_key(&namespace_by_id(info.id.as_str()))))
            .update_expression("SET #status = :active REMOVE #deleted_at")
            .condition_expression("#status = :deleted")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#deleted_at", DELETED_AT)
            .expression_attribute_values(":active", text(NamespaceStatus::Active.to_string()))
            .expression_attribute_values(":deleted", text(NamespaceStatus::Deleted.to_string()))
            .build()
            .map_err(unbuildable)?;
        let actions = vec![
            put_new(&self.table, encode(&namespace_by_name(&info.name), &info)?)?,
            TransactWriteItem::builder().update(by_id).build(),
        ];
        if self.transact(actions).await? {
            return Ok(StatusChange::Done(info));
        }
        // Another namespace has taken the name, or another process has changed the status.
        match self.by_id(info.id.as_str()).await? {
            None => Ok(StatusChange::NotFound),
            Some(now) if now.status != NamespaceStatus::Deleted => {
                Ok(StatusChange::Refused(now.status))
            }
            Some(_) => Ok(StatusChange::NameTaken),
        }
    }

    /// Executes a transaction. Returns `false` if it was cancelled.
    async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<bool, StoreError> {
        match self
            .control
            .transact_write_items()
            .set_transact_items(Some(actions))
            .send()
            .await
        {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    lasting_refusal(cancelled.cancellation_reasons()).map_or(Ok(false), Err)
                }
                _ => Err(store_error(error)),
            },
        }
    }
}

fn put_new(table: &str, item: Item) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(PK)")
        .build()
        .map_err(unbuildable)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Returns the item's key if it belongs to the namespace. Anything else that the index returns is
/// not deleted.
fn own_key(item: &Item, id: &str) -> Option<Item> {
    let (hash, range) = (text_of(item, PK)?, text_of(item, SK)?);
    let own = hash.strip_prefix(id)?.starts_with('/');
    own.then(|| HashMap::from([(PK.to_owned(), text(hash)), (SK.to_owned(), text(range))]))
}

fn busy(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Busy, message)
}
