//! A namespace as the commands print it.

use std::convert::Infallible;

use serde::Serialize;
use tollgate::model::{NamespaceId, NamespaceInfo, NamespaceStatus};

use crate::{
    failure::Failure,
    output::{Row, or_dash},
    time::rfc3339,
};

/// A namespace.
#[derive(Debug, Serialize)]
pub(super) struct NamespaceRecord {
    name: String,
    namespace_id: String,
    status: NamespaceStatus,
    created_at: Option<String>,
    deleted_at: Option<String>,
}

impl NamespaceRecord {
    pub(super) fn new(info: &NamespaceInfo) -> Self {
        Self {
            name: info.name.clone(),
            namespace_id: info.id.to_string(),
            status: info.status,
            created_at: info.created_at.map(rfc3339),
            deleted_at: info.deleted_at.map(rfc3339),
        }
    }
}

impl Row for NamespaceRecord {
    const COLUMNS: &'static [&'static str] =
        &["Name", "Namespace ID", "Status", "Created At", "Deleted At"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.namespace_id.clone(),
            self.status.to_string(),
            or_dash(&self.created_at),
            or_dash(&self.deleted_at),
        ]
    }
}

/// Reads an id from the arguments. An id that no namespace has finds nothing.
pub(super) fn any_id(text: &str) -> Result<NamespaceId, Infallible> {
    Ok(NamespaceId::new(text))
}

/// Returns the failure for an id that no deleted namespace has.
pub(super) fn unknown(id: &NamespaceId) -> Failure {
    Failure::Refused(format!(
        "there is no deleted namespace with the id {id}: `tollgate namespace orphans` lists the ids"
    ))
}
