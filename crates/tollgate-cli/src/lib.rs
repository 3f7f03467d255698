//! The `tollgate` command: shows and changes what a table of [`tollgate`] holds.
//!
//! This crate is a program. The only public function is what its binary calls; everything that the
//! command does is in the library `tollgate`.
//!
//! | file or folder | for |
//! |---|---|
//! | `commands/` | one file for each command: its arguments, and its run |
//! | `options`, `context` | the options of all commands; what a command needs to run |
//! | `watch`, `repeat` | repeats a command that reads |
//! | `connect` | opens the stack, without creating anything |
//! | `deployment/` | stacks on AWS: the manager, and the code of the functions |
//! | `sdk_config` | the configuration of the AWS SDK |
//! | `place` | the endpoint or region of the stack |
//! | `output/` | tables, JSON and CSV |
//! | `new_file` | files that are replaced only with --force |
//! | `limits/` | `name:rate[/period][:burst]`: read and written |
//! | `local/` | the table on this machine: a process of its own, and its data |
//! | `aggregation` | the reports of an aggregator |
//! | `change` | changes, which may stop midway |
//! | `progress` | the progress of long work |
//! | `proxy` | HTTP proxies |
//! | `reader` | the end of whoever reads the output |
//! | `failure`, `stderr` | errors and exit codes; lines on the standard error |
//! | `confirm` | the question before something is deleted |
//! | `runtime`, `interrupt` | runs futures; waits for Ctrl-C |
//! | `package/` | the command as a function: its executable, zipped |
//! | `reference` | the page docs/cli.md |
//! | `time` | times as people read them |

mod aggregation;
mod change;
mod commands;
mod confirm;
mod connect;
mod context;
mod deployment;
mod failure;
mod interrupt;
mod limits;
#[cfg(feature = "local")]
mod local;
mod new_file;
mod options;
mod output;
mod package;
mod place;
mod progress;
mod proxy;
mod reader;
mod reference;
mod repeat;
mod runtime;
mod sdk_config;
mod stderr;
mod time;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use commands::{Command, Online};
use context::Context;
use failure::Failure;
use options::Options;

/// Shows and changes limits, entities, namespaces and buckets in a DynamoDB table.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true)]
#[command(after_long_help = concat!(
    "Exit codes: 0 done; 1 failed, or refused by the stored data; 2 wrong arguments; 3 AWS failed or cannot be reached; ",
    "4 there is no such stack; 5 the table differs from the file of `limits diff`; 130 interrupted.\n\n",
    "Environment: TOLLGATE_STACK and TOLLGATE_NAMESPACE, else ZAEL_STACK and ZAEL_NAMESPACE; ",
    "AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and what else the AWS SDK reads; ",
    "TOLLGATE_LOCAL_DATA and TOLLGATE_LOCAL_PORT for the local table."
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
        Command::Online(command) => {
            let (ends_itself, threads) = (command.ends_itself(), command.threads());
            let command = watch::run(command, &mut context, again);
            match threads {
                Some(threads) => runtime::run_on(threads, command),
                None if ends_itself => runtime::run(command),
                None => runtime::until_interrupted(command),
            }
        }
    };
    // Also after a failure: what was printed comes before its line.
    let flushed = context.out.flush().map_err(Failure::from);
    match result.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted(_)) if context.watches => stopped(context),
        Err(failure) => failure.exit(),
    }
}

/// Reads the command from this process's arguments once more.
fn again() -> Option<Online> {
    match Arguments::parse().command {
        Command::Online(command) => Some(command),
        Command::Offline(_) => None,
    }
}

/// Ends a command that shows something until it is interrupted.
fn stopped(mut context: Context) -> ExitCode {
    let told = context.out.line("Interrupted.");
    match told.and_then(|()| context.out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => Failure::from(error).exit(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_all_commands_are_consistent() {
        Arguments::command().debug_assert();
    }
}
