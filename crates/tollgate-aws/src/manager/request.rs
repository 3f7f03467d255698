//! The parts that requests to create a stack and to plan an update have in common.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{Parameter, Tag};

use super::plan::ParameterChange;
use crate::options::StackDefinition;

/// The parameter that tells the version of the schema: that of the template, whatever the stack had.
const SCHEMA_VERSION: &str = "SchemaVersion";

/// Returns all parameters of a definition, with other values for some.
pub(super) fn parameters_of(
    definition: &StackDefinition,
    other: &[(&str, &str)],
) -> Vec<Parameter> {
    let parameters = definition.parameters().iter().map(|(name, value)| {
        let other = other.iter().find(|(other, _)| other == name);
        let value = other.map_or(value.as_str(), |(_, value)| value);
        given(name, value)
    });
    parameters.collect()
}

/// The parameters of an update: those that change, and the rest, which keeps its values.
#[derive(Debug, Default)]
pub(super) struct ParameterUpdate {
    pub(super) parameters: Vec<Parameter>,
    pub(super) changes: Vec<ParameterChange>,
}

impl ParameterUpdate {
    /// Compares the definition of the stack as it is with the one that is wanted. A value that no
    /// option changes stays as it is, also if no option could make it.
    pub(super) fn new(
        current: &BTreeMap<String, String>,
        base: Option<&StackDefinition>,
        wanted: &StackDefinition,
    ) -> Self {
        let base: BTreeMap<_, _> = base
            .into_iter()
            .flat_map(StackDefinition::parameters)
            .map(|(name, value)| (*name, value))
            .collect();
        let mut update = Self::default();
        for (name, value) in wanted.parameters() {
            let known = current.get(*name);
            let is_kept = base.get(name) == Some(&value) && *name != SCHEMA_VERSION;
            if known.is_some() && (is_kept || known == Some(value)) {
                let parameter = Parameter::builder().parameter_key(*name);
                update
                    .parameters
                    .push(parameter.use_previous_value(true).build());
                continue;
            }
            update.parameters.push(given(name, value));
            update.changes.push(ParameterChange {
                name: (*name).to_owned(),
                old: known.cloned(),
                new: value.clone(),
            });
        }
        update
    }
}

/// Returns the tags of a definition.
pub(super) fn tags_of(definition: &StackDefinition) -> Vec<Tag> {
    let tags = definition.tags().iter();
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

fn given(name: &str, value: &str) -> Parameter {
    let parameter = Parameter::builder().parameter_key(name);
    parameter.parameter_value(value).build()
}

#[cfg(test)]
mod tests {
    use tollgate::model::StackName;

    use super::*;
    use crate::StackOptions;

    fn defined(options: &StackOptions) -> StackDefinition {
        options
            .for_stack(&StackName::new("limits").unwrap())
            .unwrap()
    }

    fn values(definition: &StackDefinition) -> BTreeMap<String, String> {
        let parameters = definition.parameters().iter();
        parameters
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn only_values_that_options_change_are_given() {
        let base = defined(&StackOptions::new());
        let mut current = values(&base);
        // Somebody has set a threshold that is no whole percentage of the timeout.
        current.insert("LambdaDurationThreshold".to_owned(), "50001".to_owned());
        let wanted = defined(&StackOptions::new().log_retention_days(7));
        let update = ParameterUpdate::new(&current, Some(&base), &wanted);
        let change = ParameterChange {
            name: "LogRetentionDays".to_owned(),
            old: Some("30".to_owned()),
            new: "7".to_owned(),
        };
        assert_eq!(update.changes, [change]);
        let given = update
            .parameters
            .iter()
            .filter(|parameter| parameter.use_previous_value().is_none());
        assert_eq!(given.count(), 1);
        assert_eq!(update.parameters.len(), wanted.parameters().len());
    }

    #[test]
    fn a_parameter_that_the_stack_does_not_have_is_given() {
        let wanted = defined(&StackOptions::new());
        let mut current = values(&wanted);
        current.remove("EnableIdleAlarm");
        current.insert("SchemaVersion".to_owned(), "0.9.0".to_owned());
        let update = ParameterUpdate::new(&current, Some(&wanted), &wanted);
        let names: Vec<_> = update.changes.iter().map(|change| &*change.name).collect();
        assert_eq!(names, ["SchemaVersion", "EnableIdleAlarm"]);
    }
}
