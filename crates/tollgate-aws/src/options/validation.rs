//! Checks all options together.

use super::{checks, error::InvalidOption, ranges::Range, stack_options::StackOptions, tags};

/// The number of characters of the shortest name of a table.
const SHORTEST_TABLE: usize = 3;

/// Returns the first option that is refused. Names that formats make are checked elsewhere.
pub(super) fn check(options: &StackOptions, stack: &str) -> Result<(), InvalidOption> {
    if stack.len() < SHORTEST_TABLE {
        return Err(InvalidOption::StackTooShort {
            stack: stack.to_owned(),
        });
    }
    for function in options.wanted_functions() {
        checks::function_name(function, stack)?;
    }
    check_numbers(options)?;
    checks::log_retention(options.log_retention_days)?;
    if options.enable_aggregator && options.snapshot_windows.is_empty() {
        return Err(InvalidOption::NoWindow);
    }
    check_texts(options)?;
    if options.create_iam_roles && !options.create_iam {
        return Err(InvalidOption::RolesWithoutIam);
    }
    let transition = options.audit_archive_glacier_days;
    match options.audit_archive_expiration_days {
        Some(expiration) if expiration <= transition => {
            return Err(InvalidOption::ArchiveExpiresFirst {
                expiration,
                transition,
            });
        }
        _ => {}
    }
    tags::check(&options.tags, options.create_iam_roles)
}

fn check_numbers(options: &StackOptions) -> Result<(), InvalidOption> {
    let ranges = [
        (
            "usage_retention_days",
            Some(options.usage_retention_days),
            Range::RETENTION_DAYS,
        ),
        (
            "audit_retention_days",
            Some(options.audit_retention_days),
            Range::RETENTION_DAYS,
        ),
        (
            "pitr_recovery_days",
            options.pitr_recovery_days,
            Range::RECOVERY_DAYS,
        ),
        (
            "audit_archive_glacier_days",
            Some(options.audit_archive_glacier_days),
            Range::ARCHIVE_DAYS,
        ),
        (
            "audit_archive_expiration_days",
            options.audit_archive_expiration_days,
            Range::ARCHIVE_DAYS,
        ),
        (
            "lambda_timeout",
            Some(options.lambda_timeout),
            Range::TIMEOUT_SECONDS,
        ),
        (
            "lambda_memory",
            Some(options.lambda_memory),
            Range::MEMORY_MIB,
        ),
        (
            "lambda_duration_threshold_pct",
            Some(options.lambda_duration_threshold_pct),
            Range::PERCENT,
        ),
    ];
    for (option, value, range) in ranges {
        if let Some(value) = value {
            checks::number(option, value, range)?;
        }
    }
    Ok(())
}

fn check_texts(options: &StackOptions) -> Result<(), InvalidOption> {
    let code = options.function_code.as_ref();
    checks::text(
        "alarm_sns_topic",
        options.alarm_sns_topic.as_deref(),
        checks::is_topic,
        "be the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME",
    )?;
    checks::text(
        "aggregator_role_arn",
        options.aggregator_role_arn.as_deref(),
        checks::is_role,
        "be the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME",
    )?;
    checks::text(
        "permission_boundary",
        options.permission_boundary.as_deref(),
        checks::is_boundary,
        "be the name of a managed policy, or its ARN, arn:aws:iam::ACCOUNT:policy/NAME",
    )?;
    checks::text(
        "function_code_bucket",
        code.and_then(|code| code.bucket.as_deref()),
        checks::is_bucket,
        "name an S3 bucket",
    )?;
    checks::text(
        "function_code_key",
        code.map(|code| code.key.as_str()),
        checks::is_key,
        "name an object: 1 to 1024 bytes without control characters",
    )
}
