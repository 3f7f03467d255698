//! The values of the template's parameters.

use super::{
    checks,
    stack_options::StackOptions,
    values::{FunctionCode, SnapshotWindow},
};
use crate::{
    names::{NameFormat, StackPolicy, StackRole},
    version,
};

/// Returns the values of all parameters but the names.
pub(super) fn values(options: &StackOptions) -> Vec<(&'static str, String)> {
    let windows: Vec<_> = options
        .snapshot_windows
        .iter()
        .copied()
        .map(SnapshotWindow::as_str)
        .collect();
    let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    // A timeout of 900 s in per cent is far below u32::MAX.
    let threshold = options.lambda_timeout * 10 * options.lambda_duration_threshold_pct;
    let (boundary_arn, boundary_name) = boundary(options.permission_boundary.as_deref());
    let code = options.function_code.as_ref();
    vec![
        ("SnapshotWindows", windows.join(",")),
        (
            "SnapshotRetentionDays",
            options.usage_retention_days.to_string(),
        ),
        ("LambdaMemorySize", options.lambda_memory.to_string()),
        ("LambdaTimeout", options.lambda_timeout.to_string()),
        ("EnableAggregator", options.enable_aggregator.to_string()),
        ("EnableProvisioner", options.enable_provisioner.to_string()),
        ("SchemaVersion", version::SCHEMA.to_owned()),
        ("PITRRecoveryPeriodDays", number(options.pitr_recovery_days)),
        (
            "EnableDeletionProtection",
            options.enable_deletion_protection.to_string(),
        ),
        ("EnablePythonIndexes", options.python_indexes.to_string()),
        ("EnableAlarms", options.enable_alarms.to_string()),
        ("EnableIdleAlarm", options.enable_idle_alarm.to_string()),
        ("AlarmSNSTopicArn", text(&options.alarm_sns_topic)),
        ("LogRetentionDays", options.log_retention_days.to_string()),
        ("LambdaDurationThreshold", threshold.to_string()),
        (
            "EnableAuditArchival",
            options.enable_audit_archival.to_string(),
        ),
        (
            "AuditArchiveGlacierTransitionDays",
            options.audit_archive_glacier_days.to_string(),
        ),
        (
            "AuditArchiveExpirationDays",
            number(options.audit_archive_expiration_days),
        ),
        ("EnableTracing", options.enable_tracing.to_string()),
        ("EnableIAM", options.create_iam.to_string()),
        ("EnableIAMRoles", options.create_iam_roles.to_string()),
        ("AggregatorRoleArn", text(&options.aggregator_role_arn)),
        ("PermissionBoundary", boundary_arn),
        ("PermissionBoundaryName", boundary_name),
        (
            "FunctionCodeBucket",
            code.and_then(|code| code.bucket.clone())
                .unwrap_or_default(),
        ),
        ("FunctionCodeKey", code.map(key).unwrap_or_default()),
        (
            "FunctionArchitecture",
            options.architecture.as_str().to_owned(),
        ),
        (
            "StreamStartingPosition",
            options.stream_start.as_str().to_owned(),
        ),
        ("RoleNameFormat", text(&options.role_name_format)),
    ]
}

fn key(code: &FunctionCode) -> String {
    code.key.clone()
}

/// Returns the boundary as an ARN or as a name; the other one is empty.
fn boundary(policy: Option<&str>) -> (String, String) {
    match policy {
        Some(policy) if checks::is_arn(policy) => (policy.to_owned(), String::new()),
        Some(policy) => (String::new(), policy.to_owned()),
        None => Default::default(),
    }
}

/// Returns the values of the names' parameters: empty for the template's own names.
pub(super) fn names(
    stack: &str,
    roles: Option<&NameFormat>,
    policies: Option<&NameFormat>,
) -> Vec<(&'static str, String)> {
    let name = |format: Option<&NameFormat>, component| {
        format
            .map(|format| format.apply(stack, component))
            .unwrap_or_default()
    };
    let roles = StackRole::ALL.map(|role| (role.name_parameter(), name(roles, role.component())));
    let policies = StackPolicy::ALL
        .map(|policy| (policy.name_parameter(), name(policies, policy.component())));
    roles.into_iter().chain(policies).collect()
}
