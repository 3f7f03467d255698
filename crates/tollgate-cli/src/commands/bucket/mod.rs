//! `tollgate bucket`: buckets as they are now.

mod list;
mod report;
mod reset;
mod shard;
mod show;
mod stamps;
mod top_up;
mod verdict;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate bucket`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(show::Show),
    List(list::List),
    Reset(reset::Reset),
    TopUp(top_up::TopUp),
}

impl Command {
    /// Returns true if the command reads, and ends after it has printed what it read.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self, Self::Show(_) | Self::List(_))
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Show(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Reset(command) => command.run(context).await,
            Self::TopUp(command) => command.run(context).await,
        }
    }
}
