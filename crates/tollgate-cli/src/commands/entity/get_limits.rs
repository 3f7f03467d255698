//! `tollgate entity get-limits`

use clap::Args;
use tollgate::EntityId;

use super::scope::ResourceOrAll;
use crate::{commands::stored_limits, context::Context, failure::Failure};

/// Shows the limits that an entity has of its own
#[derive(Debug, Args)]
pub(crate) struct GetLimits {
    /// Entity
    entity: EntityId,
    /// Resource; `_default_` for all
    #[arg(long, short = 'r', default_value_t, value_name = "RESOURCE")]
    resource: ResourceOrAll,
}

impl GetLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Self { entity, resource } = self;
        let heading = format!("Limits for entity '{entity}' on resource '{resource}':");
        let none = format!("No custom limits for entity '{entity}' on resource '{resource}'");
        stored_limits::get(context, &resource.scope(entity), &heading, &none).await
    }
}
