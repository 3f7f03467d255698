//! The flags of the options that an error of the library names.

/// Options whose flag has another name. The rest have dashes for underscores.
const OTHERS: [(&str, &str); 3] = [
    ("create_iam", "iam"),
    ("python_indexes", "enable-python-indexes"),
    ("tags", "tag"),
];

/// The options that errors name.
const OPTIONS: [&str; 22] = [
    "snapshot_windows",
    "usage_retention_days",
    "audit_retention_days",
    "pitr_recovery_days",
    "audit_archive_glacier_days",
    "audit_archive_expiration_days",
    "log_retention_days",
    "lambda_timeout",
    "lambda_memory",
    "lambda_duration_threshold_pct",
    "alarm_sns_topic",
    "aggregator_role_arn",
    "permission_boundary",
    "role_name_format",
    "policy_name_format",
    "function_code_bucket",
    "function_code_key",
    "stream_start",
    "create_iam",
    "create_iam_roles",
    "python_indexes",
    "tags",
];

/// Returns a text of the library in which the flags of the command stand for the names of options.
/// Values between quotation marks stay as they are.
pub(crate) fn in_flags(text: &str) -> String {
    let parts = text.split('"').enumerate().map(|(index, part)| {
        if index % 2 == 1 {
            part.to_owned()
        } else {
            replaced(part)
        }
    });
    parts.collect::<Vec<_>>().join("\"")
}

fn replaced(text: &str) -> String {
    let words = text.split_inclusive(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
    let words = words.map(|word| {
        let name = word.trim_end_matches(|letter: char| !letter.is_ascii_lowercase());
        match flag(name) {
            Some(flag) => format!("{flag}{}", &word[name.len()..]),
            None => word.to_owned(),
        }
    });
    words.collect()
}

/// Returns the flag of an option.
fn flag(option: &str) -> Option<String> {
    let known = OPTIONS.iter().find(|known| **known == option)?;
    let other = OTHERS.iter().find(|(name, _)| name == known);
    Some(match other {
        Some((_, flag)) => format!("--{flag}"),
        None => format!("--{}", known.replace('_', "-")),
    })
}

/// Returns the flags of all options that errors name.
#[cfg(test)]
pub(crate) fn flags() -> impl Iterator<Item = String> {
    OPTIONS.iter().filter_map(|option| flag(option))
}

#[cfg(test)]
mod tests {
    use tollgate::model::StackName;
    use tollgate_aws::{FunctionCode, InvalidOption, StackOptions};

    use super::*;

    fn refused(options: StackOptions) -> String {
        let stack = StackName::new("limits").unwrap();
        let refused: InvalidOption = options.for_stack(&stack).unwrap_err();
        in_flags(&refused.to_string())
    }

    #[test]
    fn errors_name_flags() {
        let options = StackOptions::new;
        assert_eq!(
            refused(options().lambda_memory(64)),
            "--lambda-memory is 64: it must be between 128 and 3008"
        );
        assert_eq!(
            refused(options().create_iam(false).create_iam_roles(true)),
            "--create-iam-roles needs --iam: switch --iam on, or --create-iam-roles off"
        );
        assert!(
            refused(options().log_retention_days(2)).starts_with("--log-retention-days is 2: ")
        );
        assert!(refused(options().tag("aws:a", "")).starts_with("--tag: the key \"aws:a\" "));
        assert_eq!(
            refused(options().alarm_sns_topic("lambda_memory")),
            "--alarm-sns-topic is \"lambda_memory\": it must be the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME"
        );
        let code = FunctionCode::in_bucket("B", "a.zip");
        assert!(
            refused(options().function_code(code)).starts_with("--function-code-bucket is \"B\"")
        );
        assert_eq!(in_flags("no option"), "no option");
    }
}
