//! The parameters on which conditions depend, and combinations of their values.

use super::resolved::Values;

/// A parameter and its two values.
pub(crate) type Switch = (&'static str, [&'static str; 2]);

/// The parameters that conditions combine with each other.
pub(crate) const COMBINED: [Switch; 11] = [
    ("EnableAggregator", ["true", "false"]),
    ("EnableProvisioner", ["true", "false"]),
    ("EnableAlarms", ["true", "false"]),
    ("EnableIdleAlarm", ["true", "false"]),
    ("EnableAuditArchival", ["true", "false"]),
    ("EnableTracing", ["false", "true"]),
    ("EnableIAM", ["true", "false"]),
    ("EnableIAMRoles", ["false", "true"]),
    (
        "AggregatorRoleArn",
        ["", "arn:aws:iam::111122223333:role/aggregates"],
    ),
    ("FunctionCodeBucket", ["", "releases"]),
    ("FunctionCodeKey", ["", "tollgate-arm64.zip"]),
];

/// The parameters that conditions do not combine with those above.
pub(crate) const ALONE: [Switch; 8] = [
    ("EnableDeletionProtection", ["true", "false"]),
    ("EnablePythonIndexes", ["false", "true"]),
    ("PITRRecoveryPeriodDays", ["", "7"]),
    ("AuditArchiveExpirationDays", ["", "400"]),
    (
        "AlarmSNSTopicArn",
        ["", "arn:aws:sns:eu-central-1:111122223333:on-call"],
    ),
    (
        "PermissionBoundary",
        ["", "arn:aws:iam::111122223333:policy/limit"],
    ),
    ("PermissionBoundaryName", ["", "limit"]),
    ("RoleNameFormat", ["", "Team-{}"]),
];

/// Returns every combination of the combined parameters: half of them with the first values of the
/// others, half with the second.
pub(crate) fn combinations() -> impl Iterator<Item = Values> {
    (0..1_u32 << COMBINED.len()).map(|bits| {
        let combined = COMBINED.into_iter().enumerate();
        let combined = combined.map(|(place, switch)| (switch, bits >> place & 1));
        let alone = ALONE.map(|switch| (switch, bits.count_ones() & 1));
        combined
            .chain(alone)
            .map(|((name, choices), chosen)| {
                let value = if chosen == 0 { choices[0] } else { choices[1] };
                (name, value.to_owned())
            })
            .collect()
    })
}
