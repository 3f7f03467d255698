//! `tollgate system`: limits of all resources, for all entities.

mod delete_defaults;
mod get_defaults;
mod set_defaults;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate system`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(name = "set-defaults")]
    Set(set_defaults::SetDefaults),
    #[command(name = "get-defaults")]
    Get(get_defaults::GetDefaults),
    #[command(name = "delete-defaults")]
    Delete(delete_defaults::DeleteDefaults),
}

impl Command {
    /// Returns true if the command reads.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self, Self::Get(_))
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Set(command) => command.run(context).await,
            Self::Get(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
        }
    }
}
