//! `tollgate entity clear-cascade`

use clap::Args;
use tollgate::EntityId;

use super::scope::ResourceOrAll;
use crate::{
    commands::flags::{self, FlagChange},
    context::Context,
    failure::Failure,
};

/// Removes what `set-cascade` has set: the next level decides again, in the end the entity
///
/// Existing buckets of the entity follow at once. If that fails midway, run it again to finish it.
#[derive(Debug, Args)]
pub(crate) struct ClearCascade {
    /// Entity
    entity: EntityId,
    /// Resource; `_default_` for all
    #[arg(long, short = 'r', default_value_t, value_name = "RESOURCE")]
    resource: ResourceOrAll,
}

impl ClearCascade {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let whose = format!("entity '{}'", self.entity);
        let scope = self.resource.scope(self.entity);
        flags::change(context, &scope, FlagChange::ClearCascade, &whose).await
    }
}
