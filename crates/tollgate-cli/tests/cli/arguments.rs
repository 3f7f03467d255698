//! Wrong arguments: the message says what to do. And words that mean the same.

use crate::stage::{Ran, STACK, Stage, bare, ran};

#[test]
fn a_wrong_argument_is_told_with_the_right_one() {
    const SELECTION: &str = "<--entity-id <ENTITY>|--resource <RESOURCE>>";
    for (arguments, part) in [
        ("bucket list", SELECTION),
        ("usage list", SELECTION),
        ("usage summary --window daily", SELECTION),
        ("entity set-parent key-1", "<--parent <ENTITY>|--none>"),
        (
            "usage list -e key-1 --start yesterday",
            "a date, or a time such as 2026-01-31T00:00:00Z",
        ),
        (
            "audit list -e key-1 --start-event-id 17",
            "26 letters and digits",
        ),
        ("bucket show key-1 api --cost rpm:,x", "whole number"),
        ("completions bash --watch", "Nothing was done"),
    ] {
        let mut command = bare();
        command.args(arguments.split_whitespace());
        let ran = ran(command);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{arguments}: {ran:?}"
        );
        assert!(ran.err.contains(part), "{arguments}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_of_a_namespace_is_told_with_the_list_of_ids() {
    let stage = Stage::with_stack().await;
    for arguments in ["namespace recover default", "namespace purge default --yes"] {
        let ran = stage.run(arguments);
        assert_eq!(ran.code, 1, "{arguments}: {ran:?}");
        assert!(ran.err.contains("tollgate namespace orphans"), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_has_two_spellings_and_a_day_begins_at_midnight() {
    let stage = Stage::with_stack().await;
    stage.ok("entity create key-1");
    for list in ["audit list", "bucket list", "usage list"] {
        let [long, short] =
            ["--entity-id", "--entity"].map(|option| stage.json(&format!("{list} {option} key-1")));
        assert_eq!(long, short, "{list}");
    }
    let events = stage.json("audit list --entity key-1");
    assert_eq!(events[0]["action"], "entity_created", "{events}");
    let today = events[0]["timestamp"].as_str().unwrap();
    let (today, _) = today.split_once('T').unwrap();
    stage.ok(&format!("usage list --entity-id key-1 --start {today}"));
}

/// Asserts that a command was refused with one line, and exit code 2.
fn refused(ran: &Ran, part: &str) {
    assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{ran:?}");
    assert!(ran.err.contains(part), "{part}: {ran:?}");
    assert_eq!(ran.out, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_only_the_library_refuses_are_wrong_arguments() {
    let stage = Stage::with_stack().await;
    stage.ok("resource set-defaults api -l rpm:5");
    let many: String = (0..17).map(|limit| format!(" -l n{limit}:1")).collect();
    let before = stage.items().await;
    for (arguments, part) in [
        (
            "entity set-limits user-1 -l rpm:5 -l rpm:6",
            "rpm is given twice",
        ),
        (
            &*format!("entity set-limits user-1{many}"),
            "17 limits are too many",
        ),
        ("bucket top-up user-1 api --add rpm:0", "from 1 to 10^15"),
        (
            "bucket reset user-1 api --idempotency-key a/b",
            "an idempotency key has",
        ),
    ] {
        refused(&stage.run(arguments), part);
    }
    assert_eq!(stage.items().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_resources_continues_by_its_own_cursors_alone() {
    let stage = Stage::with_stack().await;
    for resource in ["api", "chat", "web"] {
        stage.ok(&format!("resource set-defaults {resource} -l rpm:5"));
    }
    stage.ok("namespace register tenant-a");
    let first = stage.ok("resource list --limit 1");
    let cursor = first.trim_end().rsplit_once("--cursor ").unwrap().1;
    assert!(first.contains("  api\n"), "{first}");
    let rest = stage.ok(&format!("resource list --cursor {cursor}"));
    assert!(rest.ends_with(":\n  chat\n  web\n"), "{rest}");

    let namespaces = stage.ok("namespace list --limit 1");
    let other = namespaces.trim_end().rsplit_once("--cursor ").unwrap().1;
    for wrong in [other, "api", "resource:", "resource:a#b"] {
        let ran = stage.run(&format!("resource list --cursor {wrong}"));
        refused(&ran, "--cursor is not a cursor of this listing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_that_would_lose_the_answer_is_refused() {
    let stage = Stage::with_stack().await;
    let show = stage.run("bucket show user-1 api --cost rpm:1 --output csv");
    refused(&show, "csv has no place for the answer");
    let top = "top --resource api --metrics http://127.0.0.1:1/ --output csv";
    refused(&stage.run(top), "csv has no place for the denials");
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_of_a_top_up_are_true() {
    let stage = Stage::with_stack().await;
    stage.ok("system set-defaults -l rpd:100/day");
    // A bucket that does not exist was not filled up.
    let nothing = stage.ok("bucket top-up user-1 api --add rpd:5");
    assert!(nothing.starts_with("Nothing to do"), "{nothing}");
    let limiter = stage.limiter().await;
    let acquire = limiter.acquire("user-1", "api").cost("rpd", 60).await;
    acquire.unwrap().commit();
    limiter.shutdown().await;

    let key = "--idempotency-key order-1";
    let twice = format!("bucket top-up user-1 api --add rpd:3 --add rpd:4 {key}");
    assert!(stage.ok(&twice).ends_with("rpd: +7)\n"));
    assert!(stage.ok(&twice).contains("an earlier call with this key"));
    for other in [9, 2] {
        let ran = stage.run(&format!("bucket top-up user-1 api --add rpd:{other} {key}"));
        let note = format!("note: rpd got 7, not {other}: the earlier call with this key counts\n");
        assert_eq!((ran.code, ran.err), (0, note));
    }
    let shown = stage.ok("bucket show user-1 api");
    assert!(!shown.contains("1970"), "{shown}");
}

#[test]
fn a_wrong_environment_is_named() {
    let with = |variables: &[(&str, &str)], arguments: &str| {
        let mut command = bare();
        command.args(["status", "--name", STACK]);
        command.args(arguments.split_whitespace());
        command.envs(variables.iter().copied());
        ran(command)
    };
    let dynamodb = "AWS_ENDPOINT_URL_DYNAMODB";
    for (variable, endpoint) in [
        (dynamodb, ""),
        (dynamodb, "127.0.0.1:8000"),
        ("AWS_ENDPOINT_URL", ""),
    ] {
        let told = with(&[(variable, endpoint)], "");
        refused(&told, &format!("{variable}: it must begin with http://"));
    }
    let (here, there) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
    let endpoints = [(dynamodb, here), ("AWS_ENDPOINT_URL", there)];
    for (arguments, endpoint) in [
        ("", here),
        ("--endpoint-url http://127.0.0.1:3", "http://127.0.0.1:3"),
    ] {
        let told = with(&endpoints, arguments);
        assert_eq!(told.code, 3, "{told:?}");
        let place = format!("DynamoDB was asked at {endpoint}\n");
        assert!(told.err.ends_with(&place), "{told:?}");
    }
    refused(&with(&[], "--region eu_west"), "\"eu_west\" is no region");
    let empty = with(&[("AWS_REGION", "")], "");
    assert_eq!((empty.code, empty.err.lines().count()), (3, 1), "{empty:?}");
    assert!(!empty.err.contains("interceptor"), "{empty:?}");
}

#[test]
fn names_and_keys_that_the_table_cannot_have_are_refused() {
    let mut command = bare();
    command.args(["status", "--name", "ab"]);
    refused(&ran(command), "at least 3 characters");
    let mut command = bare();
    command.args(["entity", "create", "user-1", "--metadata", "=b"]);
    let told = ran(command);
    assert_eq!(told.code, 2);
    assert!(told.err.contains("the key is empty"), "{told:?}");
}
