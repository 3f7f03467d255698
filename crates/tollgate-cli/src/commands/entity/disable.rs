//! `tollgate entity disable`

use clap::Args;
use tollgate::EntityId;

use super::scope::ResourceOrAll;
use crate::{
    commands::flags::{self, FlagChange},
    context::Context,
    failure::Failure,
};

/// Refuses every request
///
/// Existing buckets of the entity follow at once. If that fails midway, run it again to finish it.
#[derive(Debug, Args)]
pub(crate) struct Disable {
    /// Entity
    entity: EntityId,
    /// Resource; `_default_` for all
    #[arg(long, short = 'r', default_value_t, value_name = "RESOURCE")]
    resource: ResourceOrAll,
}

impl Disable {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let whose = format!("entity '{}'", self.entity);
        let scope = self.resource.scope(self.entity);
        flags::change(context, &scope, FlagChange::Disable, &whose).await
    }
}
