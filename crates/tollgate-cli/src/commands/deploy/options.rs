//! The options of a stack.

use clap::Args;
use tollgate_aws::{Architecture, FunctionCode, SnapshotWindow, StackOptions, StreamStart};

use super::{removable::Removable, switches::Switches};

/// The options of a stack. Those that are not given have their default in a new stack, and stay as they
/// are in one that exists.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of the stack")]
pub(super) struct OptionArguments {
    #[command(flatten)]
    switches: Switches,
    /// Windows in which usage is counted: hourly, daily and monthly, separated by commas [default:
    /// hourly,daily]
    #[arg(long, value_name = "WINDOWS", value_delimiter = ',', value_parser = window)]
    snapshot_windows: Vec<SnapshotWindow>,
    /// Days for which usage is kept after its window [default: 90]
    #[arg(long, value_name = "DAYS")]
    usage_retention_days: Option<u32>,
    /// Days for which the history of the namespace `default` is kept in the table [default: 90]
    #[arg(long, value_name = "DAYS")]
    audit_retention_days: Option<u32>,
    /// Days to which the table can be restored, 1 to 35 [default: 35]
    #[arg(long, value_name = "DAYS")]
    pitr_recovery_days: Option<u32>,
    /// Days after which archives of 128 KB or more move to Glacier Instant Retrieval [default: 90]
    #[arg(long, value_name = "DAYS")]
    audit_archive_glacier_days: Option<u32>,
    /// Days after which archives are deleted, or `never` [default: never]
    #[arg(long, value_name = "DAYS", value_parser = Removable::<u32>::or_never)]
    audit_archive_expiration_days: Option<Removable<u32>>,
    /// Days for which logs of functions are kept [default: 30]
    #[arg(long, value_name = "DAYS")]
    log_retention_days: Option<u32>,
    /// Timeout of the aggregator in seconds [default: 60]
    #[arg(long, value_name = "SECONDS")]
    lambda_timeout: Option<u32>,
    /// Memory of the aggregator in MiB [default: 128]
    #[arg(long, value_name = "MIB")]
    lambda_memory: Option<u32>,
    /// SNS topic that every alarm notifies, or `none` [default: none]
    #[arg(long, value_name = "ARN", value_parser = Removable::<String>::or_none)]
    alarm_sns_topic: Option<Removable<String>>,
    /// Duration of the aggregator from which an alarm fires, in percent of its timeout [default: 80]
    #[arg(long, value_name = "PERCENT")]
    lambda_duration_threshold_pct: Option<u32>,
    /// Existing role for the aggregator, or `none` for the stack's own [default: none]
    #[arg(long, value_name = "ARN", value_parser = Removable::<String>::or_none)]
    aggregator_role_arn: Option<Removable<String>>,
    /// Permission boundary of every role: the name or the ARN of a managed policy, or `none`
    /// [default: none]
    #[arg(long, value_name = "POLICY", value_parser = Removable::<String>::or_none)]
    permission_boundary: Option<Removable<String>>,
    /// Format of role names, with one {} for the stack and the role [default: {}]
    #[arg(long, value_name = "FORMAT")]
    role_name_format: Option<String>,
    /// Format of policy names, with one {} for the stack and the policy [default: {}]
    #[arg(long, value_name = "FORMAT")]
    policy_name_format: Option<String>,
    /// Tag of the stack and of its parts, which may be repeated
    #[arg(long, short = 't', value_name = "KEY=VALUE", value_parser = tag)]
    tag: Vec<(String, String)>,
    /// Tag that the stack and its parts shall no longer have, which may be repeated
    #[arg(long, value_name = "KEY")]
    remove_tag: Vec<String>,
    /// Object with the code of the functions: an older one of the stack's own bucket takes an upgrade
    /// back
    #[arg(long, value_name = "KEY", conflicts_with = "bootstrap")]
    function_code_key: Option<String>,
    /// Bucket with that object, in the stack's region [default: the stack's own]
    #[arg(long, value_name = "BUCKET", requires = "function_code_key")]
    function_code_bucket: Option<String>,
    /// Processors for which that code is built: arm64 or x86_64 [default: arm64]
    #[arg(long, value_name = "PROCESSORS", requires = "function_code_key", value_parser = architecture)]
    architecture: Option<Architecture>,
    /// Position from which the aggregator reads the stream for the first time: `trim-horizon`, or
    /// `latest` if another aggregator has counted until now [default: trim-horizon]
    #[arg(long, value_name = "POSITION", value_parser = stream_start)]
    stream_start: Option<StreamStart>,
}

impl OptionArguments {
    /// Returns true if the arguments name the code of the functions.
    pub(super) fn names_code(&self) -> bool {
        self.function_code_key.is_some()
    }

