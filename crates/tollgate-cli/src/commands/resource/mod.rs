//! `tollgate resource`: limits of a resource, for all entities.

mod delete_defaults;
mod get_defaults;
mod list;
mod scope;
mod set_cascade;
mod set_defaults;

use clap::Subcommand;

use crate::{commands::flags::FlagChange, context::Context, failure::Failure};
use scope::ResourceScope;

/// The commands of `tollgate resource`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    SetDefaults(set_defaults::SetDefaults),
    GetDefaults(get_defaults::GetDefaults),
    DeleteDefaults(delete_defaults::DeleteDefaults),
    List(list::List),
    /// Refuses every request for a resource
    ///
    /// Existing buckets of the resource follow at once. If that fails midway, run it again to
    /// finish it.
    Disable(ResourceScope),
    /// Grants and counts every request, without charging buckets
    ///
    /// Existing buckets of the resource follow at once. If that fails midway, run it again to
    /// finish it.
    Bypass(ResourceScope),
    /// Lets the limits decide, even if a lower level disables or bypasses
    ///
    /// Existing buckets of the resource follow at once. If that fails midway, run it again to
    /// finish it.
    Enable(ResourceScope),
    /// Removes what disable, bypass or enable have set: the next level decides
    ///
    /// Existing buckets of the resource follow at once. If that fails midway, run it again to
    /// finish it.
    ClearDisabled(ResourceScope),
    SetCascade(set_cascade::SetCascade),
    /// Removes what `set-cascade` has set: the entities decide again
    ///
    /// Existing buckets of the resource follow at once. If that fails midway, run it again to
    /// finish it.
    ClearCascade(ResourceScope),
}

impl Command {
    /// Returns true if the command reads.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self, Self::GetDefaults(_) | Self::List(_))
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::SetDefaults(command) => command.run(context).await,
            Self::GetDefaults(command) => command.run(context).await,
            Self::DeleteDefaults(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Disable(scope) => scope.change(context, FlagChange::Disable).await,
            Self::Bypass(scope) => scope.change(context, FlagChange::Bypass).await,
            Self::Enable(scope) => scope.change(context, FlagChange::Enable).await,
            Self::ClearDisabled(scope) => scope.change(context, FlagChange::Clear).await,
            Self::SetCascade(command) => command.run(context).await,
            Self::ClearCascade(scope) => scope.change(context, FlagChange::ClearCascade).await,
        }
    }
}
