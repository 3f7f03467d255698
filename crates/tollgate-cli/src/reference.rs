//! The page `docs/cli.md`, made from the definitions of the commands.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
};

use clap::{Arg, Command};

use crate::failure::Failure;

const HEAD: &str = "# The `tollgate` command

Written by `tollgate reference`; a test fails if it is not up to date. The [guide](guide/operating.md) says how the
command behaves: what it writes, what it prints, and its exit codes.
";

/// Prints the page.
pub(crate) fn print(mut program: Command) -> Result<(), Failure> {
    program.build();
    let mut page = HEAD.to_owned();
    let written =
        write_common(&mut page, &program).and_then(|()| write_all(&mut page, &program, "tollgate"));
    written.map_err(|error| Failure::Refused(error.to_string()))?;
    Ok(io::stdout().write_all(page.as_bytes())?)
}

fn write_common(page: &mut String, program: &Command) -> fmt::Result {
    page.write_str(
        "\n## Common options\n\nEvery command takes them, before or after its own arguments.\n\n",
    )?;
    write_arguments(
        page,
        program.get_arguments().filter(|arg| arg.is_global_set()),
    )
}

/// Writes the commands below `command`, each with its arguments.
fn write_all(page: &mut String, command: &Command, path: &str) -> fmt::Result {
    for command in command.get_subcommands() {
        if command.is_hide_set() || command.get_name() == "help" {
            continue;
        }
        let path = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            write!(page, "\n## {path}\n\n{}.\n", about(command))?;
            write_all(page, command, &path)?;
        } else {
            write_one(page, command, &path)?;
        }
    }
    Ok(())
}

fn write_one(page: &mut String, command: &Command, path: &str) -> fmt::Result {
    write!(page, "\n### {path}\n\n")?;
    let own = || {
        let arguments = command.get_arguments();
        arguments.filter(|arg| {
            !arg.is_global_set() && !matches!(arg.get_id().as_str(), "help" | "version")
        })
    };
    let usage: String = own().map(|arg| format!(" {}", used(arg))).collect();
    write!(
        page,
        "```text\n{path}{usage}\n```\n\n{}\n",
        long_about(command)
    )?;
    if own().next().is_some() {
        page.write_char('\n')?;
        write_arguments(page, own())?;
    }
    Ok(())
}

fn write_arguments<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) -> fmt::Result {
    page.write_str("| argument | meaning |\n|---|---|\n")?;
    for arg in arguments {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let values = arg.get_possible_values();
        let mut notes = Vec::new();
        if !values.is_empty() && arg.get_action().takes_values() {
            let names: Vec<String> = values
                .iter()
                .map(|value| format!("`{}`", value.get_name()))
                .collect();
            notes.push(format!("one of {}", names.join(", ")));
        }
        let defaults: Vec<_> = arg
            .get_default_values()
            .iter()
            .filter_map(|value| value.to_str())
            .collect();
        if !defaults.is_empty() && arg.get_action().takes_values() {
            notes.push(format!("default `{}`", defaults.join(" ")));
        }
        let notes = if notes.is_empty() {
            String::new()
        } else {
            format!(" ({})", notes.join("; "))
        };
        writeln!(
            page,
            "| {} | {}{notes} |",
            spelled(arg),
            help.replace('|', "\\|")
        )?;
    }
    Ok(())
}

/// Returns the argument's spellings: `` `-l`, `--limit <LIMIT>` ``.
fn spelled(arg: &Arg) -> String {
    let name = value_name(arg);
    let value = match arg.get_action().takes_values() {
        true if arg.is_require_equals_set() => format!("[=<{name}>]"),
        true => format!(" <{name}>"),
        false => String::new(),
    };
    match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("`-{short}`, `--{long}{value}`"),
        (None, Some(long)) => format!("`--{long}{value}`"),
        _ => format!("`{}`", value_name(arg)),
    }
}

/// Returns the argument as the usage shows it.
fn used(arg: &Arg) -> String {
    let value = value_name(arg);
    let many = if matches!(arg.get_action(), clap::ArgAction::Append) {
        "…"
    } else {
        ""
    };
    let text = match arg.get_long() {
        Some(long) if arg.get_action().takes_values() => format!("--{long} <{value}>{many}"),
        Some(long) => format!("--{long}"),
        None => format!("{value}{many}"),
    };
    if arg.is_required_set() {
        text
    } else {
        format!("[{text}]")
    }
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.first().map_or_else(
        || arg.get_id().to_string().to_uppercase(),
        ToString::to_string,
    )
}

fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn long_about(command: &Command) -> String {
    match command.get_long_about() {
        // The first paragraph is a title, without a full stop.
        Some(text) => text.to_string().replacen("\n\n", ".\n\n", 1),
        None => format!("{}.", about(command)),
    }
}
