//! Wrong arguments: the message says what to do. And words that mean the same.

use crate::stage::{Stage, bare, ran};

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
        ("local status --watch", "Nothing was done"),
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
async fn arguments_that_only_the_library_checks_are_wrong_arguments_too() {
    let stage = Stage::with_stack().await;
    for arguments in [
        "entity set-limits key-1 -l rpm:1 -l rpm:2",
        "bucket reset key-1 api --idempotency-key a/b",
        "bucket top-up key-1 api --add rpm:0",
    ] {
        let ran = stage.run(arguments);
        assert_eq!(ran.code, 2, "{arguments}: {ran:?}");
    }
    assert_eq!(stage.writes(), 0);
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
