//! The texts that commands of the local table print for shells and other programs.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use super::place::{Place, signal};
use crate::stage::{bare, ran};

#[test]
fn the_hint_works_in_a_shell_whatever_the_folder_is_called() {
    let place = Place::new();
    let folder = place.folder.join("it's \"$HOME\" `exit 7` \\ ü");
    let on_it = |arguments: &[&str]| {
        let mut command = bare();
        command.args(["local"]).args(arguments);
        command.arg("--data").arg(&folder);
        ran(command)
    };
    let up = on_it(&["up", "--port", "0"]);
    assert_eq!(up.code, 0, "{up:?}");
    let hint = up.out.lines().nth(1).unwrap();
    let hint = hint.strip_prefix("For this shell: ").unwrap();
    let binaries = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{hint}; echo $AWS_ENDPOINT_URL")])
        .env_clear()
        .env("HOME", "/nowhere")
        .env("PATH", format!("{}:/usr/bin:/bin", binaries.display()));
    let shell = ran(shell);
    let status = on_it(&["status", "--output", "json"]);
    on_it(&["down"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
    let endpoint = status["endpoint"].as_str().unwrap();
    assert_eq!((shell.out.trim_end(), &*shell.err), (endpoint, ""));
}

#[test]
fn only_the_status_is_repeated() {
    let place = Place::new();
    for arguments in [
        "local up",
        "local down",
        "local logs",
        "local env",
        "completions bash",
        "man .",
    ] {
        let told = place.fails(&format!("{arguments} --watch"), 2);
        assert!(told.ends_with("Nothing was done"), "{told}");
    }
    assert!(!place.folder.exists());

    let mut command = place.command("local status --watch=1 --output jsonl");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains("\"state\":\"stopped\""), "{line}");
    }
    signal("-INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_environment_has_a_format_of_its_own() {
    let place = Place::new();
    let told = place.fails("local env --output json", 2);
    assert!(told.contains("--format instead of --output"), "{told}");
    let log = place.fails("local logs", 1);
    assert!(log.contains("there is no log in "), "{log}");
}
