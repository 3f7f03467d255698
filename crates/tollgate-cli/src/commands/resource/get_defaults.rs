//! `tollgate resource get-defaults`

use clap::Args;
use tollgate::{Resource, model::ConfigScope};

use crate::{commands::stored_limits, context::Context, failure::Failure};

/// Shows the limits of a resource
#[derive(Debug, Args)]
pub(crate) struct GetDefaults {
    /// Resource
    resource: Resource,
}

impl GetDefaults {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let heading = format!("Defaults for resource '{}':", self.resource);
        let none = format!("No defaults configured for resource '{}'", self.resource);
        stored_limits::get(
            context,
            &ConfigScope::Resource(self.resource),
            &heading,
            &none,
        )
        .await
    }
}
