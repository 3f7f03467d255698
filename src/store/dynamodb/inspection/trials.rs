//! Tries each action by a call that changes nothing.

use std::{collections::HashMap, error::Error as StdError, future::Future};

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    types::{DeleteRequest, KeysAndAttributes, TransactWriteItem, Update, WriteRequest},
};

use super::permission::{PermissionPurpose, PermissionResult, PermissionTrial};
use crate::{
    error::StackError,
    model::NamespaceId,
    store::dynamodb::{
        attributes::{INDEX_KEYS, Item, PK, SK},
        expression::text,
        failure::store_error,
        stack::Stack,
        stack_call::{build_failed, in_time},
    },
};

/// The sort key of items that never exist.
const NOTHING: &str = "#TRIAL";
/// A condition that no item fulfils.
const NEVER: &str = "attribute_exists(PK) AND attribute_not_exists(PK)";
/// The names of the indexes.
const INDEXES: [&str; 4] = ["GSI1", "GSI2", "GSI3", "GSI4"];

/// Tries actions on keys of one namespace.
struct Trials<'a> {
    stack: &'a Stack,
    namespace: &'a NamespaceId,
    done: Vec<PermissionTrial>,
}

impl Stack {
    /// Tries each action that the library uses, by a call that changes nothing: reads of keys that
    /// never exist, and writes of them under a condition that never holds. The keys are those of
    /// the namespace, so that rights for one namespace are found. `BatchWriteItem` has no
    /// conditions: it deletes an item that never exists. About fifteen round trips, one after the
    /// other; fifteen read and write units at most.
    ///
    /// # Errors
    /// [`StackError::Deadline`] if a call takes too long. Other failures are results.
    pub async fn try_permissions(
        &self,
        namespace: &NamespaceId,
    ) -> Result<Vec<PermissionTrial>, StackError> {
        let mut trials = Trials {
            stack: self,
            namespace,
            done: Vec::new(),
        };
        trials.reads().await?;
        trials.spends().await?;
        trials.lists().await?;
        trials.administers().await?;
        trials.scans().await?;
        Ok(trials.done)
    }
}

impl Trials<'_> {
    async fn reads(&mut self) -> Result<(), StackError> {
        let (client, table) = (self.stack.client(), self.stack.table());
        let purpose = PermissionPurpose::Read;
        let call = client.get_item().table_name(table);
        let call = call.set_key(Some(self.bucket())).send();
        self.note("GetItem", None, purpose, call).await?;
        let keys = KeysAndAttributes::builder()
            .keys(self.bucket())
            .build()
            .map_err(|error| build_failed(error, TRYING))?;
        let call = client.batch_get_item().request_items(table, keys).send();
        self.note("BatchGetItem", None, purpose, call).await
    }

    async fn spends(&mut self) -> Result<(), StackError> {
        let (key, purpose) = (self.bucket(), PermissionPurpose::Spend);
        self.writes(&key, purpose).await?;
        let (client, table) = (self.stack.client(), self.stack.table());
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key))
            .update_expression("REMOVE #none")
            .expression_attribute_names("#none", "none")
            .condition_expression(NEVER)
            .build()
            .map_err(|error| build_failed(error, TRYING))?;
        let item = TransactWriteItem::builder().update(update).build();
        let call = client.transact_write_items().transact_items(item).send();
        self.note("TransactWriteItems", None, purpose, call).await
    }

    async fn lists(&mut self) -> Result<(), StackError> {
        let keys = [(None, PK)].into_iter().chain(
            INDEXES
                .into_iter()
                .zip(INDEX_KEYS)
                .map(|(index, (hash, _))| (Some(index), hash)),
        );
        for (index, hash) in keys {
            let call = self.stack.client().query().table_name(self.stack.table());
            let call = call
                .set_index_name(index.map(str::to_owned))
                .key_condition_expression("#hash = :hash")
                .expression_attribute_names("#hash", hash)
                .expression_attribute_values(":hash", text(self.hash("ENTITY#")))
                .limit(1)
                .send();
            self.note("Query", index, PermissionPurpose::List, call)
                .await?;
        }
        Ok(())
    }

    async fn administers(&mut self) -> Result<(), StackError> {
        let (key, purpose) = (self.key("ENTITY#"), PermissionPurpose::Administer);
        self.writes(&key, purpose).await?;
        let (client, table) = (self.stack.client(), self.stack.table());
        let call = client.delete_item().table_name(table);
        let call = call.set_key(Some(key.clone())).condition_expression(NEVER);
        self.note("DeleteItem", None, purpose, call.send()).await?;
        let delete = DeleteRequest::builder()
            .set_key(Some(key))
            .build()
            .map_err(|error| build_failed(error, TRYING))?;
        let delete = WriteRequest::builder().delete_request(delete).build();
        let call = client.batch_write_item().request_items(table, vec![delete]);
        self.note("BatchWriteItem", None, purpose, call.send())
            .await
    }

    async fn scans(&mut self) -> Result<(), StackError> {
        let call = self.stack.client().scan().table_name(self.stack.table());
        let call = call.limit(1).send();
        self.note("Scan", None, PermissionPurpose::Scan, call).await
    }

    /// Tries to put and to update an item.
    async fn writes(&mut self, key: &Item, purpose: PermissionPurpose) -> Result<(), StackError> {
        let (client, table) = (self.stack.client(), self.stack.table());
        let call = client.put_item().table_name(table);
        let call = call.set_item(Some(key.clone())).condition_expression(NEVER);
        self.note("PutItem", None, purpose, call.send()).await?;
        let call = client
            .update_item()
            .table_name(table)
            .set_key(Some(key.clone()))
            .update_expression("REMOVE #none")
            .expression_attribute_names("#none", "none")
            .condition_expression(NEVER);
        self.note("UpdateItem", None, purpose, call.send()).await
    }

    /// Makes a call and notes its result.
    async fn note<T, E>(
        &mut self,
        action: &'static str,
        index: Option<&'static str>,
        purpose: PermissionPurpose,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<(), StackError>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let result = match in_time(self.stack, TRYING, call).await? {
            Err(error) if !is_condition(&error) => judged(error),
            _ => PermissionResult::Allowed,
        };
        self.done.push(PermissionTrial {
            action,
            index,
            purpose,
            result,
        });
        Ok(())
    }

    /// Returns the key of a bucket that never exists, because `#` is in no name.
    fn bucket(&self) -> Item {
        self.key("BUCKET#")
    }

    fn key(&self, kind: &str) -> Item {
        HashMap::from([
            (PK.to_owned(), text(self.hash(kind))),
            (SK.to_owned(), text(NOTHING)),
        ])
    }

    fn hash(&self, kind: &str) -> String {
        format!("{}/{kind}#TRIAL", self.namespace)
    }
}

const TRYING: &str = "trying the permissions";

/// Returns `true` if the call failed because of its condition, so it was allowed.
fn is_condition<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let Some(error) = error.as_service_error() else {
        return false;
    };
    match error.code() {
        Some("ConditionalCheckFailedException") => true,
        Some("TransactionCanceledException") => error
            .message()
            .is_some_and(|message| message.contains("ConditionalCheckFailed")),
        _ => false,
    }
}

fn judged<E>(error: SdkError<E>) -> PermissionResult
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let is_denied = error
        .as_service_error()
        .is_some_and(|error| error.code() == Some("AccessDeniedException"));
    let error = store_error(error);
    if is_denied || error.missing_permission().is_some() {
        PermissionResult::Denied(error)
    } else {
        PermissionResult::Unknown(error)
    }
}
