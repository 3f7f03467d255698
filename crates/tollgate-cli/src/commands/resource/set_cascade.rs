//! `tollgate resource set-cascade`

use super::scope::ResourceScope;
use crate::{commands::flags::Switch, context::Context, failure::Failure};
use clap::Args;

/// Sets if parents are charged too for a resource, even if the entities say otherwise
///
/// Existing buckets of the resource follow at once. If that fails midway, run it again to finish
/// it.
#[derive(Debug, Args)]
pub(crate) struct SetCascade {
    #[command(flatten)]
    scope: ResourceScope,
    /// If parents are charged too
    #[arg(value_enum)]
    value: Switch,
}

impl SetCascade {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.scope.change(context, self.value.cascade()).await
    }
}
