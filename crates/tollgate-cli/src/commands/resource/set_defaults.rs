//! `tollgate resource set-defaults`

use clap::Args;
use tollgate::{Resource, model::ConfigScope};

use crate::{
    commands::{new_limits::NewLimits, stored_limits},
    context::Context,
    failure::Failure,
};

/// Stores the limits of a resource, in place of those that were stored
#[derive(Debug, Args)]
pub(crate) struct SetDefaults {
    /// Resource
    resource: Resource,
    #[command(flatten)]
    limits: NewLimits,
}

impl SetDefaults {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Self { resource, limits } = self;
        let config = limits.config()?;
        let heading = format!(
            "Set {} default(s) for resource '{resource}':",
            config.limits.len()
        );
        stored_limits::set(context, ConfigScope::Resource(resource), config, &heading).await
    }
}
