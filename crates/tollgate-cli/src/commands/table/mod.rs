//! `tollgate table`: the table itself.

mod create;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate table`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
}

impl Command {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(context).await,
        }
    }
}
