//! A deployment that is ready to be made.

use super::{deployed::DeployedStack, package::FunctionPackage, plan::ParameterChange};
use crate::options::{StackDefinition, StackOptions};

/// A deployment that is ready to be made: the stack is read and the options are checked.
#[derive(Clone, Debug)]
#[must_use = "it changes nothing by itself"]
pub struct Prepared {
    pub(super) current: Option<DeployedStack>,
    pub(super) base: Option<StackDefinition>,
    pub(super) wanted: StackDefinition,
    pub(super) options: StackOptions,
    pub(super) package: Option<FunctionPackage>,
    pub(super) stored_retention: Option<u32>,
}

impl Prepared {
    /// Returns the stack that exists; `None` if it will be created.
    pub fn current(&self) -> Option<&DeployedStack> {
        self.current.as_ref()
    }

    /// Returns the definition of the stack that is wanted.
    pub fn definition(&self) -> &StackDefinition {
        &self.wanted
    }

    /// Returns true if the deployment changes no option of a stack that exists, but the days for which
    /// the history is kept: these are in a record of the table.
    pub fn keeps_options(&self) -> bool {
        let known = self
            .base
            .as_ref()
            .map(|base| (base.parameters(), base.tags()));
        known == Some((self.wanted.parameters(), self.wanted.tags()))
    }

    /// Returns the changes of records in the table of a stack that exists, which no plan of
    /// CloudFormation shows: the days for which the history is kept.
    pub fn record_changes(&self) -> Vec<ParameterChange> {
        let days = self.wanted.audit_retention_days();
        let is_new = self.current.is_none() && self.stored_retention.is_none();
        if is_new || self.stored_retention == Some(days) {
            return Vec::new();
        }
        vec![ParameterChange {
            name: "AuditRetentionDays".to_owned(),
            old: self.stored_retention.map(|days| days.to_string()),
            new: days.to_string(),
        }]
    }

    /// Returns true if the options want functions, and there is no code for them.
    pub fn lacks_code(&self) -> bool {
        self.options.function_code.is_none() && self.options.can_have_functions()
    }

    /// Returns the tags of the definition that the stack does not have.
    pub fn missing_tags(&self) -> impl Iterator<Item = (&str, &str)> {
        let has = |key: &str| {
            let current = self.current.as_ref();
            current.is_some_and(|stack| stack.tags.contains_key(key))
        };
        let tags = self.wanted.tags().iter();
        tags.filter(move |(key, _)| !has(key))
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// The buckets of a deployment.
impl Prepared {
    /// Returns true if the archive leaves the stack. The bucket and its objects are kept.
    pub fn removes_archive(&self) -> bool {
        let has_archive = |stack: &DeployedStack| stack.archive().is_some();
        self.current.as_ref().is_some_and(has_archive) && !self.wanted.has_archive()
    }

    /// Returns the key of the functions' code; `None` if there is no code yet.
    pub(super) fn function_code(&self) -> Option<&str> {
        self.options.function_code.as_ref().map(|code| &*code.key)
    }

    /// Returns the days for which the history is kept until now, if they are stored.
    pub(super) fn stored_retention(&self) -> Option<u32> {
        self.stored_retention
    }

    /// Returns true if the stack has a code bucket, and will have none.
    pub(super) fn leaves_code_bucket(&self, stack: &DeployedStack) -> bool {
        // A stack of zae-limiter has its code in the bucket of the archive.
        let is_own = stack.code_bucket().is_some() && stack.code_bucket() != stack.archive();
        is_own && !self.wanted.has_code_bucket()
    }

    /// Returns true if there is code for the stack's own bucket, and the stack does not have it yet.
    pub(super) fn needs_code_bucket(&self, stack: &DeployedStack) -> bool {
        self.own_code().is_some() && stack.code_bucket().is_none()
    }

    /// Returns the code for a bucket of the user's own, and the bucket.
    pub(super) fn code_elsewhere(&self) -> Option<(&FunctionPackage, &str)> {
        Some((self.used_code()?, self.other_bucket()?))
    }

    /// Returns the code for the stack's own bucket.
    pub(super) fn own_code(&self) -> Option<&FunctionPackage> {
        self.used_code().filter(|_| self.other_bucket().is_none())
    }

    fn used_code(&self) -> Option<&FunctionPackage> {
        let package = self.package.as_ref();
        package.filter(|_| self.wanted.has_functions())
    }

    fn other_bucket(&self) -> Option<&str> {
        let code = self.options.function_code.as_ref()?;
        code.bucket.as_deref()
    }
}
