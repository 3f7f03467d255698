//! `local status` and `local logs`.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use super::place::{Place, signal};
use crate::stage::ran;

#[test]
fn the_log_is_shown_and_followed_to_its_end() {
    let place = Place::new();
    let missing = place.fails("local logs", 1);
    assert!(
        missing.starts_with("the local table does not run"),
        "{missing}"
    );
    place.ok("local up");
    let lines = place.json("local logs");
    let text = lines[0]["text"].as_str().unwrap();
    assert!(text.starts_with("started at http://127.0.0.1:"), "{lines}");

    let mut command = place.command("local logs --follow --tail 0 --output jsonl");
    let follower = command.stdout(Stdio::piped()).spawn().unwrap();
    place.ok("local down");
    let output = follower.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));

    place.ok("local up");
    // Before the end of the first run, or after the start of the second, is a line of the aggregator.
    let last = place.ok("local logs --tail 3");
    let last: Vec<_> = last.lines().collect();
    assert_eq!(last.len(), 3);
    let is_end = |line: &&str| line.ends_with("stopped: by `tollgate local down`");
    assert!(last.iter().any(is_end), "{last:?}");
    let json = place.fails("local logs --follow --output json", 2);
    assert!(json.contains("table and jsonl"), "{json}");
}

#[test]
fn following_shows_the_lines_that_come() {
    let place = Place::up();
    let mut command = place.command("local logs --follow");
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(follower.stdout.take().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    assert!(first.contains("started at"), "{first}");
    place.ok("local down");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!(follower.wait().unwrap().code(), Some(0));
    assert!(
        rest.ends_with("stopped: by `tollgate local down`\n"),
        "{rest}"
    );
}

#[test]
fn following_ends_when_nobody_reads_any_more() {
    let place = Place::up();
    let mut command = place.command("local logs --follow");
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(follower.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    // The table runs on, and its log has no more lines.
    assert_eq!(follower.wait().unwrap().code(), Some(0));
    assert_eq!(place.state(), "running");
}

#[test]
fn a_server_that_does_not_answer_is_told() {
    let place = Place::up();
    let pid = place.pid();
    signal("-STOP", pid);
    let status = ran(place.command("local status"));
    signal("-CONT", pid);
    assert_eq!(status.code, 3, "{status:?}");
    assert!(
        status.out.contains(&format!("Pid:        {pid}\n")),
        "{status:?}"
    );
    assert!(status.err.contains("does not answer"), "{status:?}");
    assert_eq!(place.state(), "running");
}
