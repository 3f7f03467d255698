//! `tollgate entity set-cascade`

use clap::Args;

use super::scope::EntityScope;
use crate::{commands::flags::Switch, context::Context, failure::Failure};

/// Sets if the parent is charged too, even if the entity was created otherwise
///
/// Existing buckets of the entity follow at once. If that fails midway, run it again to finish it.
#[derive(Debug, Args)]
pub(crate) struct SetCascade {
    #[command(flatten)]
    scope: EntityScope,
    /// If the parent is charged too
    #[arg(value_enum)]
    value: Switch,
}

impl SetCascade {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.scope.change(context, self.value.cascade()).await
    }
}
