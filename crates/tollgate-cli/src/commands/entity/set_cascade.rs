//! `tollgate entity set-cascade`

use clap::Args;
use tollgate::EntityId;

use super::scope::ResourceOrAll;
use crate::{
    commands::flags::{self, Switch},
    context::Context,
    failure::Failure,
};

/// Sets if the parent is charged too, even if the entity was created otherwise
///
/// Existing buckets of the entity follow at once. If that fails midway, run it again to finish it.
#[derive(Debug, Args)]
pub(crate) struct SetCascade {
    /// Entity
    entity: EntityId,
    /// If the parent is charged too
    #[arg(value_enum)]
    value: Switch,
    /// Resource; `_default_` for all
    #[arg(long, short = 'r', default_value_t, value_name = "RESOURCE")]
    resource: ResourceOrAll,
}

impl SetCascade {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let whose = format!("entity '{}'", self.entity);
        let scope = self.resource.scope(self.entity);
        flags::change(context, &scope, self.value.cascade(), &whose).await
    }
}
