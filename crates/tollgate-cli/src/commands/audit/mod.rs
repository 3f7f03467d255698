//! `tollgate audit`: the history of changes.

mod list;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(list::List),
}

impl Command {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::List(command) => command.run(context).await,
        }
    }
}