    /// Sets the options that are given.
    pub(super) fn apply(&self, options: StackOptions) -> StackOptions {
        let mut options = self.switches.apply(options);
        if !self.snapshot_windows.is_empty() {
            options = options.snapshot_windows(self.snapshot_windows.iter().copied());
        }
        options = with(
            options,
            self.usage_retention_days,
            StackOptions::usage_retention_days,
        );
        options = with(
            options,
            self.audit_retention_days,
            StackOptions::audit_retention_days,
        );
        options = with(
            options,
            self.pitr_recovery_days,
            StackOptions::pitr_recovery_days,
        );
        options = with(
            options,
            self.audit_archive_glacier_days,
            StackOptions::audit_archive_glacier_days,
        );
        if let Some(days) = &self.audit_archive_expiration_days {
            options = match days {
                Removable::Value(days) => options.audit_archive_expiration_days(*days),
                Removable::Removed => options.without_audit_archive_expiration(),
            };
        }
        options = with(
            options,
            self.log_retention_days,
            StackOptions::log_retention_days,
        );
        options = with(options, self.lambda_timeout, StackOptions::lambda_timeout);
        options = with(options, self.lambda_memory, StackOptions::lambda_memory);
        if let Some(value) = &self.alarm_sns_topic {
            options = match value {
                Removable::Value(value) => options.alarm_sns_topic(value),
                Removable::Removed => options.without_alarm_sns_topic(),
            };
        }
        options = with(
            options,
            self.lambda_duration_threshold_pct,
            StackOptions::lambda_duration_threshold_pct,
        );
        if let Some(value) = &self.aggregator_role_arn {
            options = match value {
                Removable::Value(value) => options.aggregator_role_arn(value),
                Removable::Removed => options.without_aggregator_role_arn(),
            };
        }
        if let Some(value) = &self.permission_boundary {
            options = match value {
                Removable::Value(value) => options.permission_boundary(value),
                Removable::Removed => options.without_permission_boundary(),
            };
        }
        options = with(
            options,
            self.role_name_format.as_ref(),
            StackOptions::role_name_format,
        );
        options = with(
            options,
            self.policy_name_format.as_ref(),
            StackOptions::policy_name_format,
        );
        let code = self.function_code(options.function_code_bucket());
        options = with(options, code, StackOptions::function_code);
        options = with(options, self.architecture, StackOptions::architecture);
        options = with(options, self.stream_start, StackOptions::stream_start);
        let removed = self.remove_tag.iter();
        options = removed.fold(options, |options, key| options.without_tag(key));
        let tags = self.tag.iter();
        tags.fold(options, |options, (key, value)| options.tag(key, value))
    }

    /// Returns the code that is named. It is in the bucket that the stack has for it, unless another
    /// one is named.
    fn function_code(&self, known: Option<&str>) -> Option<FunctionCode> {
        let key = self.function_code_key.as_ref()?;
        Some(match self.function_code_bucket.as_deref().or(known) {
            Some(bucket) => FunctionCode::in_bucket(bucket, key),
            None => FunctionCode::in_stack(key),
        })
    }
}

/// Sets an option if it is given.
fn with<T>(
    options: StackOptions,
    value: Option<T>,
    set: fn(StackOptions, T) -> StackOptions,
) -> StackOptions {
    match value {
        Some(value) => set(options, value),
        None => options,
    }
}

fn window(text: &str) -> Result<SnapshotWindow, &'static str> {
    let mut all = SnapshotWindow::ALL.into_iter();
    all.find(|window| window.as_str() == text)
        .ok_or("it must be hourly, daily or monthly")
}

fn architecture(text: &str) -> Result<Architecture, &'static str> {
    let mut all = Architecture::ALL.into_iter();
    all.find(|architecture| architecture.as_str() == text)
        .ok_or("it must be arm64 or x86_64")
}

fn stream_start(text: &str) -> Result<StreamStart, &'static str> {
    match text {
        "trim-horizon" => Ok(StreamStart::TrimHorizon),
        "latest" => Ok(StreamStart::Latest),
        _ => Err("it must be trim-horizon or latest"),
    }
}

fn tag(text: &str) -> Result<(String, String), &'static str> {
    let pair = text.split_once('=');
    let (key, value) = pair.ok_or("it must have the form KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::{super::Deploy, *};
    use crate::deployment::flags_of_errors;

    /// Fault: an error names a flag that the command does not have.
    #[test]
    fn the_flags_that_errors_name_exist() {
        let command = Deploy::augment_args(Command::new("deploy"));
        let known: Vec<String> = command
            .get_arguments()
            .filter_map(|argument| argument.get_long())
            .map(|long| format!("--{long}"))
            .collect();
        for flag in flags_of_errors() {
            assert!(known.contains(&flag), "{flag}");
        }
    }
}
