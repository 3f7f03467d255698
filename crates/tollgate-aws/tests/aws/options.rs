//! Options: ranges, formats, tags, and the parameters that they become.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use tollgate::model::StackName;
use tollgate_aws::{
    Architecture, FunctionCode, InvalidOption, LOG_RETENTION_DAYS, SnapshotWindow, StackOptions,
    StackPolicy, StackRole, StreamStart, Template,
};

fn stack() -> StackName {
    StackName::new("rate-limits").unwrap()
}

fn parameters(options: &StackOptions, stack: &StackName) -> BTreeMap<&'static str, String> {
    let definition = options.for_stack(stack).unwrap();
    definition.parameters().iter().cloned().collect()
}

fn template() -> Value {
    serde_json::from_str(&Template::new().to_json().unwrap()).unwrap()
}

#[test]
fn default_options_are_the_defaults_of_the_template() {
    let given = parameters(&StackOptions::new(), &stack());
    let template = template();
    let parameters = template["Parameters"].as_object().unwrap();
    let defaults: BTreeMap<_, _> = parameters
        .iter()
        .map(|(name, parameter)| {
            let default = match &parameter["Default"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.as_str(), default)
        })
        .collect();
    assert_eq!(given, defaults);
}

#[test]
fn every_option_becomes_parameters() {
    let options = StackOptions::new()
        .snapshot_windows([SnapshotWindow::Monthly, SnapshotWindow::Hourly])
        .usage_retention_days(1)
        .audit_retention_days(2)
        .enable_aggregator(false)
        .enable_provisioner(false)
        .pitr_recovery_days(3)
        .enable_deletion_protection(false)
        .python_indexes(true)
        .enable_audit_archival(false)
        .audit_archive_glacier_days(4)
        .audit_archive_expiration_days(5)
        .log_retention_days(7)
        .lambda_timeout(10)
        .lambda_memory(3008)
        .enable_tracing(true)
        .enable_alarms(false)
        .enable_idle_alarm(false)
        .alarm_sns_topic("arn:aws:sns:eu-central-1:111122223333:on-call")
        .lambda_duration_threshold_pct(33)
        .create_iam_roles(true)
        .aggregator_role_arn("arn:aws-cn:iam::111122223333:role/team/aggregates")
        .permission_boundary("team/limit")
        .role_name_format("Team-{}")
        .policy_name_format("{}-v1")
        .function_code(FunctionCode::in_bucket("releases", "v1.zip"))
        .architecture(Architecture::X86_64)
        .stream_start(StreamStart::Latest);
    let definition = options.for_stack(&stack()).unwrap();
    assert_eq!(definition.audit_retention_days(), 2);
    let expected = BTreeMap::from([
        ("SnapshotWindows", "hourly,monthly"),
        ("SnapshotRetentionDays", "1"),
        ("EnableAggregator", "false"),
        ("EnableProvisioner", "false"),
        ("SchemaVersion", "0.10.0"),
        ("PITRRecoveryPeriodDays", "3"),
        ("EnableDeletionProtection", "false"),
        ("EnablePythonIndexes", "true"),
        ("EnableAuditArchival", "false"),
        ("AuditArchiveGlacierTransitionDays", "4"),
        ("AuditArchiveExpirationDays", "5"),
        ("LogRetentionDays", "7"),
        ("LambdaTimeout", "10"),
        ("LambdaMemorySize", "3008"),
        ("LambdaDurationThreshold", "3300"),
        ("EnableTracing", "true"),
        ("EnableIdleAlarm", "false"),
        ("EnableAlarms", "false"),
        (
            "AlarmSNSTopicArn",
            "arn:aws:sns:eu-central-1:111122223333:on-call",
        ),
        ("EnableIAM", "true"),
        ("EnableIAMRoles", "true"),
        (
            "AggregatorRoleArn",
            "arn:aws-cn:iam::111122223333:role/team/aggregates",
        ),
        ("PermissionBoundary", ""),
        ("PermissionBoundaryName", "team/limit"),
        ("FunctionCodeBucket", "releases"),
        ("FunctionCodeKey", "v1.zip"),
        ("FunctionArchitecture", "x86_64"),
        ("StreamStartingPosition", "LATEST"),
        ("RoleNameFormat", "Team-{}"),
        ("AggregatorRoleName", "Team-rate-limits-aggr"),
        ("ProvisionerRoleName", "Team-rate-limits-prov"),
        ("AppRoleName", "Team-rate-limits-app"),
        ("AdminRoleName", "Team-rate-limits-admin"),
        ("ReadOnlyRoleName", "Team-rate-limits-read"),
        ("AcquireOnlyPolicyName", "rate-limits-acq-v1"),
        ("FullAccessPolicyName", "rate-limits-full-v1"),
        ("ReadOnlyPolicyName", "rate-limits-read-v1"),
        ("NamespaceAcquirePolicyName", "rate-limits-ns-acq-v1"),
        ("NamespaceFullAccessPolicyName", "rate-limits-ns-full-v1"),
        ("NamespaceReadOnlyPolicyName", "rate-limits-ns-read-v1"),
    ]);
    let given = parameters(&options, &stack());
    let given: BTreeMap<_, _> = given
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(given, expected);
}

