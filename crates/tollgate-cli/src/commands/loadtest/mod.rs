//! `tollgate loadtest`: load tests of a table, or of a URL behind a layer.

mod clean_up;
mod figures;
mod live;
mod load;
mod message;
mod page;
mod part;
mod processes;
mod run;
mod setup;
mod summary;
mod target;
mod thresholds;
mod token_streams;
mod tune;
mod units;
mod worker;
mod write_units;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate loadtest`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<run::Run>),
    Tune(Box<tune::Tune>),
}

impl Command {
    /// Returns the number of threads that the command wants, at least.
    pub(super) fn threads(&self) -> usize {
        match self {
            Self::Run(command) => command.threads(),
            Self::Tune(command) => command.threads(),
        }
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Run(command) => command.run(context).await,
            Self::Tune(command) => command.run(context).await,
        }
    }
}
