//! Creates a stack around a table that exists.

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{PointInTimeRecoverySpecification, TimeToLiveSpecification},
};
use tollgate::{error::StackError, store::dynamodb::TableInspection};

use super::{
    deployed::DeployedStack, error::DeployError, request::parameters_of,
    stack_manager::StackManager,
};
use crate::options::StackDefinition;

/// The parameter that says which indexes the table has.
const PYTHON_INDEXES: &str = "EnablePythonIndexes";

/// The parameter that says to how many days ago the table can be restored.
const RECOVERY_DAYS: &str = "PITRRecoveryPeriodDays";

/// The attribute with the time at which an item expires.
const EXPIRY: &str = "ttl";

impl StackManager {
    /// Creates the stack without code, and takes in the table. CloudFormation imports it as it is.
    pub(super) async fn create_around_table(
        &self,
        definition: &StackDefinition,
    ) -> Result<DeployedStack, DeployError> {
        let table = self.check_import(definition).await?;
        // What the table does not have yet, the next update gives it.
        let protected = if table.is_protected { "true" } else { "false" };
        let as_it_is = [
            ("FunctionCodeKey", ""),
            ("EnableDeletionProtection", protected),
        ];
        let parameters = parameters_of(definition, &as_it_is);
        let plan = self.plan_new(parameters, definition).await?;
        self.execute(&plan).await?;
        self.found().await
    }

    /// Checks that the stack takes in the table of its name that exists, and returns it.
    pub(super) async fn check_import(
        &self,
        definition: &StackDefinition,
    ) -> Result<TableInspection, DeployError> {
        let stack = self.name().to_owned();
        if !self.imports_table {
            return Err(DeployError::TableExists { stack });
        }
        let table = self.table.inspect().await?;
        match difference(&table, definition) {
            Some(problem) => Err(DeployError::OtherTable { stack, problem }),
            None => Ok(table),
        }
    }

    /// Switches on what the template has and the table lacks. An import leaves a table as it is, and
    /// later updates change only what changes in the template.
    pub(super) async fn complete_table(
        &self,
        definition: &StackDefinition,
    ) -> Result<(), DeployError> {
        let table = self.table.inspect().await?;
        let unread = |error| StackError::Call {
            action: "describing the table",
            error,
        };
        if table.expiry_attribute.map_err(unread)?.is_none() {
            self.enable_expiry().await?;
        }
        let days = definition.parameter(RECOVERY_DAYS);
        if !table.is_recoverable.map_err(unread)? || !days.is_empty() {
            self.enable_recovery(days.parse().ok()).await?;
        }
        Ok(())
    }

    async fn enable_expiry(&self) -> Result<(), DeployError> {
        let expiry = TimeToLiveSpecification::builder()
            .attribute_name(EXPIRY)
            .enabled(true)
            .build();
        let update = self.table.client().update_time_to_live();
        let update = update
            .table_name(self.table.table())
            .time_to_live_specification(expiry.map_err(incomplete)?)
            .send();
        let updated = update.await;
        updated
            .map(drop)
            .map_err(DeployError::call("switching the time to live on"))
    }

    async fn enable_recovery(&self, days: Option<i32>) -> Result<(), DeployError> {
        let recovery = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(true)
            .set_recovery_period_in_days(days)
            .build();
        let update = self.table.client().update_continuous_backups();
        let update = update
            .table_name(self.table.table())
            .point_in_time_recovery_specification(recovery.map_err(incomplete)?)
            .send();
        let updated = update.await;
        updated
            .map(drop)
            .map_err(DeployError::call("switching point-in-time recovery on"))
    }
}

/// Returns the error of a request that lacks a value.
fn incomplete(error: BuildError) -> DeployError {
    DeployError::told("describing the table", &error.to_string())
}

/// Returns the first difference between a table and that of the definition, which no update could
/// mend.
fn difference(table: &TableInspection, definition: &StackDefinition) -> Option<String> {
    if let Some(problem) = &table.key_problem {
        return Some(problem.clone());
    }
    if table.stream_view.as_deref() != Some("NEW_AND_OLD_IMAGES") {
        return Some("it has no stream with new and old images".to_owned());
    }
    if let Some(missing) = table.indexes.iter().find(|index| !index.exists) {
        return Some(format!("it has no index {}", missing.name));
    }
    if let Ok(Some(attribute)) = &table.expiry_attribute
        && attribute != EXPIRY
    {
        return Some(format!("its items expire by {attribute}, not by {EXPIRY}"));
    }
    let second = table.indexes.get(1)?;
    let has_items = second.projection.as_deref() == Some("ALL");
    let wants_items = definition.parameter(PYTHON_INDEXES) == "true";
    match (has_items, wants_items) {
        (true, false) => Some(format!(
            "its index {} has whole items: switch python_indexes on",
            second.name
        )),
        (false, true) => Some(format!(
            "its index {} has keys only: switch python_indexes off",
            second.name
        )),
        _ => None,
    }
}
