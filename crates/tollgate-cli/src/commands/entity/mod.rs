//! `tollgate entity`: entities, and limits of their own.

mod bypass;
mod children;
mod clear_cascade;
mod clear_disabled;
mod create;
mod delete;
mod delete_limits;
mod disable;
mod enable;
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

use crate::{context::Context, failure::Failure};

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
    Disable(disable::Disable),
    Bypass(bypass::Bypass),
    Enable(enable::Enable),
    ClearDisabled(clear_disabled::ClearDisabled),
    SetCascade(set_cascade::SetCascade),
    ClearCascade(clear_cascade::ClearCascade),
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
            Self::Disable(command) => command.run(context).await,
            Self::Bypass(command) => command.run(context).await,
            Self::Enable(command) => command.run(context).await,
            Self::ClearDisabled(command) => command.run(context).await,
            Self::SetCascade(command) => command.run(context).await,
            Self::ClearCascade(command) => command.run(context).await,
            Self::SetParent(command) => command.run(context).await,
            Self::Reset(command) => command.run(context).await,
            Self::TopUp(command) => command.run(context).await,
        }
    }
}
