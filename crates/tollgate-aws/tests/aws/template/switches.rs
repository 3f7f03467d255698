//! The parameters on which conditions depend, and combinations of their values.

use super::resolved::Values;

/// A parameter and its two values.
pub(crate) type Switch = (&'static str, [&'static str; 2]);

/// The parameters that conditions combine with each other.
pub(crate) const COMBINED: [Switch; 10] = [
    ("EnableAggregator", ["true", "false"]),
    ("EnableProvisioner", ["true", "false"]),
    ("EnableAlarms", ["true", "false"]),
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

/// Returns every combination of the combined parameters, each with the first and with the second
/// values of the others.
pub(crate) fn combinations() -> impl Iterator<Item = Values> {
    (0..1_u32 << COMBINED.len()).flat_map(|bits| {
        [0, 1].map(|other| {
            let mut values = Values::new();
            for (place, (name, choices)) in COMBINED.into_iter().enumerate() {
                let chosen = usize::from(bits & (1 << place) != 0);
                values.insert(name, choices[chosen].to_owned());
            }
            for (name, choices) in ALONE {
                values.insert(name, choices[other].to_owned());
            }
            values
        })
    })
}
