//! The command that makes a stack again.

use std::collections::BTreeMap;

use tollgate::model::StackName;
use tollgate_aws::{StackOptions, StackPolicy, manager::DeployedStack};

/// Options with a value: the template's parameter, and the flag.
const VALUES: [(&str, &str); 14] = [
    ("SnapshotWindows", "snapshot-windows"),
    ("SnapshotRetentionDays", "usage-retention-days"),
    ("PITRRecoveryPeriodDays", "pitr-recovery-days"),
    (
        "AuditArchiveGlacierTransitionDays",
        "audit-archive-glacier-days",
    ),
    (
        "AuditArchiveExpirationDays",
        "audit-archive-expiration-days",
    ),
    ("LogRetentionDays", "log-retention-days"),
    ("LambdaTimeout", "lambda-timeout"),
    ("LambdaMemorySize", "lambda-memory"),
    ("AlarmSNSTopicArn", "alarm-sns-topic"),
    ("AggregatorRoleArn", "aggregator-role-arn"),
    ("PermissionBoundary", "permission-boundary"),
    ("PermissionBoundaryName", "permission-boundary"),
    ("RoleNameFormat", "role-name-format"),
    ("FunctionCodeBucket", "function-code-bucket"),
];

/// Options that are on or off: the parameter, and the flag of the value that is not the default.
const SWITCHES: [(&str, &str); 10] = [
    ("EnableAggregator", "no-aggregator"),
    ("EnableProvisioner", "no-provisioner"),
    ("EnableDeletionProtection", "no-deletion-protection"),
    ("EnableAuditArchival", "no-audit-archival"),
    ("EnableAlarms", "no-alarms"),
    ("EnableIdleAlarm", "no-idle-alarm"),
    ("EnableTracing", "enable-tracing"),
    ("EnableIAM", "no-iam"),
    ("EnableIAMRoles", "create-iam-roles"),
    ("EnablePythonIndexes", "enable-python-indexes"),
];

/// Returns the command that makes a stack again, with every option that is not the default. The days
/// of the history are a record of the table, which is kept with it.
pub(crate) fn deploy_again(stack: &DeployedStack, keeps_table: bool) -> String {
    let flags = flags(&stack.name, &stack.parameters, &stack.tags);
    let import = keeps_table.then(|| "--import-table".to_owned());
    let words = ["tollgate deploy --name".to_owned(), stack.name.clone()];
    let words: Vec<_> = words.into_iter().chain(import).chain(flags).collect();
    words.join(" ")
}

type Pairs = BTreeMap<String, String>;

/// Returns the flags of a stack with these parameters and tags.
fn flags(stack: &str, parameters: &Pairs, tags: &Pairs) -> Vec<String> {
    let defaults = defaults(stack);
    let text = |parameter| parameters.get(parameter).map_or("", String::as_str);
    let is_other = |parameter: &str| {
        let default = defaults.get(parameter).map(String::as_str);
        let own = parameters.get(parameter).map(String::as_str);
        own.is_some() && own != default
    };
    let mut flags = Vec::new();
    for (parameter, flag) in VALUES {
        if is_other(parameter) {
            flags.push(format!("--{flag} {}", quoted(text(parameter))));
        }
    }
    for (parameter, flag) in SWITCHES {
        if is_other(parameter) {
            flags.push(format!("--{flag}"));
        }
    }
    let percent = |parameters: &Pairs| {
        let number = |name| parameters.get(name)?.parse::<u32>().ok();
        let threshold = number("LambdaDurationThreshold")?;
        Some(threshold / number("LambdaTimeout")?.saturating_mul(10).max(1))
    };
    if let Some(percent) = percent(parameters).filter(|own| percent(&defaults) != Some(*own)) {
        let percent = percent.clamp(1, 100);
        flags.push(format!("--lambda-duration-threshold-pct {percent}"));
    }
    if is_other("StreamStartingPosition") {
        flags.push("--stream-start latest".to_owned());
    }
    if let Some(format) = policy_format(stack, parameters) {
        flags.push(format!("--policy-name-format {}", quoted(&format)));
    }
    if !text("FunctionCodeBucket").is_empty() {
        // Code in the stack's own bucket goes with the stack.
        let (key, processors) = (text("FunctionCodeKey"), text("FunctionArchitecture"));
        flags.push(format!("--function-code-key {}", quoted(key)));
        if is_other("FunctionArchitecture") {
            flags.push(format!("--architecture {processors}"));
        }
    }
    let own_tag = |key: &str| key == "ManagedBy" || key.starts_with("zae-limiter:");
    let tags = tags.iter().filter(|(key, _)| !own_tag(key));
    flags.extend(tags.map(|(key, value)| format!("--tag {}", quoted(&format!("{key}={value}")))));
    flags
}

