//! A newcomer's first half hour: the commands of the operator's page, run by a shell as they stand.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{local::place::Place, stage::ran};

const SECTION: &str = "\n## A table on this machine\n";

/// Returns the lines of the page's section that are typed.
fn typed() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/operating.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once(SECTION).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

/// Returns the example, which is built if it is not there yet. `cargo test --workspace` builds it.
fn quickstart() -> PathBuf {
    let command = Path::new(env!("CARGO_BIN_EXE_tollgate"));
    let profile = command.parent().unwrap();
    let example = profile.join("examples/quickstart");
    if !example.exists() {
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--workspace",
                "--locked",
                "--example",
                "quickstart",
            ])
            .arg("--target-dir")
            .arg(profile.parent().unwrap())
            .stdout(Stdio::null())
            .status();
        assert!(built.unwrap().success());
    }
    example
}

#[test]
fn the_commands_of_the_page_work_in_their_order() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|free| free.local_addr())
        .unwrap()
        .port();
    // Another program may have the page's ports.
    let lines = typed().join("\n");
    assert!(
        lines.contains("cargo run --example quickstart &\n"),
        "{lines}"
    );
    let lines = lines.replace("127.0.0.1:3000", &format!("127.0.0.1:{port}"));
    let script = format!(
        "set -e\ncargo() {{ [ \"$*\" = 'run --example quickstart' ] && exec \"$QUICKSTART\"; }}\n{lines}\n"
    );
    let command = Path::new(env!("CARGO_BIN_EXE_tollgate"));
    let folder = command.parent().unwrap().display();
    let mut bash = Command::new("bash");
    bash.args(["-c", &script])
        .env_clear()
        .stdin(Stdio::null())
        .env("PATH", format!("{folder}:/usr/local/bin:/usr/bin:/bin"))
        .env("TOLLGATE_LOCAL_DATA", &place.folder)
        .env("TOLLGATE_LOCAL_PORT", "0")
        .env("QUICKSTART", quickstart())
        .env("PORT", port.to_string());
    let ran = ran(bash);
    assert_eq!(ran.code, 0, "{ran:?}");
    let answers: Vec<_> = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .collect();
    assert_eq!(
        answers,
        ["200 OK", "200 OK", "200 OK", "429 Too Many Requests"],
        "{ran:?}"
    );
    for said in [
        "Started at http://127.0.0.1:",
        "Registered namespace 'tenant-a'",
        // The bucket has the stored limit, and nothing is left.
        "Stored limits (entity and resource): rpm: 3/min",
        "limits_set",
        "Purged namespace ",
        "State:      running",
        "Stopped (pid ",
    ] {
        assert!(ran.out.contains(said), "{said}: {ran:?}");
    }
    assert_eq!(place.state(), "stopped");
}
