//! `tollgate resource disable`

use clap::Args;
use tollgate::{Resource, model::ConfigScope};

use crate::{
    commands::flags::{self, FlagChange},
    context::Context,
    failure::Failure,
};

/// Refuses every request
///
/// Existing buckets of the resource follow at once. If that fails midway, run it again to finish
/// it.
#[derive(Debug, Args)]
pub(crate) struct Disable {
    /// Resource
    resource: Resource,
}

impl Disable {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let whose = format!("resource '{}'", self.resource);
        let scope = ConfigScope::Resource(self.resource);
        flags::change(context, &scope, FlagChange::Disable, &whose).await
    }
}
