//! `tollgate entity enable`

use clap::Args;
use tollgate::EntityId;

use super::scope::ResourceOrAll;
use crate::{
    commands::flags::{self, FlagChange},
    context::Context,
    failure::Failure,
};

/// Lets the limits decide, even if a lower level disables or bypasses
///
/// Existing buckets of the entity follow at once. If that fails midway, run it again to finish it.
#[derive(Debug, Args)]
pub(crate) struct Enable {
    /// Entity
    entity: EntityId,
    /// Resource; `_default_` for all
    #[arg(long, short = 'r', default_value_t, value_name = "RESOURCE")]
    resource: ResourceOrAll,
}

impl Enable {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let whose = format!("entity '{}'", self.entity);
        let scope = self.resource.scope(self.entity);
        flags::change(context, &scope, FlagChange::Enable, &whose).await
    }
}
