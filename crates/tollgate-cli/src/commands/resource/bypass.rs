//! `tollgate resource bypass`

use clap::Args;
use tollgate::{Resource, model::ConfigScope};

use crate::{
    commands::flags::{self, FlagChange},
    context::Context,
    failure::Failure,
};

/// Grants and counts every request, without charging buckets
///
/// Existing buckets of the resource follow at once. If that fails midway, run it again to finish
/// it.
#[derive(Debug, Args)]
pub(crate) struct Bypass {
    /// Resource
    resource: Resource,
}

impl Bypass {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let whose = format!("resource '{}'", self.resource);
        let scope = ConfigScope::Resource(self.resource);
        flags::change(context, &scope, FlagChange::Bypass, &whose).await
    }
}
