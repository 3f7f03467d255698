//! Arguments that are wrong.

use crate::stage::{Stage, bare, ran};

#[test]
fn wrong_arguments_exit_2() {
    for arguments in [
        "loadtest",
        "loadtest run --users 0",
        "loadtest run --users 5 --rate 5",
        "loadtest run --rate 0",
        "loadtest run --rate fast",
        "loadtest run --rate 5 --pause 1s",
        "loadtest run --rate 5 --obey-retry-after",
        "loadtest run --duration 0s",
        "loadtest run --duration 1.5s",
        "loadtest run --processes 0",
        "loadtest run --requests 0",
        "loadtest run --scenario other",
        "loadtest run --cost rpm",
        "loadtest run --tokens 5-1",
        "loadtest run --zipf 1",
        "loadtest run --max-errors many",
        "loadtest run --header a:b",
        "loadtest run --url http://127.0.0.1/ -l rpm:5",
        "loadtest run --url http://127.0.0.1/ --body a --body-file b",
        "loadtest run -l rpm:0",
    ] {
        let mut command = bare();
        let ran = ran({
            command.args(arguments.split_whitespace());
            command
        });
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{arguments}: {ran:?}"
        );
        assert!(!ran.err.is_empty(), "{arguments}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_command_can_check_is_one_line() {
    let stage = Stage::with_stack().await;
    let before = stage.items().await;
    for (arguments, part) in [
        ("--url ftp://127.0.0.1/", "must begin with http://"),
        ("--url http://127.0.0.1:99999/", "a port up to 65535"),
        ("--url http://user:secret@127.0.0.1/", "without a user"),
        (
            "--url http://127.0.0.1/ --header nothing(:",
            "cannot be sent",
        ),
        ("--url http://127.0.0.1/ --header nothing", "has no colon"),
        (
            "--url http://127.0.0.1/ --body-file /none/of/it",
            "cannot be read",
        ),
        ("--keys 5 --zipf -1", "unexpected argument"),
        ("--keys 5 --zipf 11", "between 0 and 10"),
        ("-l rpm:5 -l rpm:6", "rpm is given twice"),
        (
            "-s cascade -N default --entity user-1",
            "leave --entity out",
        ),
        ("--watch=1", "--watch repeats commands that read"),
    ] {
        let ran = stage.run(&format!("loadtest run --duration 1s {arguments}"));
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{arguments}: {ran:?}"
        );
        assert!(ran.err.contains(part), "{arguments}: {ran:?}");
        let by_clap = part == "unexpected argument";
        assert!(by_clap || ran.err.lines().count() == 1, "{ran:?}");
    }
    assert_eq!(stage.items().await, before);
}
