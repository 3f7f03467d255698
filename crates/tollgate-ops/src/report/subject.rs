//! The subject of a section.

use std::fmt;

use tollgate::{EntityId, Resource};

/// An entity and a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    pub(super) entity: EntityId,
    pub(super) resource: Resource,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.entity, self.resource)
    }
}
