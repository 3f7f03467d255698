//! Creates a stack around a table that exists.

use tollgate::store::dynamodb::TableInspection;

use super::{
    deployed::DeployedStack, error::DeployError, request::parameters_of,
    stack_manager::StackManager,
};
use crate::options::StackDefinition;

/// The parameter that says which indexes the table has.
const PYTHON_INDEXES: &str = "EnablePythonIndexes";

impl StackManager {
    /// Creates the stack without code, and takes in the table. CloudFormation imports it as it is.
    pub(super) async fn create_around_table(
        &self,
        definition: &StackDefinition,
    ) -> Result<DeployedStack, DeployError> {
        let table = self.table.inspect().await?;
        if let Some(problem) = difference(&table, definition) {
            return Err(DeployError::OtherTable {
                stack: self.name().to_owned(),
                problem,
            });
        }
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