#[test]
fn a_boundary_is_a_name_or_an_arn() {
    let arn = "arn:aws:iam::aws:policy/PowerUserAccess";
    let given = parameters(&StackOptions::new().permission_boundary(arn), &stack());
    assert_eq!(given["PermissionBoundary"], arn);
    assert_eq!(given["PermissionBoundaryName"], "");
}

type Set = fn(StackOptions, u32) -> StackOptions;

/// The options with a range, and the parameters with the same range.
const RANGES: [(&str, u32, u32, Set, &str); 8] = [
    (
        "usage_retention_days",
        1,
        3650,
        StackOptions::usage_retention_days,
        "SnapshotRetentionDays",
    ),
    (
        "audit_retention_days",
        1,
        3650,
        StackOptions::audit_retention_days,
        "",
    ),
    (
        "pitr_recovery_days",
        1,
        35,
        StackOptions::pitr_recovery_days,
        "",
    ),
    (
        "audit_archive_glacier_days",
        1,
        3650,
        StackOptions::audit_archive_glacier_days,
        "AuditArchiveGlacierTransitionDays",
    ),
    (
        "audit_archive_expiration_days",
        1,
        3650,
        StackOptions::audit_archive_expiration_days,
        "",
    ),
    (
        "lambda_timeout",
        1,
        900,
        StackOptions::lambda_timeout,
        "LambdaTimeout",
    ),
    (
        "lambda_memory",
        128,
        3008,
        StackOptions::lambda_memory,
        "LambdaMemorySize",
    ),
    (
        "lambda_duration_threshold_pct",
        1,
        100,
        StackOptions::lambda_duration_threshold_pct,
        "",
    ),
];

#[test]
fn the_ranges_of_the_template_are_those_of_the_options() {
    let template = template();
    for (_, lowest, highest, _, parameter) in RANGES {
        if !parameter.is_empty() {
            let parameter = &template["Parameters"][parameter];
            assert_eq!(parameter["MinValue"], lowest);
            assert_eq!(parameter["MaxValue"], highest);
        }
    }
    let days = &template["Parameters"]["LogRetentionDays"]["AllowedValues"];
    assert_eq!(days, &Value::from(LOG_RETENTION_DAYS.to_vec()));
}

/// The names of functions limit the stack's name too.
fn without_functions() -> StackOptions {
    StackOptions::new()
        .enable_aggregator(false)
        .enable_provisioner(false)
}

