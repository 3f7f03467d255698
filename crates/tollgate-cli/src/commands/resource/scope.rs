//! The scope of a resource's limits.

use clap::Args;
use tollgate::{Resource, model::ConfigScope};

use crate::{
    commands::flags::{self, FlagChange},
    context::Context,
    failure::Failure,
};

/// The arguments that name the scope.
#[derive(Debug, Args)]
pub(crate) struct ResourceScope {
    /// Resource
    resource: Resource,
}

impl ResourceScope {
    /// Changes a flag of the scope.
    pub(super) async fn change(
        self,
        context: &mut Context,
        change: FlagChange,
    ) -> Result<(), Failure> {
        let whose = format!("resource '{}'", self.resource);
        let scope = ConfigScope::Resource(self.resource);
        flags::change(context, &scope, change, &whose).await
    }
}
