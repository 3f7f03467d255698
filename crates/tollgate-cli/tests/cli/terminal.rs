//! The command on a terminal.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use tollgate_testkit::Fault;

use crate::stage::{Stage, bare};

/// A name that clears the screen in two ways, turns the text around, and is a formula in a
/// spreadsheet.
const NAME: &str = "=\u{1b}[2J\u{9b}2J\u{202e}a,\"b\"\nc";

/// Opens a terminal of that width. Returns its other side, and the side of commands.
pub(crate) fn terminal(columns: u16) -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = OpenOptions::new()
        .read(true)
        .write(true)
        .open(OsStr::from_bytes(name.to_bytes()))
        .unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).unwrap();
    (File::from(ours), theirs)
}

/// Gives a command the terminal.
pub(crate) fn attach(command: &mut Command, theirs: &File) {
    let stdio = || Stdio::from(theirs.try_clone().unwrap());
    command.stdin(stdio()).stdout(stdio()).stderr(stdio());
}

/// Runs a command on a terminal of that width, on which `typed` was typed. Returns its exit code and
/// everything that the terminal was sent.
pub(crate) fn on_terminal(mut command: Command, columns: u16, typed: &str) -> (i32, String) {
    let (mut ours, theirs) = terminal(columns);
    attach(&mut command, &theirs);
    ours.write_all(typed.as_bytes()).unwrap();
    let mut child = command.spawn().unwrap();
    // The end comes when nobody has the terminal open.
    drop((command, theirs));
    let (mut sent, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = ours.read(&mut part) {
        sent.extend_from_slice(&part[..length]);
    }
    let code = child.wait().unwrap().code().unwrap();
    (code, String::from_utf8(sent).unwrap().replace("\r\n", "\n"))
}

async fn with_children(names: &[&str]) -> Stage {
    let stage = Stage::with_stack().await;
    for (number, name) in names.iter().enumerate() {
        let (id, display_name) = (format!("key-{number}"), format!("--display-name={name}"));
        let arguments = ["entity", "create", &id, "--parent", "org-1", &display_name];
        let mut command = stage.command(arguments);
        command.args(["--metadata", &format!("note={name}")]);
        assert!(command.stdout(Stdio::null()).status().unwrap().success());
    }
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_fits_a_narrow_terminal() {
    let stage = with_children(&["a name of several words that is long"]).await;
    let list = |columns| {
        let command = stage.command("audit list -e key-0".split_whitespace());
        on_terminal(command, columns, "")
    };
    let (code, text) = list(60);
    assert_eq!(code, 0, "{text}");
    let (table, total) = text.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(
        (table.lines().count() > 5, total),
        (true, "Total: 1 events"),
        "{text}"
    );
    for line in table.lines() {
        assert!(line.len() <= 60 && line.starts_with(['+', '|']), "{text}");
    }
    // Too narrow for columns: a line for each cell.
    let (code, text) = list(40);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("\nAction: entity_created\n"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 40), "{text}");
    // A terminal that does not know its width gets the whole table.
    let (_, text) = list(0);
    assert!(text.contains("| entity_created |"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_names_never_control_the_terminal() {
    let stage = with_children(&[NAME]).await;
    for arguments in [
        "entity show key-0",
        "entity children org-1",
        "audit list -e key-0",
    ] {
        for format in ["table", "json", "jsonl", "csv"] {
            let line = format!("{arguments} -o {format}");
            let command = stage.command(line.split_whitespace());
            let (code, text) = on_terminal(command, 200, "");
            assert_eq!(code, 0, "{line}: {text:?}");
            let raw = |character: char| {
                character.is_control() && character != '\n' || character == '\u{202e}'
            };
            assert!(!text.contains(raw), "{line}: {text:?}");
        }
    }
    // Programs read the name as it is stored.
    for format in ["json", "jsonl"] {
        let shown = stage.ok(&format!("entity show key-0 -o {format}"));
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["name"], NAME);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_keeps_names_apart_and_has_no_formulas() {
    let names = ["a,b", "say \"x\"", "two\nlines", "=1+1", "-5", "@x", ""];
    let stage = with_children(&names).await;
    let csv = stage.ok("entity children org-1 -o csv");
    for cell in [
        "\"a,b\"",
        "\"say \"\"x\"\"\"",
        "\"two\nlines\"",
        "'=1+1",
        "-5",
        "'@x",
    ] {
        assert!(csv.contains(&format!(",{cell},org-1,")), "{cell}: {csv}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_very_long_name_is_listed() {
    let name = "x".repeat(20_000);
    let stage = with_children(&[&name]).await;
    let command = stage.command("entity show key-0".split_whitespace());
    let (code, text) = on_terminal(command, 80, "");
    assert!(code == 0 && text.contains(&name), "{code}");
    let list = stage.command("entity children org-1".split_whitespace());
    let (code, text) = on_terminal(list, 120, "");
    assert_eq!(code, 0);
    assert!(
        text.lines().all(|line| line.len() <= 120),
        "the cell is cut into lines"
    );
}

#[test]
fn colours_are_left_out_if_they_are_not_wanted() {
    let help = |variables: &[(&str, &str)]| {
        let mut command = bare();
        command.arg("--help").envs(variables.iter().copied());
        let (code, text) = on_terminal(command, 80, "");
        assert_eq!(code, 0, "{text}");
        text
    };
    assert!(help(&[("TERM", "xterm-256color")]).contains('\u{1b}'));
    for wanted in [
        &[("TERM", "xterm-256color"), ("NO_COLOR", "1")][..],
        &[("TERM", "dumb")],
    ] {
        assert!(!help(wanted).contains('\u{1b}'), "{wanted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_shown_on_a_terminal_that_can_clear_a_line() {
    let stage = Stage::with_stack().await;
    stage.ok("system set-defaults -l rpm:5");
    let limiter = stage.limiter().await;
    limiter.acquire("user-1", "api").await.unwrap().commit();
    limiter.shutdown().await;
    let disable = |term| {
        // Longer than the time after which the first count is shown.
        let late = Fault::delay(Duration::from_millis(700));
        stage.proxy.set_fault(late.on("UpdateItem").times(1));
        let mut command = stage.command("resource disable api".split_whitespace());
        command.env("TERM", term);
        on_terminal(command, 80, "")
    };
    let (code, text) = disable("xterm");
    assert_eq!(code, 0, "{text:?}");
    assert!(text.contains("\r\u{1b}[K0 buckets written"), "{text:?}");
    // The line is cleared before the result is printed.
    assert!(
        text.ends_with("\r\u{1b}[KDisabled resource 'api' (1 buckets stamped)\n"),
        "{text:?}"
    );
    let (code, text) = disable("dumb");
    assert_eq!(
        (code, text.as_str()),
        (0, "Disabled resource 'api' (1 buckets stamped)\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_asked_for_on_a_terminal() {
    let stage = with_children(&["a"]).await;
    let delete = |typed| {
        let command = stage.command("entity delete key-0".split_whitespace());
        on_terminal(command, 80, typed)
    };
    let (code, text) = delete("n\n");
    assert!(
        code == 1 && text.contains("cancelled: nothing was changed"),
        "{text}"
    );
    stage.ok("entity show key-0");
    let (code, text) = delete("yes\n");
    assert!(
        code == 0 && text.contains("Deleted entity 'key-0'"),
        "{text}"
    );
    assert_eq!(stage.run("entity show key-0").code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_asks_with_the_name_of_the_namespace() {
    let stage = Stage::with_stack().await;
    stage.ok("namespace register tenant");
    let shown = stage.json("namespace show tenant");
    let id = shown["namespace_id"].as_str().unwrap();
    stage.ok("namespace delete tenant --yes");
    let arguments = ["namespace", "purge", id];
    let (code, text) = on_terminal(stage.command(arguments), 120, "n\n");
    assert_eq!(code, 1, "{text}");
    let question = format!("Purge namespace 'tenant' ({id})? This cannot be undone. [y/N] ");
    assert!(text.contains(&question), "{text}");
    assert_eq!(stage.json("namespace orphans")[0]["name"], "tenant");
}
