//! `tollgate iam …`

mod policy;
mod terraform;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

#[derive(Debug, Subcommand)]
#[command(subcommand_required = true)]
pub(crate) enum Command {
    Policy(policy::PolicyCommand),
    Terraform(terraform::Terraform),
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Policy(command) => command.run(context),
            Self::Terraform(command) => command.run(context),
        }
    }
}
