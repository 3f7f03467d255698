//! Calls of AWS.

use std::collections::BTreeMap;

/// A call, as IAM sees it. A transaction and a batch are several calls, one for each item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) leading_keys: Vec<String>,
    pub(super) principal_tags: BTreeMap<String, String>,
}

impl Call {
    /// Creates a call of an action, such as `dynamodb:GetItem`, on the resource with an ARN.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            leading_keys: Vec::new(),
            principal_tags: BTreeMap::new(),
        }
    }

    /// Adds the partition key of an item or of a query.
    pub fn leading_key(mut self, key: impl Into<String>) -> Self {
        self.leading_keys.push(key.into());
        self
    }

    /// Adds a tag of the caller's role or session.
    pub fn principal_tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.principal_tags.insert(name.into(), value.into());
        self
    }

    /// Returns the action.
    pub fn action(&self) -> &str {
        &self.action
    }
}
