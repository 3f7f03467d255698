//! Opening of a stack, and the errors if it cannot be opened.

use std::{
    ffi::OsStr,
    io::Read,
    os::unix::ffi::OsStrExt,
    process::{Command, Stdio},
};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate_testkit::{ErrorAnswer, Fault};

use crate::stage::{Ran, STACK, Stage, bare, ran};

/// Commands that read, each with what it needs.
pub(crate) const READING: [&str; 24] = [
    "entity show user-1",
    "entity list --with-custom-limits api",
    "entity list-resources",
    "entity children org-1",
    "entity get-limits user-1 --resource api",
    "resource get-defaults api",
    "resource list",
    "system get-defaults",
    "namespace list",
    "namespace show default",
    "namespace orphans",
    "audit list --entity-id user-1",
    "bucket show user-1 api --cost rpm:5",
    "bucket list --entity-id user-1",
    "bucket list --resource api",
    "usage list --entity-id user-1",
    "usage summary --resource api --window daily",
    "top --resource api --interval 100ms",
    "top --entity-id user-1 --interval 100ms",
    "usage what-if --resource api --window daily --limit rpm:5",
    "usage report --resource api --window daily --file /dev/null --force",
    "status",
    "version",
    "check",
];

/// Commands that change something.
const CHANGING: [&str; 23] = [
    "entity create user-2",
    "entity set-limits user-1 -l rpm:5",
    "entity delete-limits user-1 --yes",
    "entity delete user-1 --yes",
    "entity disable user-1",
    "entity set-parent user-1 --none",
    "entity reset user-1 -r api",
    "entity top-up user-1 -r api --add rpm:5",
    "entity set-cascade user-1 on",
    "resource bypass api",
    "resource clear-cascade api",
    "bucket reset user-1 api",
    "bucket top-up user-1 api --add rpm:5",
    "resource set-defaults api -l rpm:5",
    "resource delete-defaults api --yes",
    "system set-defaults -l rpm:5",
    "system delete-defaults --yes",
    "namespace register other",
    "namespace delete default --yes",
    "namespace recover AAAAAAAAAAA",
    "namespace purge AAAAAAAAAAA --yes",
    "aggregate --once",
    "loadtest run --duration 1s",
];

