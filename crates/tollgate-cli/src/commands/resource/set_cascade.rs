//! `tollgate resource set-cascade`

use clap::Args;
use tollgate::{Resource, model::ConfigScope};

use crate::{
    commands::flags::{self, Switch},
    context::Context,
    failure::Failure,
};

/// Sets if parents are charged too for a resource, even if the entities say otherwise
///
/// Existing buckets of the resource follow at once. If that fails midway, run it again to finish
/// it.
#[derive(Debug, Args)]
pub(crate) struct SetCascade {
    /// Resource
    resource: Resource,
    /// If parents are charged too
    #[arg(value_enum)]
    value: Switch,
}

impl SetCascade {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let whose = format!("resource '{}'", self.resource);
        let scope = ConfigScope::Resource(self.resource);
        flags::change(context, &scope, self.value.cascade(), &whose).await
    }
}