proptest! {
    #[test]
    fn a_number_is_accepted_exactly_in_its_range(
        place in 0..RANGES.len(),
        value in prop_oneof![0..5_000_u32, Just(u32::MAX)],
    ) {
        let (option, lowest, highest, set, _) = RANGES[place];
        let result = set(StackOptions::new(), value).for_stack(&stack());
        let is_early = matches!(result, Err(InvalidOption::ArchiveExpiresFirst { .. }));
        if (lowest..=highest).contains(&value) {
            prop_assert!(result.is_ok() || is_early, "{result:?}");
            prop_assert_eq!(is_early, option == "audit_archive_expiration_days" && value <= 90);
        } else {
            let expected = InvalidOption::OutOfRange { option, value, lowest, highest };
            prop_assert_eq!(result, Err(expected.clone()));
            let text = expected.to_string();
            prop_assert!(text.contains(option) && text.contains(&value.to_string()), "{}", text);
        }
    }

    #[test]
    fn logs_are_kept_for_the_days_that_cloudwatch_knows(days in 0..4_000_u32) {
        let result = StackOptions::new().log_retention_days(days).for_stack(&stack());
        prop_assert_eq!(result.is_ok(), LOG_RETENTION_DAYS.contains(&days));
    }

    #[test]
    fn a_format_is_accepted_exactly_if_iam_takes_all_of_its_names(
        stack in "[A-Za-z][A-Za-z0-9-]{2,54}",
        before in "[A-Za-z0-9_+=,.@-]{0,60}",
        after in "[A-Za-z0-9_+=,.@-]{0,60}",
    ) {
        let stack = StackName::new(stack).unwrap();
        let format = format!("{before}{{}}{after}");
        let longest = |components: &[&str]| {
            let names = components.iter().map(|component| before.len() + stack.as_str().len() + 1 + component.len() + after.len());
            names.max().unwrap()
        };
        let roles = without_functions().role_name_format(&format).for_stack(&stack);
        let longest_role = longest(&StackRole::ALL.map(StackRole::component));
        prop_assert_eq!(roles.is_ok(), format.len() <= 55 && longest_role <= 64, "{:?}", roles);
        if let Err(InvalidOption::NameTooLong { longest_stack, name, .. }) = roles {
            prop_assert_eq!(name.len(), longest_role);
            // A stack name of the length that the error names is accepted.
            if longest_stack >= 3 {
                let shorter = StackName::new("s".repeat(longest_stack)).unwrap();
                let options = without_functions().role_name_format(&format);
                prop_assert!(options.for_stack(&shorter).is_ok());
            }
        }
        let policies = without_functions().policy_name_format(&format).for_stack(&stack);
        let longest_policy = longest(&StackPolicy::ALL.map(StackPolicy::component));
        prop_assert_eq!(policies.is_ok(), format.len() <= 120 && longest_policy <= 128, "{:?}", policies);
    }

    #[test]
    fn checked_options_become_values_that_the_template_allows(
        timeout in 1..=900_u32,
        percent in 1..=100_u32,
    ) {
        let options = StackOptions::new()
            .lambda_timeout(timeout)
            .lambda_duration_threshold_pct(percent);
        let threshold: u32 = parameters(&options, &stack())["LambdaDurationThreshold"].parse().unwrap();
        prop_assert!((1..=900_000).contains(&threshold));
        prop_assert_eq!(threshold, timeout * 1000 * percent / 100);
    }
}

/// Returns the error's text.
fn refused(options: StackOptions) -> String {
    options.for_stack(&stack()).unwrap_err().to_string()
}

#[test]
fn errors_name_the_option_its_value_and_what_is_allowed() {
    let options = StackOptions::new;
    for (text, words) in [
        (
            refused(options().log_retention_days(2)),
            vec!["log_retention_days is 2", "1, 3, 5, 7, 14", "3653"],
        ),
        (
            refused(options().snapshot_windows([])),
            vec!["snapshot_windows", "hourly"],
        ),
        (
            refused(options().alarm_sns_topic("on-call")),
            vec![
                "alarm_sns_topic is \"on-call\"",
                "arn:aws:sns:REGION:ACCOUNT:NAME",
            ],
        ),
        (
            refused(options().aggregator_role_arn("arn:aws:iam::1234:role/x")),
            vec![
                "aggregator_role_arn",
                "arn:aws:iam::1234:role/x",
                "role/NAME",
            ],
        ),
        (
            refused(options().permission_boundary("arn:aws:iam::111122223333:role/x")),
            vec!["permission_boundary", "policy/NAME"],
        ),
        (
            refused(options().role_name_format("Team-")),
            vec!["role_name_format is \"Team-\"", "contain {} once"],
        ),
        (
            refused(options().policy_name_format("{}{}")),
            vec!["policy_name_format is \"{}{}\"", "contain {} once"],
        ),
        (
            refused(options().role_name_format("a b{}")),
            vec!["role_name_format", "letters, digits"],
        ),
        (
            refused(options().role_name_format(format!("{}{{}}", "x".repeat(53)))),
            vec![
                "rate-limits-admin",
                "70 characters",
                "IAM allows 64",
                "may have 5 characters",
            ],
        ),
        (
            refused(options().create_iam(false).create_iam_roles(true)),
            vec!["create_iam_roles needs create_iam"],
        ),
        (
            refused(options().audit_archive_expiration_days(90)),
            vec![
                "audit_archive_expiration_days is 90",
                "more than audit_archive_glacier_days",
            ],
        ),
        (
            refused(options().function_code(FunctionCode::in_stack(""))),
            vec!["function_code_key is \"\"", "name an object"],
        ),
        (
            refused(options().function_code(FunctionCode::in_bucket("Upper", "k"))),
            vec!["function_code_bucket is \"Upper\"", "name an S3 bucket"],
        ),
    ] {
        for word in words {
            assert!(text.contains(word), "{text} lacks {word}");
        }
        assert!(!text.contains('\n'), "{text}");
    }
    let short = StackName::new("zt").unwrap();
    let error = options().for_stack(&short).unwrap_err().to_string();
    assert!(
        error.contains("zt is too short") && error.contains('3'),
        "{error}"
    );
}

