//! `tollgate resource delete-defaults`

use clap::Args;
use tollgate::{Resource, model::ConfigScope};

use crate::{commands::stored_limits, context::Context, failure::Failure};

/// Deletes the limits of a resource
#[derive(Debug, Args)]
pub(crate) struct DeleteDefaults {
    /// Resource
    resource: Resource,
}

impl DeleteDefaults {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let question = format!("Delete all defaults for resource '{}'?", self.resource);
        let done = format!("Deleted defaults for resource '{}'", self.resource);
        let none = format!("No defaults configured for resource '{}'", self.resource);
        let scope = ConfigScope::Resource(self.resource);
        stored_limits::delete(context, &scope, &question, [&done, &none]).await
    }
}
