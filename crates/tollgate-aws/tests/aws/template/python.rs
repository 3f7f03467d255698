//! The names that the template shares with zae-limiter's, so that its tools find the parts of a stack.

use std::{collections::BTreeSet, env, fs, process::Command};

use serde_json::Value;
use tollgate_aws::StackPolicy;

use super::resolved::template;

/// The names in the template of zae-limiter 0.17.0.
const NAMES: &str = include_str!("python_names.txt");

/// Returns the names in our template, in the same form.
fn ours() -> BTreeSet<String> {
    let template = template();
    let keys = |section: &str, word: &str| -> Vec<String> {
        let keys = template[section].as_object().unwrap().keys();
        keys.map(|key| format!("{word} {key}")).collect()
    };
    let outputs = template["Outputs"].as_object().unwrap().iter();
    let outputs = outputs.map(|(name, output)| {
        let export = output["Export"]["Name"]["Fn::Sub"].as_str().unwrap();
        let export = export.strip_prefix("${AWS::StackName}-").unwrap();
        format!("output {name} {export}")
    });
    let mut all = keys("Parameters", "parameter");
    all.extend(keys("Resources", "resource"));
    all.extend(outputs);
    all.into_iter().collect()
}

#[test]
fn every_parameter_resource_output_and_export_of_python_is_here() {
    let ours = ours();
    let python: BTreeSet<String> = NAMES.lines().map(str::to_owned).collect();
    let missing: Vec<_> = python.difference(&ours).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let more: Vec<_> = ours.difference(&python).map(String::as_str).collect();
    assert_eq!(
        more,
        [
            "parameter AuditArchiveExpirationDays",
            "parameter EnableIdleAlarm",
            "parameter EnablePythonIndexes",
            "parameter FunctionArchitecture",
            "parameter FunctionCodeBucket",
            "parameter FunctionCodeKey",
            "parameter PermissionBoundaryName",
            "parameter StreamStartingPosition",
            "resource AggregatorIdleAlarm",
            "resource ArchiveFailureAlarm",
            "resource ArchiveFailureFilter",
            "resource CodeBucket",
            "resource NamespaceIndexThrottleAlarm",
            "resource ProvisionerErrorAlarm",
            "resource ResourceIndexThrottleAlarm",
            "resource TableSystemErrorAlarm",
        ]
    );
}

/// Differences on purpose: what a stack keeps by default, and how much memory it needs.
#[test]
fn defaults_differ_from_those_of_python_on_purpose_only() {
    let parameters = &template()["Parameters"];
    for (name, python, here) in [
        ("EnableDeletionProtection", "false", "true"),
        ("EnableIAMRoles", "true", "false"),
        ("LambdaMemorySize", "256", "128"),
        ("SchemaVersion", "1.0.0", "0.10.0"),
        ("LambdaTimeout", "60", "60"),
        ("LambdaDurationThreshold", "48000", "48000"),
        ("SnapshotRetentionDays", "90", "90"),
        ("LogRetentionDays", "30", "30"),
        ("AuditArchiveGlacierTransitionDays", "90", "90"),
        ("EnableAuditArchival", "true", "true"),
        ("EnableIAM", "true", "true"),
        ("EnableTracing", "false", "false"),
        ("SnapshotWindows", "hourly,daily", "hourly,daily"),
    ] {
        let default = match &parameters[name]["Default"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        assert_eq!(default, here, "{name}, which is {python} there");
    }
}

/// Compares the list of names with the installed package.
#[test]
fn the_names_are_those_of_the_installed_python_package() {
    if let Some(text) = installed() {
        assert_eq!(names(&text), NAMES);
    }
}

/// CloudFormation cannot take a stack over if a policy's description differs.
#[test]
fn the_policies_of_a_stack_with_python_indexes_have_the_descriptions_of_python() {
    let Some(text) = installed() else {
        return;
    };
    let template = template();
    for policy in StackPolicy::ALL {
        let id = policy.logical_id();
        let (_, part) = text.split_once(&format!("\n  {id}:\n")).unwrap();
        let (_, description) = part.split_once("Description: ").unwrap();
        let (description, _) = description.split_once('\n').unwrap();
        let ours = &template["Resources"][id]["Properties"]["Description"]["Fn::If"];
        assert_eq!(ours[1], description, "{id}");
    }
}

/// Returns the template of the installed package.
fn installed() -> Option<String> {
    let Some(python) = env::var_os("TOLLGATE_PEER_PYTHON") else {
        eprintln!("skipped: TOLLGATE_PEER_PYTHON is not set");
        return None;
    };
    let code = "import importlib.resources as r; print(r.files('zae_limiter') / 'infra' / 'cfn_template.yaml')";
    let output = Command::new(python).args(["-c", code]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let path = String::from_utf8(output.stdout).unwrap();
    Some(fs::read_to_string(path.trim()).unwrap())
}

/// Returns the names of a template by the indentation of its lines.
fn names(text: &str) -> String {
    let (mut section, mut entry, mut names) = ("", "", String::new());
    let is_content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    for line in text.lines().filter(is_content) {
        let indent = line.len() - line.trim_start().len();
        match (indent, line.trim().split_once(": ")) {
            (0, None) => section = line.trim_end_matches(':'),
            (2, None) if line.ends_with(':') => {
                entry = line.trim().trim_end_matches(':');
                match section {
                    "Parameters" => names += &format!("parameter {entry}\n"),
                    "Resources" => names += &format!("resource {entry}\n"),
                    _ => {}
                }
            }
            (6, Some(("Name", name))) if section == "Outputs" => {
                let (_, export) = name.split_once("}-").expect("an export");
                names += &format!("output {entry} {export}\n");
            }
            _ => {}
        }
    }
    names
}
