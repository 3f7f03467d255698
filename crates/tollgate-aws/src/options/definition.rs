//! A stack that options define.

use tollgate::model::StackName;

use super::{
    error::InvalidOption, format_option::name_format, parameters, stack_options::StackOptions,
    tags, validation,
};
use crate::names::NameKind;

/// A stack that checked options define: parameters for the [`Template`](crate::Template), and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackDefinition {
    stack: StackName,
    parameters: Vec<(&'static str, String)>,
    tags: Vec<(String, String)>,
    audit_retention_days: u32,
}

impl StackOptions {
    /// Checks the options together with the stack's name, and returns the stack that they define.
    ///
    /// # Errors
    /// [`InvalidOption`] for the first option that is refused.
    pub fn for_stack(&self, stack: &StackName) -> Result<StackDefinition, InvalidOption> {
        StackDefinition::new(self, stack)
    }
}

impl StackDefinition {
    fn new(options: &StackOptions, stack: &StackName) -> Result<Self, InvalidOption> {
        validation::check(options, stack.as_str())?;
        let name = stack.as_str();
        let format = |option, text: &Option<String>, kind| {
            let text = text.as_deref();
            text.map(|text| name_format(option, text, kind, name))
                .transpose()
        };
        let roles = format(
            "role_name_format",
            &options.role_name_format,
            NameKind::Role,
        )?;
        let policies = format(
            "policy_name_format",
            &options.policy_name_format,
            NameKind::Policy,
        )?;
        let mut values = parameters::values(options);
        values.extend(parameters::names(name, roles.as_ref(), policies.as_ref()));
        Ok(Self {
            stack: stack.clone(),
            parameters: values,
            tags: tags::all(name, has_functions(options), &options.tags),
            audit_retention_days: options.audit_retention_days,
        })
    }

    /// Returns the name of the stack and of its table.
    pub fn stack(&self) -> &StackName {
        &self.stack
    }

    /// Returns the values of all parameters of the template.
    pub fn parameters(&self) -> &[(&'static str, String)] {
        &self.parameters
    }

    /// Returns the tags of the stack: those by which tools find it, then those of the options.
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// Returns the days for which the history is kept: to be stored in the system's config.
    pub fn audit_retention_days(&self) -> u32 {
        self.audit_retention_days
    }
}

/// Returns true if the stack has a function, as the template's conditions decide.
fn has_functions(options: &StackOptions) -> bool {
    let has_role = options.create_iam || options.aggregator_role_arn.is_some();
    let aggregator = options.enable_aggregator && has_role;
    let provisioner = options.enable_provisioner && options.create_iam;
    options.function_code.is_some() && (aggregator || provisioner)
}
