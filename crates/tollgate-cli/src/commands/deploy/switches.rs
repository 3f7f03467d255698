//! Options of a stack that are on or off: `--enable-alarms`, `--enable-alarms false`, `--no-alarms`.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use tollgate_aws::StackOptions;

/// Sets an option.
type Set = fn(StackOptions, bool) -> StackOptions;

/// The switches: how they are named when they are on and off, what they are for, and what they set.
const SWITCHES: [(&str, &str, &str, Set); 10] = [
    (
        "enable-aggregator",
        "no-aggregator",
        "Count usage with a function [default: true]",
        StackOptions::enable_aggregator,
    ),
    (
        "enable-provisioner",
        "no-provisioner",
        "Apply files of limits with a function [default: true]",
        StackOptions::enable_provisioner,
    ),
    (
        "enable-deletion-protection",
        "no-deletion-protection",
        "DynamoDB refuses to delete the table [default: true]",
        StackOptions::enable_deletion_protection,
    ),
    (
        "enable-audit-archival",
        "no-audit-archival",
        "Archive expired events of the history in S3 [default: true]",
        StackOptions::enable_audit_archival,
    ),
    (
        "enable-alarms",
        "no-alarms",
        "Create alarms [default: true]",
        StackOptions::enable_alarms,
    ),
    (
        "enable-idle-alarm",
        "no-idle-alarm",
        "Create the alarm for an aggregator that sees no records [default: true]",
        StackOptions::enable_idle_alarm,
    ),
    (
        "enable-tracing",
        "no-tracing",
        "Trace the aggregator with X-Ray [default: false]",
        StackOptions::enable_tracing,
    ),
    (
        "iam",
        "no-iam",
        "Create IAM policies and roles [default: true]",
        StackOptions::create_iam,
    ),
    (
        "create-iam-roles",
        "no-create-iam-roles",
        "Create roles for services, administrators and dashboards [default: false]",
        StackOptions::create_iam_roles,
    ),
    (
        "enable-python-indexes",
        "no-python-indexes",
        "Indexes as in the template of zae-limiter. Fixed when the table is created [default: false]",
        StackOptions::python_indexes,
    ),
];

/// The switches that are given.
#[derive(Clone, Debug, Default)]
pub(super) struct Switches {
    given: Vec<(Set, bool)>,
}

impl Switches {
    /// Sets the options that are given.
    pub(super) fn apply(&self, options: StackOptions) -> StackOptions {
        let given = self.given.iter();
        given.fold(options, |options, (set, on)| set(options, *on))
    }
}

impl Args for Switches {
    fn augment_args(command: Command) -> Command {
        SWITCHES
            .iter()
            .fold(command, |command, (on, off, help, _)| {
                let on_argument = Arg::new(*on)
                    .long(*on)
                    .help(*help)
                    .value_name("BOOL")
                    .num_args(0..=1)
                    .default_missing_value("true")
                    .value_parser(value_parser!(bool))
                    .hide_possible_values(true)
                    .overrides_with(*off);
                let off_argument = Arg::new(*off)
                    .long(*off)
                    .help(format!("The same as --{on} false"))
                    .action(ArgAction::SetTrue);
                command.arg(on_argument).arg(off_argument)
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Switches {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = SWITCHES.iter().filter_map(|(on, off, _, set)| {
            let on = matches.get_one::<bool>(on).copied();
            let on = if matches.get_flag(off) {
                Some(false)
            } else {
                on
            };
            on.map(|on| (*set, on))
        });
        Ok(Self {
            given: given.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &str) -> StackOptions {
        let command = Switches::augment_args(Command::new("deploy").no_binary_name(true));
        let matches = command
            .try_get_matches_from(arguments.split_whitespace())
            .unwrap();
        let switches = Switches::from_arg_matches(&matches).unwrap();
        switches.apply(StackOptions::new())
    }

    #[test]
    fn switches_are_on_or_off_and_the_last_one_counts() {
        let alarms = |on| StackOptions::new().enable_alarms(on);
        assert_eq!(parsed(""), StackOptions::new());
        assert_eq!(parsed("--no-alarms"), alarms(false));
        assert_eq!(parsed("--enable-alarms false"), alarms(false));
        assert_eq!(parsed("--no-alarms --enable-alarms"), alarms(true));
        assert_eq!(parsed("--enable-alarms --no-alarms"), alarms(false));
        assert_eq!(
            parsed("--enable-tracing --no-iam"),
            StackOptions::new().enable_tracing(true).create_iam(false)
        );
    }
}
