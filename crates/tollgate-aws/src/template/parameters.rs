//! The parameters of the template.

use crate::{
    names::{StackPolicy, StackRole},
    node::{Node, list, map},
    options::{Architecture, LOG_RETENTION_DAYS, Range, StreamStart},
};

/// Returns the parameters, with the defaults of [`StackOptions`](crate::StackOptions).
pub(super) fn parameters() -> Node {
    let mut all = vec![
        text(
            "SnapshotWindows",
            "hourly,daily",
            "Windows in which usage is counted: hourly, daily and monthly, separated by commas",
        ),
        number(
            "SnapshotRetentionDays",
            90,
            Range::RETENTION_DAYS,
            "Days for which usage is kept after its window",
        ),
        number(
            "LambdaMemorySize",
            128,
            Range::MEMORY_MIB,
            "Memory of the aggregator in MiB",
        ),
        number(
            "LambdaTimeout",
            60,
            Range::TIMEOUT_SECONDS,
            "Timeout of the aggregator in seconds",
        ),
        switch("EnableAggregator", true, "Count usage with a function"),
        switch(
            "EnableProvisioner",
            true,
            "Apply manifests of limits with a function",
        ),
        text(
            "SchemaVersion",
            crate::version::SCHEMA,
            "Version of the table's schema",
        ),
        text(
            "PITRRecoveryPeriodDays",
            "",
            "Days to which the table can be restored, 1 to 35. Empty: 35",
        ),
        switch(
            "EnableDeletionProtection",
            true,
            "DynamoDB refuses to delete the table",
        ),
        switch(
            "EnablePythonIndexes",
            false,
            "Indexes as in the template of zae-limiter. Fixed when the table is created",
        ),
        switch("EnableAlarms", true, "Create alarms"),
        switch(
            "EnableIdleAlarm",
            true,
            "Create the alarm for an aggregator that sees no records",
        ),
        text(
            "AlarmSNSTopicArn",
            "",
            "SNS topic that every alarm notifies. Empty: none",
        ),
        log_retention(),
        number(
            "LambdaDurationThreshold",
            48_000,
            Range::THRESHOLD_MS,
            "Average duration of the aggregator from which an alarm fires, in ms",
        ),
        switch(
            "EnableAuditArchival",
            true,
            "Archive expired events of the history in S3",
        ),
        number(
            "AuditArchiveGlacierTransitionDays",
            90,
            Range::ARCHIVE_DAYS,
            "Days after which archives move to Glacier Instant Retrieval",
        ),
        text(
            "AuditArchiveExpirationDays",
            "",
            "Days after which archives are deleted. Empty: never",
        ),
        switch("EnableTracing", false, "Trace the aggregator with X-Ray"),
        switch("EnableIAM", true, "Create IAM policies and roles"),
        switch(
            "EnableIAMRoles",
            false,
            "Create roles for services, administrators and dashboards",
        ),
        text(
            "AggregatorRoleArn",
            "",
            "Role of the aggregator. Empty: the stack's own",
        ),
        text(
            "PermissionBoundary",
            "",
            "ARN of the permission boundary of every role. Empty: none",
        ),
        text(
            "PermissionBoundaryName",
            "",
            "Name of a managed policy of this account as the permission boundary, instead of an ARN",
        ),
        text(
            "FunctionCodeBucket",
            "",
            "Bucket with the code of the functions. Empty: the stack's own",
        ),
        text(
            "FunctionCodeKey",
            "",
            "Object with the code of the functions. Empty: no functions yet",
        ),
        choice(
            "FunctionArchitecture",
            Architecture::ALL.map(Architecture::as_str),
            "Processors for which the code is built",
        ),
        choice(
            "StreamStartingPosition",
            StreamStart::ALL.map(StreamStart::as_str),
            "Position from which the aggregator reads the stream for the first time",
        ),
        text(
            "RoleNameFormat",
            "",
            "Format of role names, exported for stacks that depend on this one",
        ),
    ];
    // Empty: the stack's name and an ending.
    all.extend(name_parameters().map(|name| {
        let definition = map([("Type", "String".into()), ("Default", "".into())]);
        (name.to_owned(), definition)
    }));
    Node::Map(all)
}

/// Returns the parameters with names of roles and policies.
pub(super) fn name_parameters() -> impl Iterator<Item = &'static str> {
    let roles = StackRole::ALL.map(StackRole::name_parameter);
    let policies = StackPolicy::ALL.map(StackPolicy::name_parameter);
    roles.into_iter().chain(policies)
}

type Parameter = (String, Node);

fn text(name: &str, default: &str, description: &str) -> Parameter {
    let definition = map([
        ("Type", "String".into()),
        ("Default", default.into()),
        ("Description", description.into()),
    ]);
    (name.to_owned(), definition)
}

fn number(name: &str, default: u32, range: Range, description: &str) -> Parameter {
    let definition = map([
        ("Type", "Number".into()),
        ("Default", default.into()),
        ("MinValue", range.lowest.into()),
        ("MaxValue", range.highest.into()),
        ("Description", description.into()),
    ]);
    (name.to_owned(), definition)
}

fn switch(name: &str, default: bool, description: &str) -> Parameter {
    let definition = map([
        ("Type", "String".into()),
        ("Default", default.to_string().into()),
        ("AllowedValues", list(["true", "false"])),
        ("Description", description.into()),
    ]);
    (name.to_owned(), definition)
}

/// Returns a parameter whose default is the first of its values.
fn choice(name: &str, values: [&str; 2], description: &str) -> Parameter {
    let definition = map([
        ("Type", "String".into()),
        ("Default", values[0].into()),
        ("AllowedValues", list(values)),
        ("Description", description.into()),
    ]);
    (name.to_owned(), definition)
}

fn log_retention() -> Parameter {
    let definition = map([
        ("Type", "Number".into()),
        ("Default", 30.into()),
        ("AllowedValues", list(LOG_RETENTION_DAYS)),
        (
            "Description",
            "Days for which logs of functions are kept".into(),
        ),
    ]);
    ("LogRetentionDays".to_owned(), definition)
}
