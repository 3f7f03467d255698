//! Refuses updates that would lose data.

use serde_json::{Value, json};

use super::{
    deployed::DeployedStack,
    error::DeployError,
    plan::{Plan, Replacement, ResourceChange},
    stack_manager::StackManager,
};
use crate::template::{ARCHIVE, TABLE, Template};

/// The properties of a table that cannot change without a new table.
const FIXED: [&str; 3] = ["TableName", "KeySchema", "LocalSecondaryIndexes"];

impl Plan {
    /// Returns true if the archive leaves the stack. The bucket and its objects are kept.
    pub fn removes_archive(&self) -> bool {
        self.of(ARCHIVE).any(|change| change.action == "Remove")
    }

    fn of(&self, logical_id: &str) -> impl Iterator<Item = &ResourceChange> {
        let changes = self.resources.iter();
        changes.filter(move |change| change.logical_id == logical_id)
    }

    /// Returns the losses that are certain.
    fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        for change in self.of(TABLE) {
            if change.action == "Remove" {
                losses.push(format!("remove {TABLE}"));
            }
        }
        for change in self.of(TABLE).chain(self.of(ARCHIVE)) {
            if change.replacement == Replacement::Yes {
                losses.push(format!("replace {}", change.logical_id));
            }
        }
        losses
    }

    fn may_replace_table(&self) -> bool {
        self.of(TABLE)
            .any(|change| change.replacement == Replacement::Possible)
    }
}

impl StackManager {
    /// Checks that a plan neither removes nor replaces the table, and does not replace the archive.
    ///
    /// CloudFormation cannot always tell if it will replace a part. For the table the templates tell:
    /// a new one is needed only for another name, other keys or other local indexes.
    pub(super) async fn check_losses(
        &self,
        current: &DeployedStack,
        plan: &Plan,
    ) -> Result<(), DeployError> {
        let mut losses = plan.losses();
        if losses.is_empty() && plan.may_replace_table() && !self.keeps_table(current).await? {
            losses.push(format!("replace {TABLE}"));
        }
        if losses.is_empty() {
            return Ok(());
        }
        Err(DeployError::WouldLoseData {
            stack: self.name().to_owned(),
            losses,
        })
    }

    /// Returns true if the new template has the table of the stack's own template.
    async fn keeps_table(&self, current: &DeployedStack) -> Result<bool, DeployError> {
        let template = self.client.get_template().stack_name(&current.id);
        let template = template.send().await;
        let template = template.map_err(DeployError::call("reading the stack's template"))?;
        let body = template.template_body().unwrap_or_default();
        let new = Template::new().to_compact_json()?;
        let fixed = |template| fixed(template, self.name());
        Ok(fixed(body).is_some_and(|old| fixed(&new) == Some(old)))
    }
}

/// Returns the fixed properties of a template's table. The template of an import has the table's name as
/// a text, and other templates refer to the stack's name.
fn fixed(template: &str, stack: &str) -> Option<[Option<Value>; 3]> {
    let template: Value = match serde_json::from_str(template) {
        Ok(template) => template,
        Err(_) => serde_saphyr::from_str(template).ok()?,
    };
    let table = template.get("Resources")?.get(TABLE)?.get("Properties")?;
    let properties = FIXED.map(|property| table.get(property).cloned());
    let refers = json!({ "Ref": "AWS::StackName" });
    Some(properties.map(|value| match value {
        Some(value) if value == refers => Some(stack.into()),
        value => value,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(logical_id: &str, action: &str, replacement: Replacement) -> Plan {
        Plan {
            resources: vec![ResourceChange {
                action: action.into(),
                logical_id: logical_id.into(),
                kind: String::new(),
                replacement,
                properties: Vec::new(),
            }],
            parameters: Vec::new(),
            is_new: false,
            makes_entry: false,
            change_set: String::new(),
            stack: String::new(),
        }
    }

    #[test]
    fn losses_of_data_are_found() {
        let losses = |id, action, replacement| plan(id, action, replacement).losses();
        assert_eq!(
            losses(TABLE, "Remove", Replacement::No),
            ["remove RateLimitsTable"]
        );
        assert_eq!(
            losses(TABLE, "Modify", Replacement::Yes),
            ["replace RateLimitsTable"]
        );
        assert_eq!(
            losses(ARCHIVE, "Modify", Replacement::Yes),
            ["replace AuditArchiveBucket"]
        );
        assert!(losses(TABLE, "Modify", Replacement::Possible).is_empty());
        assert!(losses("AggregatorDLQ", "Modify", Replacement::Yes).is_empty());
        assert!(plan(TABLE, "Modify", Replacement::Possible).may_replace_table());
        // The bucket is kept, but no longer belongs to the stack.
        let plan = plan(ARCHIVE, "Remove", Replacement::No);
        assert!(plan.removes_archive() && plan.losses().is_empty());
    }

    #[test]
    fn a_template_as_yaml_has_the_same_table_as_one_as_json() {
        let template = Template::new();
        let (yaml, json) = (template.to_yaml().unwrap(), template.to_json().unwrap());
        let fixed = |template: &str| fixed(template, "limits");
        assert!(fixed(&yaml).is_some());
        assert_eq!(fixed(&yaml), fixed(&json));
        let other = json.replace("\"PK\"", "\"pk\"");
        assert_ne!(fixed(&other), fixed(&json));
        assert_eq!(fixed("no template"), None);
        let imported = |name| Template::new().with_table_name(name).to_json().unwrap();
        assert_eq!(fixed(&imported("limits")), fixed(&json));
        assert_ne!(fixed(&imported("others")), fixed(&json));
    }
}
