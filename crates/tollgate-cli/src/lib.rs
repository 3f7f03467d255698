//! The `tollgate` command: shows and changes what a table of [`tollgate`] holds.
//!
//! This crate is a program. The only public function is what its binary calls; everything that the
//! command does is in the library `tollgate`.
//!
//! | file or folder | for |
//! |---|---|
//! | `commands/` | one file for each command: its arguments, and its run |
//! | `options` | the options of all commands |
//! | `connect` | opens the stack, without creating anything |
//! | `output/` | tables, JSON and CSV |
//! | `limits/` | `name:rate[/period][:burst]`: read and written |
//! | `failure` | errors and exit codes |

mod commands;
mod confirm;
mod connect;
mod context;
mod failure;
mod limits;
mod options;
mod output;
mod reference;
mod time;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tokio::runtime;

use commands::Command;
use context::Context;
use failure::Failure;
use options::Options;

/// Shows and changes limits, entities, namespaces and buckets in a DynamoDB table.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true)]
#[command(after_long_help = concat!(
    "Exit codes: 0 done; 1 failed, or refused by the stored data; 2 wrong arguments; 3 AWS failed or cannot be reached; ",
    "4 there is no such stack; 130 interrupted.\n\n",
    "Environment: TOLLGATE_STACK and TOLLGATE_NAMESPACE, else ZAEL_STACK and ZAEL_NAMESPACE; ",
    "AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and what else the AWS SDK reads."
))]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// Runs the command of this process's arguments, and returns its exit code.
pub fn main() -> ExitCode {
    // Prints help, version and usage errors, and exits with 0 or 2, before anything is connected.
    let Arguments { options, command } = Arguments::parse();
    let mut context = Context::new(options);
    let result = match command {
        Command::Offline(command) => command.run(&mut context, Arguments::command()),
        Command::Online(command) => connected(command.ends_itself(), command.run(&mut context)),
    };
    let result = result.and_then(|()| Ok(context.out.flush()?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) if context.watches => ExitCode::SUCCESS,
        Err(failure) => failure.exit(),
    }
}

/// Runs a command that talks to AWS, until it ends or, unless the command ends itself then, the user
/// interrupts it.
fn connected(
    ends_itself: bool,
    command: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            result = command => result,
            _ = tokio::signal::ctrl_c(), if !ends_itself => Err(Failure::Interrupted),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_all_commands_are_consistent() {
        Arguments::command().debug_assert();
    }
}
