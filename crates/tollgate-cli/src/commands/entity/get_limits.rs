//! `tollgate entity get-limits`

use clap::Args;

use super::scope::EntityScope;
use crate::{commands::stored_limits, context::Context, failure::Failure};

/// Shows the limits that an entity has of its own
#[derive(Debug, Args)]
pub(crate) struct GetLimits {
    #[command(flatten)]
    scope: EntityScope,
}

impl GetLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let EntityScope { entity, resource } = self.scope;
        let heading = format!("Limits for entity '{entity}' on resource '{resource}':");
        let none = format!("No custom limits for entity '{entity}' on resource '{resource}'");
        stored_limits::get(context, &resource.scope(entity), &heading, &none).await
    }
}
