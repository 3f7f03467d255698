//! `tollgate entity set-limits`

use clap::Args;

use super::scope::EntityScope;
use crate::{
    commands::{new_limits::NewLimits, stored_limits},
    context::Context,
    failure::Failure,
};

/// Stores limits of an entity, in place of those that were stored for the resource
#[derive(Debug, Args)]
pub(crate) struct SetLimits {
    #[command(flatten)]
    scope: EntityScope,
    #[command(flatten)]
    limits: NewLimits,
}

impl SetLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let EntityScope { entity, resource } = self.scope;
        let config = self.limits.config()?;
        let heading = format!(
            "Set {} limit(s) for entity '{entity}' on resource '{resource}':",
            config.limits.len()
        );
        stored_limits::set(context, resource.scope(entity), config, &heading).await
    }
}
