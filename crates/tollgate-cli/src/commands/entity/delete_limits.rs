//! `tollgate entity delete-limits`

use clap::Args;
use tollgate::EntityId;

use super::scope::ResourceOrAll;
use crate::{commands::stored_limits, context::Context, failure::Failure};

/// Deletes the limits that an entity has of its own
#[derive(Debug, Args)]
pub(crate) struct DeleteLimits {
    /// Entity
    entity: EntityId,
    /// Resource; `_default_` for all
    #[arg(long, short = 'r', default_value_t, value_name = "RESOURCE")]
    resource: ResourceOrAll,
}

impl DeleteLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Self { entity, resource } = self;
        let question = format!("Delete limits for entity '{entity}' on resource '{resource}'?");
        let done = format!("Deleted limits for entity '{entity}' on resource '{resource}'");
        let none = format!("No custom limits for entity '{entity}' on resource '{resource}'");
        let scope = resource.scope(entity);
        stored_limits::delete(context, &scope, &question, [&done, &none]).await
    }
}
