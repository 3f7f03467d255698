//! `tollgate resource clear-cascade`

use clap::Args;
use tollgate::{Resource, model::ConfigScope};

use crate::{
    commands::flags::{self, FlagChange},
    context::Context,
    failure::Failure,
};

/// Removes what `set-cascade` has set: the entities decide again
///
/// Existing buckets of the resource follow at once. If that fails midway, run it again to finish
/// it.
#[derive(Debug, Args)]
pub(crate) struct ClearCascade {
    /// Resource
    resource: Resource,
}

impl ClearCascade {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let whose = format!("resource '{}'", self.resource);
        let scope = ConfigScope::Resource(self.resource);
        flags::change(context, &scope, FlagChange::ClearCascade, &whose).await
    }
}
