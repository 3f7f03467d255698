//! `tollgate bucket`: buckets as they are now.

mod report;
mod show;
mod verdict;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate bucket`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(show::Show),
}

impl Command {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Show(command) => command.run(context).await,
        }
    }
}
