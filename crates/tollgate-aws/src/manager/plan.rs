//! The changes of an update, before it is made.

use std::fmt;

use aws_sdk_cloudformation::types;

/// The changes of an update, as CloudFormation plans them. It is a change set of the stack, which
/// [`StackManager::discard`](super::StackManager::discard) deletes.
///
/// It prints as one line for each change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a plan stays in CloudFormation until it is made or discarded"]
pub struct Plan {
    /// The changes of parts of the stack.
    pub resources: Vec<ResourceChange>,
    /// The changes of parameters.
    pub parameters: Vec<ParameterChange>,
    /// True if the stack does not exist yet.
    pub is_new: bool,
    /// True if CloudFormation has an entry of the stack only because of this plan.
    pub(super) makes_entry: bool,
    pub(super) change_set: String,
    pub(super) stack: String,
}

/// The change of a part of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceChange {
    /// The action, as CloudFormation names it: `Add`, `Modify`, `Remove`, …
    pub action: String,
    /// The name of the part in the template.
    pub logical_id: String,
    /// The type of the part: `AWS::DynamoDB::Table`.
    pub kind: String,
    /// If the part is replaced by a new one.
    pub replacement: Replacement,
    /// The properties that change.
    pub properties: Vec<String>,
}

/// If an update replaces a part of a stack by a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// The part stays.
    No,
    /// CloudFormation does not know it before it makes the change.
    Possible,
    /// A new part is made, and the old one is deleted or left.
    Yes,
}

/// The change of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParameterChange {
    /// The parameter.
    pub name: String,
    /// The value until now; `None` if the stack does not have the parameter.
    pub old: Option<String>,
    /// The new value.
    pub new: String,
}

impl ResourceChange {
    pub(super) fn read(change: &types::ResourceChange) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let mut properties: Vec<String> = change
            .details()
            .iter()
            .filter_map(|detail| detail.target()?.name())
            .map(str::to_owned)
            .collect();
        properties.sort();
        properties.dedup();
        Self {
            action: text(change.action().map(types::ChangeAction::as_str)),
            logical_id: text(change.logical_resource_id()),
            kind: text(change.resource_type()),
            replacement: match change.replacement() {
                None | Some(types::Replacement::False) => Replacement::No,
                Some(types::Replacement::True) => Replacement::Yes,
                // Also an answer that this version does not know.
                Some(_) => Replacement::Possible,
            },
            properties,
        }
    }
}

impl fmt::Display for ResourceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.action.as_str() {
            "Add" | "Import" => '+',
            "Remove" => '-',
            _ => '~',
        };
        let action = self.action.to_lowercase();
        write!(f, "{sign} {action} {} ({})", self.logical_id, self.kind)?;
        match self.replacement {
            Replacement::No => {}
            Replacement::Possible => write!(f, ", may be replaced")?,
            Replacement::Yes => write!(f, ", REPLACED")?,
        }
        match self.properties.as_slice() {
            [] => Ok(()),
            properties => write!(f, ": {}", properties.join(", ")),
        }
    }
}

impl fmt::Display for ParameterChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &str| match value {
            "" => "(none)".to_owned(),
            value => value.to_owned(),
        };
        let old = self.old.as_deref().unwrap_or_default();
        write!(f, "{}: {} -> {}", self.name, shown(old), shown(&self.new))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = self.parameters.iter().map(ToString::to_string);
        let resources = self.resources.iter().map(ToString::to_string);
        let lines: Vec<String> = parameters.chain(resources).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_prints_a_line_for_each_change() {
        let target = types::ResourceTargetDefinition::builder()
            .name("Code")
            .build();
        let change = types::ResourceChange::builder()
            .action(types::ChangeAction::Modify)
            .logical_resource_id("AggregatorFunction")
            .resource_type("AWS::Lambda::Function")
            .replacement(types::Replacement::Conditional)
            .details(
                types::ResourceChangeDetail::builder()
                    .target(target)
                    .build(),
            )
            .build();
        let plan = Plan {
            resources: vec![ResourceChange::read(&change)],
            parameters: vec![ParameterChange {
                name: "FunctionCodeKey".into(),
                old: None,
                new: "a.zip".into(),
            }],
            is_new: false,
            makes_entry: false,
            change_set: String::new(),
            stack: String::new(),
        };
        assert_eq!(
            plan.to_string(),
            "FunctionCodeKey: (none) -> a.zip\n\
             ~ modify AggregatorFunction (AWS::Lambda::Function), may be replaced: Code"
        );
    }
}
