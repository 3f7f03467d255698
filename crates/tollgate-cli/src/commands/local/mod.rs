//! `tollgate local`: a table on this machine.

mod down;
mod env;
mod logs;
mod port;
mod record;
mod serve;
mod shell;
mod status;
mod up;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate local`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(up::Up),
    Down(down::Down),
    Status(status::Status),
    Logs(logs::Logs),
    Env(env::Env),
    #[command(hide = true)]
    Serve(serve::Serve),
}

impl Command {
    /// Returns true if the command repeats itself with `--watch`.
    pub(super) fn repeats(&self) -> bool {
        matches!(self, Self::Status(_))
    }

    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Up(command) => command.run(context),
            Self::Down(command) => command.run(context),
            Self::Status(command) => command.run(context),
            Self::Logs(command) => command.run(context),
            Self::Env(command) => command.run(context),
            Self::Serve(command) => command.run(context),
        }
    }
}
