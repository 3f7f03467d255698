//! `tollgate entity set-limits`

use clap::Args;
use tollgate::EntityId;

use super::scope::ResourceOrAll;
use crate::{
    commands::stored_limits::{self, NewLimits},
    context::Context,
    failure::Failure,
};

/// Stores limits of an entity, in place of those that were stored for the resource
#[derive(Debug, Args)]
pub(crate) struct SetLimits {
    /// Entity
    entity: EntityId,
    /// Resource; `_default_` for all
    #[arg(long, short = 'r', default_value_t, value_name = "RESOURCE")]
    resource: ResourceOrAll,
    #[command(flatten)]
    limits: NewLimits,
}

impl SetLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Self {
            entity,
            resource,
            limits,
        } = self;
        let config = limits.config()?;
        let heading = format!(
            "Set {} limit(s) for entity '{entity}' on resource '{resource}':",
            config.limits.len()
        );
        stored_limits::set(context, resource.scope(entity), config, &heading).await
    }
}
