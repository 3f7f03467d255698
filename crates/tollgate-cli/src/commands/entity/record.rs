//! An entity as the commands print it.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate::model::Entity;

use crate::{
    output::{Row, or_dash},
    time::rfc3339,
};

/// An entity.
#[derive(Debug, Serialize)]
pub(super) struct EntityRecord {
    entity: String,
    name: String,
    parent: Option<String>,
    cascade: bool,
    created_at: Option<String>,
    metadata: BTreeMap<String, String>,
}

impl EntityRecord {
    pub(super) fn new(entity: &Entity) -> Self {
        Self {
            entity: entity.id.to_string(),
            name: entity.name.clone(),
            parent: entity.parent.as_ref().map(ToString::to_string),
            cascade: entity.cascade,
            created_at: entity.created_at.map(rfc3339),
            metadata: entity.metadata.clone(),
        }
    }
}

impl Row for EntityRecord {
    const COLUMNS: &'static [&'static str] =
        &["Entity", "Name", "Parent", "Cascade", "Created", "Metadata"];

    fn cells(&self) -> Vec<String> {
        let metadata = self
            .metadata
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        vec![
            self.entity.clone(),
            self.name.clone(),
            or_dash(&self.parent),
            if self.cascade { "yes" } else { "no" }.into(),
            or_dash(&self.created_at),
            metadata.collect::<Vec<_>>().join(" "),
        ]
    }
}
