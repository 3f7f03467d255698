//! A stack that options define.

use tollgate::model::StackName;

use super::{
    error::InvalidOption, format_option::name_format, parameters, stack_options::StackOptions,
    tags, validation,
};
use crate::names::{NameKind, StackFunction};

/// A stack that checked options define: parameters for the [`Template`](crate::Template), and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackDefinition {
    stack: StackName,
    parameters: Vec<(&'static str, String)>,
    tags: Vec<(String, String)>,
    audit_retention_days: u32,
    has_functions: bool,
    has_archive: bool,
    has_code_bucket: bool,
    left_out: Vec<StackFunction>,
}

impl StackOptions {
    /// Checks the options together with the stack's name, and returns the stack that they define.
    ///
    /// # Errors
    /// [`InvalidOption`] for the first option that is refused.
    pub fn for_stack(&self, stack: &StackName) -> Result<StackDefinition, InvalidOption> {
        validation::check(self, stack.as_str())?;
        StackDefinition::new(self, stack)
    }

    /// Returns the stack that the options of a stack that exists define, also if they would be refused.
    #[cfg(feature = "manager")]
    pub(crate) fn as_found(&self, stack: &StackName) -> Option<StackDefinition> {
        StackDefinition::new(self, stack).ok()
    }
}

impl StackDefinition {
    fn new(options: &StackOptions, stack: &StackName) -> Result<Self, InvalidOption> {
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
            tags: tags::all(name, options.used_code(), &options.tags),
            audit_retention_days: options.audit_retention_days,
            has_functions: options.has_functions(),
            has_archive: options.can_aggregate() && options.enable_audit_archival,
            has_code_bucket: options.has_code_bucket(),
            left_out: options.left_out(),
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

    /// Returns true if the stack has a function, with code.
    pub fn has_functions(&self) -> bool {
        self.has_functions
    }

    /// Returns true if the stack has an archive.
    pub fn has_archive(&self) -> bool {
        self.has_archive
    }

    /// Returns true if the stack has a bucket of its own for the code of functions.
    pub fn has_code_bucket(&self) -> bool {
        self.has_code_bucket
    }

    /// Returns the functions that the options want, and that have no role because there are no IAM
    /// resources.
    pub fn left_out(&self) -> &[StackFunction] {
        &self.left_out
    }

    /// Returns the value of a parameter, or an empty text if the template does not have it.
    #[cfg(feature = "manager")]
    pub(crate) fn parameter(&self, name: &str) -> &str {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Returns the days for which the history is kept: to be stored in the system's config.
    pub fn audit_retention_days(&self) -> u32 {
        self.audit_retention_days
    }
}

impl StackOptions {
    /// Returns true if the stack can have the aggregator, as the template's conditions decide.
    pub(crate) fn can_aggregate(&self) -> bool {
        self.enable_aggregator && (self.create_iam || self.aggregator_role_arn.is_some())
    }

    /// Returns true if the stack has a function as soon as it has code.
    pub fn can_have_functions(&self) -> bool {
        self.wanted_functions().next().is_some()
    }

    /// Returns the functions that the stack has as soon as it has code.
    pub(super) fn wanted_functions(&self) -> impl Iterator<Item = StackFunction> {
        let provisions = self.enable_provisioner && self.create_iam;
        let aggregator = self.can_aggregate().then_some(StackFunction::Aggregator);
        let provisioner = provisions.then_some(StackFunction::Provisioner);
        aggregator.into_iter().chain(provisioner)
    }

    fn left_out(&self) -> Vec<StackFunction> {
        let aggregator = self.enable_aggregator && !self.can_aggregate();
        let provisioner = self.enable_provisioner && !self.create_iam;
        let functions = [
            (StackFunction::Aggregator, aggregator),
            (StackFunction::Provisioner, provisioner),
        ];
        let left_out = functions.into_iter().filter(|(_, is_out)| *is_out);
        left_out.map(|(function, _)| function).collect()
    }

    fn has_functions(&self) -> bool {
        self.used_code().is_some()
    }

    /// Returns the key of the functions' code, if there are functions that use it.
    fn used_code(&self) -> Option<&str> {
        let code = self.function_code.as_ref();
        code.filter(|_| self.can_have_functions())
            .map(|code| &*code.key)
    }

    fn has_code_bucket(&self) -> bool {
        let code = self.function_code.as_ref();
        self.can_have_functions() && code.is_none_or(|code| code.bucket.is_none())
    }
}
