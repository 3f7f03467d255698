//! `tollgate entity`: entities, and limits of their own.

mod children;
mod create;
mod delete;
mod delete_limits;
mod get_limits;
mod list;
mod list_resources;
mod record;
mod reset;
mod scope;
mod set_cascade;
mod set_limits;
mod set_parent;
mod show;
mod top_up;

use clap::Subcommand;

use crate::{commands::flags::FlagChange, context::Context, failure::Failure};
use scope::EntityScope;

/// The commands of `tollgate entity`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    Show(show::Show),
    List(list::List),
    ListResources(list_resources::ListResources),
    Children(children::Children),
    SetLimits(set_limits::SetLimits),
    GetLimits(get_limits::GetLimits),
    DeleteLimits(delete_limits::DeleteLimits),
    Delete(delete::Delete),
    /// Refuses every request of an entity
    ///
    /// Existing buckets of the entity follow at once. If that fails midway, run it again to finish
    /// it.
    Disable(EntityScope),
    /// Grants and counts every request, without charging buckets
    ///
    /// Existing buckets of the entity follow at once. If that fails midway, run it again to finish
    /// it.
    Bypass(EntityScope),
    /// Lets the limits decide, even if a lower level disables or bypasses
    ///
    /// Existing buckets of the entity follow at once. If that fails midway, run it again to finish
    /// it.
    Enable(EntityScope),
    /// Removes what disable, bypass or enable have set: the next level decides
    ///
    /// Existing buckets of the entity follow at once. If that fails midway, run it again to finish
    /// it.
    ClearDisabled(EntityScope),
    SetCascade(set_cascade::SetCascade),
    /// Removes what `set-cascade` has set: the next level decides again, in the end the entity
    ///
    /// Existing buckets of the entity follow at once. If that fails midway, run it again to finish
    /// it.
    ClearCascade(EntityScope),
    SetParent(set_parent::SetParent),
    Reset(reset::Reset),
    TopUp(top_up::TopUp),
}

impl Command {
    /// Returns true if the command reads.
    pub(super) fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Show(_)
                | Self::List(_)
                | Self::ListResources(_)
                | Self::Children(_)
                | Self::GetLimits(_)
        )
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::ListResources(command) => command.run(context).await,
            Self::Children(command) => command.run(context).await,
            Self::SetLimits(command) => command.run(context).await,
            Self::GetLimits(command) => command.run(context).await,
            Self::DeleteLimits(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
            Self::Disable(scope) => scope.change(context, FlagChange::Disable).await,
            Self::Bypass(scope) => scope.change(context, FlagChange::Bypass).await,
            Self::Enable(scope) => scope.change(context, FlagChange::Enable).await,
            Self::ClearDisabled(scope) => scope.change(context, FlagChange::Clear).await,
            Self::SetCascade(command) => command.run(context).await,
            Self::ClearCascade(scope) => scope.change(context, FlagChange::ClearCascade).await,
            Self::SetParent(command) => command.run(context).await,
            Self::Reset(command) => command.run(context).await,
            Self::TopUp(command) => command.run(context).await,
        }
    }
}
