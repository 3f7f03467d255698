//! Records that a deployment writes into the table: the version of the functions, and the days for
//! which the history is kept.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    attributes::{PK, REGISTRY_KEY, SK, VERSION},
    expression::{Expression, text},
    failure::store_error,
    records::{audit_retention, timestamp},
    registry::{Registry, is_missing},
    stack::Stack,
    stack_call::{call_failed, in_time},
    version::{LAMBDA_VERSION, UPDATED_AT, UPDATED_BY, decode},
};
use crate::{
    clock::{Clock, SystemClock},
    error::StackError,
    model::{NamespaceId, VersionRecord, from_millis},
};

impl Stack {
    /// Returns the version record; `None` if there is none. One read unit.
    ///
    /// # Errors
    /// [`StackError::NotFound`] if there is no table, [`StackError::Call`] or
    /// [`StackError::Deadline`] if the read fails.
    pub async fn version_record(&self) -> Result<Option<VersionRecord>, StackError> {
        const ACTION: &str = "reading the version record";
        let registry = Registry::new(self, SystemClock.now());
        match in_time(self, ACTION, registry.version()).await? {
            Ok(item) => Ok(item.as_ref().map(decode)),
            Err(error) if is_missing(&error) => Err(StackError::NotFound {
                table: self.table().to_owned(),
            }),
            Err(error) => Err(call_failed(ACTION)(store_error(error))),
        }
    }

    /// Stores the version of the stack's functions in the version record, which must exist. Python
    /// clients deploy functions of their own if the part before `+` is older than themselves. One
    /// write unit.
    ///
    /// # Errors
    /// [`StackError::Call`] or [`StackError::Deadline`] if the write fails, and if there is no version
    /// record.
    pub async fn record_functions(&self, version: &str) -> Result<(), StackError> {
        const ACTION: &str = "recording the version of the functions";
        let now = SystemClock.now();
        let mut expression = Expression::default();
        expression.require_present(PK);
        expression.set(LAMBDA_VERSION, text(version));
        let date = timestamp(from_millis(now)).map_err(call_failed(ACTION))?;
        expression.set(UPDATED_AT, text(date));
        if let Some(writer) = VersionRecord::ours(now).updated_by {
            expression.set(UPDATED_BY, text(writer));
        }
        let key = HashMap::from([(PK.into(), text(REGISTRY_KEY)), (SK.into(), text(VERSION))]);
        self.update(ACTION, key, expression).await
    }

    /// Stores the days for which the history of a namespace is kept, with the namespace's system
    /// defaults, which stay as they are. One write unit.
    ///
    /// # Errors
    /// [`StackError::Call`] or [`StackError::Deadline`] if the write fails.
    pub async fn record_audit_retention(
        &self,
        namespace: &NamespaceId,
        days: u32,
    ) -> Result<(), StackError> {
        let (key, expression) = audit_retention(namespace.as_ref(), days);
        self.update("storing how long the history is kept", key, expression)
            .await
    }

    async fn update(
        &self,
        action: &'static str,
        key: HashMap<String, AttributeValue>,
        mut expression: Expression,
    ) -> Result<(), StackError> {
        let condition = Some(expression.condition()).filter(|condition| !condition.is_empty());
        let update = self
            .client()
            .update_item()
            .table_name(self.table())
            .set_key(Some(key))
            .update_expression(expression.update())
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(expression.names()))
            .set_expression_attribute_values(Some(expression.values()));
        match in_time(self, action, update.send()).await? {
            Ok(_) => Ok(()),
            Err(error) => Err(call_failed(action)(store_error(error))),
        }
    }
}
