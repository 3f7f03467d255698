//! The resources of a template, in order.

use super::conditions::Condition;
use crate::node::Node;

/// A resource of the template.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    id: &'static str,
    kind: &'static str,
    condition: Option<Condition>,
    depends_on: Option<&'static str>,
    is_kept: bool,
    properties: Node,
}

impl Resource {
    pub(super) fn new(id: &'static str, kind: &'static str, properties: Node) -> Self {
        Self {
            id,
            kind,
            condition: None,
            depends_on: None,
            is_kept: false,
            properties,
        }
    }

    pub(super) fn only_if(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    pub(super) fn after(mut self, resource: &'static str) -> Self {
        self.depends_on = Some(resource);
        self
    }

    /// Keeps the resource if the stack is deleted, or if an update would replace it.
    pub(super) fn kept(mut self) -> Self {
        self.is_kept = true;
        self
    }

    /// Returns the logical id and the definition.
    pub(super) fn into_entry(self) -> (String, Node) {
        let mut entries = vec![("Type", self.kind.into())];
        if let Some(condition) = self.condition {
            entries.push(("Condition", condition.id().into()));
        }
        if let Some(resource) = self.depends_on {
            entries.push(("DependsOn", resource.into()));
        }
        if self.is_kept {
            entries.push(("DeletionPolicy", "Retain".into()));
            entries.push(("UpdateReplacePolicy", "Retain".into()));
        }
        entries.push(("Properties", self.properties));
        let entries = entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        (self.id.to_owned(), Node::Map(entries.collect()))
    }
}