/// Returns the parameters of a stack with no option.
fn defaults(stack: &str) -> Pairs {
    let name = StackName::new(stack).ok();
    let defined = name.and_then(|name| StackOptions::new().for_stack(&name).ok());
    let parameters = defined
        .iter()
        .flat_map(|defined| defined.parameters().iter());
    parameters
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// Returns the format of the names of policies, which no parameter has: its names have it.
fn policy_format(stack: &str, parameters: &Pairs) -> Option<String> {
    let policy = StackPolicy::AcquireOnly;
    let name = parameters.get(policy.name_parameter())?;
    let own = format!("{stack}-{}", policy.component());
    let (before, after) = name.split_once(&own)?;
    Some(format!("{before}{{}}{after}")).filter(|format| format != "{}")
}

/// Returns a word as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@+%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};
    use tollgate_aws::{Architecture, FunctionCode, SnapshotWindow, StreamStart};

    use super::{super::Deploy, *};

    /// Returns the flags of a stack with these options.
    fn flags_of(options: &StackOptions) -> Vec<String> {
        let defined = options.for_stack(&StackName::new("limits").unwrap());
        let defined = defined.unwrap();
        let parameters = defined.parameters().iter();
        let parameters = parameters.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let tags = defined.tags().iter().cloned();
        flags("limits", &parameters.collect(), &tags.collect())
    }

    /// Returns the options that flags mean in a new stack.
    fn read(flags: &[String]) -> StackOptions {
        let command = Deploy::augment_args(Command::new("deploy").no_binary_name(true));
        let words = flags.iter().flat_map(|flag| {
            let (flag, value) = match flag.split_once(' ') {
                Some((flag, value)) => (flag, Some(value.trim_matches('\'').to_owned())),
                None => (flag.as_str(), None),
            };
            [flag.to_owned()].into_iter().chain(value)
        });
        let matches = command.try_get_matches_from(words).unwrap();
        let deploy = Deploy::from_arg_matches(&matches).unwrap();
        deploy.options.apply(StackOptions::new())
    }

    #[test]
    fn the_flags_make_the_same_stack_again() {
        let role = "arn:aws:iam::111122223333:role/aggregator";
        let options = StackOptions::new()
            .snapshot_windows([SnapshotWindow::Hourly, SnapshotWindow::Monthly])
            .usage_retention_days(7)
            .enable_provisioner(false)
            .pitr_recovery_days(9)
            .enable_deletion_protection(false)
            .audit_archive_glacier_days(30)
            .audit_archive_expiration_days(400)
            .log_retention_days(90)
            .lambda_timeout(30)
            .lambda_memory(256)
            .enable_tracing(true)
            .enable_idle_alarm(false)
            .alarm_sns_topic("arn:aws:sns:eu-central-1:111122223333:on-call")
            .lambda_duration_threshold_pct(70)
            .create_iam_roles(true)
            .aggregator_role_arn(role)
            .permission_boundary("boundary")
            .role_name_format("a-{}")
            .policy_name_format("b-{}-c")
            .function_code(FunctionCode::in_bucket("code-bucket", "own.zip"))
            .architecture(Architecture::X86_64)
            .stream_start(StreamStart::Latest)
            .python_indexes(true)
            .tag("team", "the platform");
        assert_eq!(read(&flags_of(&options)), options);
        let others = StackOptions::new()
            .enable_aggregator(false)
            .enable_audit_archival(false)
            .enable_alarms(false)
            .create_iam(false)
            .permission_boundary("arn:aws:iam::111122223333:policy/boundary");
        assert_eq!(read(&flags_of(&others)), others);
    }

    #[test]
    fn a_stack_with_the_defaults_has_no_flags() {
        assert!(flags_of(&StackOptions::new()).is_empty());
        let code = FunctionCode::in_stack("tollgate-0.1.0-abc.zip");
        let with_code = StackOptions::new().function_code(code);
        assert!(flags_of(&with_code).is_empty());
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("team=a"), "team=a");
        assert_eq!(quoted("note=it's"), "'note=it'\\''s'");
    }
}
