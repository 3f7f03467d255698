//! `tollgate namespace`: tenants in one table.

mod delete;
mod list;
mod orphans;
mod purge;
mod record;
mod recover;
mod register;
mod show;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate namespace`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Register(register::Register),
    List(list::List),
    Show(show::Show),
    Delete(delete::Delete),
    Recover(recover::Recover),
    Orphans(orphans::Orphans),
    Purge(purge::Purge),
}

impl Command {
    /// Returns true if the command reads.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self, Self::List(_) | Self::Show(_) | Self::Orphans(_))
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Register(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
            Self::Recover(command) => command.run(context).await,
            Self::Orphans(command) => command.run(context).await,
            Self::Purge(command) => command.run(context).await,
        }
    }
}
