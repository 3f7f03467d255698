//! `tollgate entity delete-limits`

use clap::Args;

use super::scope::EntityScope;
use crate::{commands::stored_limits, context::Context, failure::Failure};

/// Deletes the limits that an entity has of its own
#[derive(Debug, Args)]
pub(crate) struct DeleteLimits {
    #[command(flatten)]
    scope: EntityScope,
}

impl DeleteLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let EntityScope { entity, resource } = self.scope;
        let question = format!("Delete limits for entity '{entity}' on resource '{resource}'?");
        let done = format!("Deleted limits for entity '{entity}' on resource '{resource}'");
        let none = format!("No custom limits for entity '{entity}' on resource '{resource}'");
        let scope = resource.scope(entity);
        stored_limits::delete(context, &scope, &question, [&done, &none]).await
    }
}
