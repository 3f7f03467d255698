//! `tollgate resource`: limits of a resource, for all entities.

mod bypass;
mod clear_cascade;
mod clear_disabled;
mod delete_defaults;
mod disable;
mod enable;
mod get_defaults;
mod list;
mod set_cascade;
mod set_defaults;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate resource`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    SetDefaults(set_defaults::SetDefaults),
    GetDefaults(get_defaults::GetDefaults),
    DeleteDefaults(delete_defaults::DeleteDefaults),
    List(list::List),
    Disable(disable::Disable),
    Bypass(bypass::Bypass),
    Enable(enable::Enable),
    ClearDisabled(clear_disabled::ClearDisabled),
    SetCascade(set_cascade::SetCascade),
    ClearCascade(clear_cascade::ClearCascade),
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
            Self::Disable(command) => command.run(context).await,
            Self::Bypass(command) => command.run(context).await,
            Self::Enable(command) => command.run(context).await,
            Self::ClearDisabled(command) => command.run(context).await,
            Self::SetCascade(command) => command.run(context).await,
            Self::ClearCascade(command) => command.run(context).await,
        }
    }
}
