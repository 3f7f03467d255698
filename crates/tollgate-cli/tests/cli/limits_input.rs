//! `limits cfn-template`, and files on the standard input.

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    limits::LimitsFile,
    peer::peer,
    stage::{Ran, Stage, bare},
};

/// Every key of a file of limits.
const EVERY_KEY: &str = include_str!("../../../tollgate-aws/tests/aws/template/limits.yaml");

const FILE: &str = "{namespace: default, resources: {api: {limits: {rpm: {capacity: 5}}}}}";

/// Runs a command with a text on its standard input.
fn fed(mut command: Command, text: &str) -> Ran {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // A command that refuses its arguments does not read.
    let _ = input.write_all(text.as_bytes());
    drop(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn the_standard_input_is_a_file() {
    let stage = Stage::with_stack().await;
    let run = |arguments: &str, text: &str| fed(stage.command(arguments.split_whitespace()), text);
    let planned = run("limits plan -f - -q", FILE);
    assert_eq!(
        (planned.code, planned.out.as_str()),
        (0, "Plan: 1 change (0 unchanged)\n")
    );
    let applied = run("limits apply -f - -q", FILE);
    let told = "Applied: 1 created, 0 updated, 0 deleted (0 unchanged).\n";
    assert_eq!((applied.code, applied.out.as_str()), (0, told));
    let same = run("limits diff -f -", FILE);
    let told = "No drift detected. Live state matches standard input.\n";
    assert_eq!((same.code, same.out.as_str()), (0, told));

    let writes = stage.writes();
    for (arguments, text, code, message) in [
        (
            "limits plan -f -",
            "",
            2,
            "nothing came on the standard input: pipe a file of limits into the command, or give its path",
        ),
        (
            "limits apply -f -",
            " \n",
            2,
            "standard input:1:1: the file is empty: it needs a namespace",
        ),
        ("limits apply -f -", "namespace: [", 2, "standard input:1:"),
        ("limits plan -f - --watch", FILE, 2, "give --watch a file"),
        // The answer cannot come on the standard input too.
        ("limits apply -f -", "namespace: default", 2, "add --yes"),
    ] {
        let Ran {
            code: ended,
            out,
            err,
        } = run(arguments, text);
        assert_eq!((ended, out.as_str()), (code, ""), "{arguments}: {err}");
        assert!(err.contains(message), "{arguments}: {err}");
    }
    assert_eq!(stage.writes(), writes);
}

#[tokio::test]
async fn a_full_apply_writes_what_is_as_declared() {
    let stage = Stage::with_stack().await;
    let file = LimitsFile::new("full", FILE);
    let path = file.path();
    stage.ok(&format!("limits apply -f {path}"));
    let plan = stage.json(&format!("limits plan -f {path} --full"));
    assert_eq!(
        (&plan["full"], &plan["resumed"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        stage.ok(&format!("limits apply -f {path} --full")),
        "  ~ update resource: api\nApplied: 0 created, 1 updated, 0 deleted (0 unchanged).\n"
    );
    let writes = stage.writes();
    stage.ok(&format!("limits apply -f {path}"));
    assert_eq!(stage.writes(), writes);
}

/// Returns the template that the command prints.
fn template(arguments: &str, path: &str) -> Value {
    let mut command = bare();
    command
        .args(arguments.split_whitespace())
        .args(["-f", path]);
    let ran = fed(command, "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

/// Returns the same value, in which large numbers are texts: CloudFormation would make `9.0E14` of
/// them, which the function of the Python library refuses.
fn with_large_as_texts(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_some_and(|of| i32::try_from(of).is_err()) => {
            number.to_string().into()
        }
        Value::Array(values) => values.into_iter().map(with_large_as_texts).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            let fields = fields.map(|(name, value)| (name, with_large_as_texts(value)));
            Value::Object(fields.collect())
        }
        value => value,
    }
}

#[test]
fn the_template_is_that_of_the_python_command() {
    let Some(peer) = peer() else {
        return;
    };
    let read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    for full in ["", " --full"] {
        let file = LimitsFile::new("template", EVERY_KEY);
        let path = file.path();
        let ours = template(
            &format!("limits cfn-template -n rate-limits --format json{full}"),
            path,
        );
        let mut theirs = Command::new(&peer);
        theirs.env_clear().env("LC_ALL", "C.UTF-8");
        theirs.args(["limits", "cfn-template", "-n", "rate-limits", "-f", path]);
        theirs.args(full.split_whitespace());
        let theirs = fed(theirs, "");
        assert_eq!(theirs.code, 0, "{theirs:?}");
        let mut json = Command::new(env::var_os("TOLLGATE_PEER_PYTHON").unwrap());
        json.args(["-c", read]);
        let theirs = serde_json::from_str(&fed(json, &theirs.out).out).unwrap();
        let theirs = with_large_as_texts(theirs);
        assert_eq!(ours, theirs);
    }
}

// The Python command leaves `burst` out, and so the template has another limit than the file.
#[test]
fn a_template_has_the_burst_of_a_file() {
    let file = LimitsFile::new(
        "burst",
        "{namespace: a, system: {limits: {rpm: {capacity: 5, burst: 9}}}}",
    );
    let template = template(
        "limits cfn-template -n rate-limits --format json",
        file.path(),
    );
    let rpm = &template["Resources"]["TenantLimits"]["Properties"]["System"]["Limits"]["rpm"];
    assert_eq!(rpm["Capacity"], 9, "{rpm}");
}

#[test]
fn what_is_no_template_is_told() {
    let file = LimitsFile::new("wrong", "{namespace: default, sistem: {}}");
    let path = file.path();
    let many = (0..20_000)
        .map(|index| format!("  user-{index}: {{resources: {{a: {{disabled: true}}}}}}\n"));
    let large = format!(
        "namespace: default\nentities:\n{}",
        many.collect::<String>()
    );
    let large = LimitsFile::new("large", &large);
    for (arguments, code, message) in [
        (
            format!("limits cfn-template -f {path}"),
            2,
            "unknown key `sistem`",
        ),
        (
            format!("limits cfn-template -f {path} -o json"),
            2,
            "--format instead of --output",
        ),
        (
            format!("limits cfn-template -n ab -f {path}"),
            2,
            "too short",
        ),
        (
            format!("limits cfn-template -f {}", large.path()),
            1,
            "use `limits apply`",
        ),
    ] {
        let mut command = bare();
        command.args(arguments.split_whitespace());
        let Ran {
            code: ended,
            out,
            err,
        } = fed(command, "");
        assert_eq!((ended, out.as_str()), (code, ""), "{arguments}: {err}");
        assert!(err.contains(message), "{arguments}: {err}");
    }
}