/// Returns the only line of an error.
fn line(ran: &Ran) -> &str {
    let line = ran.err.strip_suffix('\n').expect("a line");
    assert!(
        line.starts_with("error: ") && !line.contains('\n'),
        "{ran:?}"
    );
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_stack_is_told_by_every_command_and_created_by_none() {
    let stage = Stage::empty().await;
    for arguments in READING.iter().chain(&CHANGING) {
        let ran = stage.run(arguments);
        assert_eq!(ran.code, 4, "{arguments}: {ran:?}");
        assert!(
            line(&ran).contains("there is no stack limits at http://"),
            "{arguments}: {ran:?}"
        );
    }
    assert_eq!(stage.writes(), 0);
    let tables = stage.engine.client().list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_namespace_is_told_and_not_registered() {
    let stage = Stage::with_stack().await;
    for arguments in READING.iter().chain(&CHANGING) {
        if ["namespace", "status", "version", "check", "aggregate"]
            .iter()
            .any(|word| arguments.starts_with(word))
        {
            continue;
        }
        let ran = stage.run(&format!("{arguments} -N defualt"));
        assert_eq!(ran.code, 1, "{arguments}: {ran:?}");
        assert!(
            line(&ran).contains("tollgate namespace register defualt"),
            "{ran:?}"
        );
    }
    assert_eq!(stage.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_read_never_write() {
    let stage = Stage::with_stack().await;
    stage.ok("entity create user-1 --parent org-1 --cascade");
    stage.ok("system set-defaults -l rpm:100");
    stage.ok("entity set-limits user-1 --resource api -l rpm:10");
    let limiter = stage.limiter().await;
    limiter.acquire("user-1", "api").await.unwrap().commit();
    limiter.shutdown().await;
    let (before, writes) = (stage.items().await, stage.writes());
    for arguments in READING {
        for format in ["table", "json", "jsonl", "csv"] {
            // It has no place for an answer.
            if format == "csv" && arguments.contains("--cost") {
                continue;
            }
            stage.ok(&format!("{arguments} --output {format}"));
        }
    }
    assert_eq!(stage.writes(), writes);
    assert_eq!(stage.items().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_commands_that_read_are_repeated() {
    let stage = Stage::with_stack().await;
    for arguments in CHANGING
        .iter()
        .chain(&["doctor", "table create", "top --yes"])
    {
        let ran = stage.run(&format!("{arguments} --watch"));
        assert_eq!(ran.code, 2, "{arguments}: {ran:?}");
        assert!(line(&ran).ends_with("Nothing was done"), "{ran:?}");
    }
    assert_eq!(stage.proxy.counts().len(), 0);

    let mut command = stage.command(["resource", "list", "--watch=1"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    // Version, namespace and list, three times.
    stage.proxy.until_count("GetItem", 9).await;
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.matches("No resources").count() >= 2, "{out}");
    assert!(out.ends_with("Interrupted.\n"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_without_a_terminal_and_without_yes() {
    let stage = Stage::with_stack().await;
    let before = stage.items().await;
    for arguments in CHANGING
        .iter()
        .filter(|arguments| arguments.contains("--yes"))
    {
        let ran = stage.run(&arguments.replace("--yes", ""));
        assert_eq!(ran.code, 2, "{arguments}: {ran:?}");
        assert!(
            line(&ran).ends_with("add --yes. Nothing was changed"),
            "{ran:?}"
        );
    }
    assert_eq!(stage.proxy.counts().len(), 0);
    assert_eq!(stage.items().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_aws_are_one_line_and_exit_3() {
    let stage = Stage::with_stack().await;
    for (answer, part) in [
        (
            ErrorAnswer::access_denied("dynamodb:GetItem"),
            "dynamodb:GetItem",
        ),
        (
            ErrorAnswer::unrecognized_client(),
            "UnrecognizedClientException",
        ),
        (ErrorAnswer::validation(), "ValidationException"),
    ] {
        stage.proxy.set_fault(Fault::answer(answer));
        for arguments in ["entity show user-1", "namespace list"] {
            let ran = stage.run(arguments);
            assert_eq!(ran.code, 3, "{arguments}: {ran:?}");
            assert!(line(&ran).contains(part), "{ran:?}");
        }
    }
    stage.proxy.clear_faults();
    stage.engine.stop().await;
    for arguments in ["entity show user-1", "namespace list", "status"] {
        let ran = stage.run(arguments);
        assert_eq!(ran.code, 3, "{arguments}: {ran:?}");
        assert!(line(&ran).contains(&stage.proxy.endpoint()), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_region_and_no_credentials_are_one_line_and_exit_3() {
    let stage = Stage::with_stack().await;
    for (missing, part) in [
        ("AWS_REGION", "no AWS region is known"),
        (
            "AWS_SECRET_ACCESS_KEY",
            "error: no AWS credentials are known; set AWS_PROFILE",
        ),
    ] {
        for arguments in ["entity show user-1", "namespace list", "list", "logs"] {
            let mut command = stage.command(arguments.split_whitespace());
            command.env_remove(missing).env("HOME", "/nonexistent");
            let ran = ran(command);
            assert_eq!(ran.code, 3, "{missing}, {arguments}: {ran:?}");
            // A line that is read: the SDK tells each of its sources.
            let told = line(&ran);
            assert!(told.contains(part) && told.len() < 300, "{ran:?}");
        }
    }
}

/// Guards a stack of the same name in the region: `delete` deleted it, and named the endpoint of
/// DynamoDB.
#[test]
fn stack_commands_refuse_two_places_and_ask_nothing() {
    let here = "http://127.0.0.1:1";
    let own = "AWS_ENDPOINT_URL_DYNAMODB";
    for (variables, refused) in [
        (vec![(own, here)], true),
        (
            vec![(own, here), ("AWS_ENDPOINT_URL", "http://127.0.0.1:2")],
            true,
        ),
        (vec![("AWS_ENDPOINT_URL_CLOUDFORMATION", here)], true),
        (
            vec![(own, here), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")],
            false,
        ),
    ] {
        for arguments in [
            "deploy --without-code",
            "delete --yes",
            "upgrade",
            "list",
            "adopt",
        ] {
            let mut command = bare();
            command.args(arguments.split_whitespace());
            if arguments != "list" {
                command.args(["--name", "limits"]);
            }
            let told = ran(command_with(command, &variables));
            let names_both = told.err.contains(here)
                && told.err.contains("CloudFormation at ")
                && told.err.contains("set AWS_ENDPOINT_URL or --endpoint-url");
            assert_eq!(
                (told.code == 2, names_both),
                (refused, refused),
                "{arguments} {variables:?}: {told:?}"
            );
        }
    }
    let mut logs = bare();
    logs.args(["logs", "--name", "limits"]);
    let told = ran(command_with(logs, &[(own, here)]));
    assert_eq!(told.code, 2, "{told:?}");
    assert!(
        told.err
            .contains("CloudWatch Logs at AWS, region us-east-1"),
        "{told:?}"
    );
    // An endpoint of AWS in the region is the same place: that of a VPC.
    let vpc = "https://vpce-1-abc.dynamodb.us-east-1.vpce.amazonaws.com";
    let mut list = bare();
    list.arg("list")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("HOME", "/nonexistent");
    let told = ran(command_with(list, &[(own, vpc)]));
    assert_eq!(told.code, 3, "{told:?}");
}

fn command_with(
    mut command: std::process::Command,
    variables: &[(&str, &str)],
) -> std::process::Command {
    command.envs(variables.iter().copied());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn stack_and_namespace_come_from_the_environment() {
    let stage = Stage::with_stack().await;
    stage.ok("namespace register tenant");
    stage.ok("entity create user-1 -N tenant");
    for (variables, code) in [
        (["TOLLGATE_STACK", "TOLLGATE_NAMESPACE"], 0),
        (["ZAEL_STACK", "ZAEL_NAMESPACE"], 0),
        (["OTHER", "TOLLGATE_NAMESPACE"], 4),
        (["ZAEL_STACK", "OTHER"], 1),
    ] {
        let mut command = bare();
        command.args(["entity", "show", "user-1"]);
        command.env("AWS_ENDPOINT_URL", stage.proxy.endpoint());
        command.envs(variables.into_iter().zip([STACK, "tenant"]));
        assert_eq!(ran(command).code, code, "{variables:?}");
    }
    let mut command = stage.command(["entity", "show", "user-1", "-N", "tenant"]);
    command.envs([("TOLLGATE_STACK", "other"), ("TOLLGATE_NAMESPACE", "other")]);
    assert_eq!(ran(command).code, 0, "arguments come first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_of_another_version_is_refused_by_all_but_status() {
    let stage = Stage::with_stack().await;
    let client = stage.engine.client();
    let key = [("PK", "_/SYSTEM#"), ("SK", "#VERSION")];
    let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.into())));
    for version in [Some("9.0.0"), None] {
        let request = client
            .update_item()
            .table_name(STACK)
            .set_key(Some(key.clone().into()));
        match version {
            Some(version) => {
                let request = request.update_expression("SET schema_version = :version");
                let version = AttributeValue::S(version.into());
                request
                    .expression_attribute_values(":version", version)
                    .send()
                    .await
                    .unwrap();
            }
            None => {
                let request = client.delete_item().table_name(STACK);
                request
                    .set_key(Some(key.clone().into()))
                    .send()
                    .await
                    .unwrap();
            }
        }
        for arguments in READING.iter().chain(&CHANGING) {
            let ran = stage.run(arguments);
            let status = *arguments == "status";
            // The namespace is joined if a table without a version record is one of ours.
            if version.is_none()
                && !["namespace", "version", "check"]
                    .iter()
                    .any(|word| arguments.starts_with(word))
            {
                continue;
            }
            assert_eq!(ran.code, i32::from(!status), "{arguments}: {ran:?}");
            if !status {
                line(&ran);
            }
        }
    }
}

#[test]
fn arguments_that_are_wrong_exit_2() {
    for arguments in [
        "",
        "entity",
        "entity shwo user-1",
        "entity show",
        "entity show no#name",
        "entity set-limits user-1",
        "entity set-limits user-1 -l rpm",
        "entity set-limits user-1 -l rpm:1/week",
        "resource set-defaults 9api -l rpm:1",
        "system set-defaults -l rpm:1 --on-unavailable maybe",
        "bucket show user-1 api --cost rpm",
        "audit list",
        "top --interval 99ms",
        "top --metrics https://127.0.0.1/",
        "top --entity-id user-1 --parent org-1",
        "resource list --name 9",
        "resource list --output xml",
        "resource list --endpoint-url 127.0.0.1:8000",
    ] {
        let mut command = bare();
        command.args(arguments.split_whitespace());
        let ran = ran(command);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{arguments}: {ran:?}"
        );
        assert!(!ran.err.is_empty(), "{arguments}");
    }
    let mut command = bare();
    command
        .args(["entity", "show"])
        .arg(OsStr::from_bytes(b"user-\xff"));
    let ran = ran(command);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("invalid UTF-8"), "{ran:?}");
}

#[test]
fn a_wrong_name_in_the_environment_is_told_with_its_variable() {
    for value in [&b"9"[..], b"\xff"] {
        let mut command = bare();
        command.args(["resource", "list"]);
        command.env("TOLLGATE_STACK", OsStr::from_bytes(value));
        let ran = ran(command);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(line(&ran).starts_with("error: TOLLGATE_STACK: "), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_does_not_exist_is_told_despite_credentials_in_the_environment() {
    let stage = Stage::with_stack().await;
    let mut command = stage.command(["resource", "list", "--profile", "nobody"]);
    command.env("HOME", "/nonexistent");
    let ran = ran(command);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(line(&ran).contains("nobody"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_command_says_so() {
    let stage = Stage::with_stack().await;
    stage.proxy.set_fault(Fault::black_hole());
    let mut command = stage.command(["namespace", "list"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    stage.proxy.until_received("GetItem", 1).await;
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.starts_with("error: interrupted"), "{err}");
}

#[test]
fn an_error_in_a_limit_has_its_place() {
    let mut command = bare();
    command.args(["system", "set-defaults", "-l", "rpm:10", "-l", "tpm:1e3"]);
    let ran = ran(command);
    assert!(
        ran.err
            .contains("the rate \"1e3\" at character 5 is not a whole number"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_may_close_the_pipe() {
    let stage = Stage::with_stack().await;
    for arguments in [
        "completions bash",
        "entity list --with-custom-limits api",
        "resource list",
    ] {
        let mut command = stage.command(arguments.split_whitespace());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), err.as_str()),
            (Some(0), ""),
            "{arguments}"
        );
    }
}

#[test]
fn the_version_is_printed_at_once() {
    let mut command = bare();
    command.arg("--version");
    let ran = ran(command);
    assert_eq!(ran.out, format!("tollgate {}\n", env!("CARGO_PKG_VERSION")));
}