#[test]
fn a_stack_has_the_tags_by_which_tools_find_it() {
    let tags = |options: StackOptions| options.for_stack(&stack()).unwrap().tags().to_vec();
    let version = format!("0.17.0+tollgate.{}", tollgate::VERSION);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut expected = vec![
        pair("ManagedBy", "zae-limiter"),
        pair("zae-limiter:name", "rate-limits"),
        pair("zae-limiter:type", "limiter"),
        pair("zae-limiter:version", &version),
        pair("zae-limiter:schema-version", "0.10.0"),
    ];
    assert_eq!(tags(StackOptions::new()), expected);

    // There is a version of functions only if there are functions.
    let code = || StackOptions::new().function_code(FunctionCode::in_stack("v1.zip"));
    expected.push(pair("zae-limiter:lambda-version", &version));
    assert_eq!(tags(code()), expected);
    assert_eq!(tags(code().create_iam(false)).len(), 5);
    let role = "arn:aws:iam::111122223333:role/x";
    let external = code().create_iam(false).aggregator_role_arn(role);
    assert_eq!(tags(external.clone()), expected);
    assert_eq!(tags(external.enable_aggregator(false)).len(), 5);

    expected.push(pair("team", "platform"));
    assert_eq!(tags(code().tag("team", "platform")), expected);
}

#[test]
fn tags_are_refused_that_aws_or_the_stack_keeps() {
    let numbered = |count: usize| {
        (0..count).fold(StackOptions::new(), |options, number| {
            options.tag(format!("key-{number}"), "")
        })
    };
    assert!(numbered(43).for_stack(&stack()).is_ok());
    let code = FunctionCode::in_stack("v1.zip");
    let full = numbered(43)
        .function_code(code)
        .for_stack(&stack())
        .unwrap();
    // One more until the stack is finished.
    assert_eq!(full.tags().len(), 49);
    assert!(refused(numbered(44)).contains("there are 44, and at most 43"));
    for (key, value, problem) in [
        ("", "x", "1 to 128 characters"),
        (&*"k".repeat(129), "x", "1 to 128 characters"),
        ("AWS:x", "x", "AWS keeps for itself"),
        ("ManagedBy", "me", "the stack's own"),
        ("managedby", "me", "the stack's own"),
        ("zae-limiter:name", "me", "the stack's own"),
        ("team", &*"v".repeat(257), "more than 256 characters"),
        ("a!b", "x", "has a character that AWS refuses"),
        ("team", "a*", "a value with a character that AWS refuses"),
    ] {
        let text = refused(StackOptions::new().tag(key, value));
        assert!(text.contains(problem), "{text}");
    }
    // IAM compares keys without their case.
    let twice = StackOptions::new().tag("Team", "a").tag("team", "b");
    assert!(refused(twice).contains("only in its case"));
    let of_roles = StackOptions::new().tag("role", "a");
    assert!(of_roles.for_stack(&stack()).is_ok());
    assert!(refused(of_roles.create_iam_roles(true)).contains("the stack's roles"));
}

#[test]
fn a_stack_name_is_short_enough_for_its_functions() {
    let named = |length: usize| StackName::new("a".repeat(length)).unwrap();
    let options = StackOptions::new();
    assert!(options.for_stack(&named(45)).is_ok());
    let refused = options.for_stack(&named(46)).unwrap_err().to_string();
    assert!(
        refused.contains("limits-provisioner") && refused.contains("45"),
        "{refused}"
    );
    let counting = StackOptions::new().enable_provisioner(false);
    assert!(counting.for_stack(&named(53)).is_ok() && counting.for_stack(&named(54)).is_err());
    let without = counting.enable_aggregator(false);
    assert!(without.for_stack(&named(55)).is_ok());
}
