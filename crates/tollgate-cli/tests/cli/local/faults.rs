//! Faults of the machine, of the data, and of the environment.

use std::{fs, net::TcpListener, process::Command};

use rusqlite::params;

use super::place::{Place, TABLE};
use crate::stage::{bare, ran};

#[test]
fn a_port_of_another_program_is_told() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    for foreground in ["", " --foreground"] {
        let line = place.fails(&format!("local up --port {port}{foreground}"), 1);
        assert_eq!(
            line,
            format!(
                "port {port} is taken by another program: choose another one with --port, or 0 for any"
            )
        );
        assert_eq!(place.state(), "stopped");
    }
}

/// `eval` of an environment must not lead to the table of another program.
#[test]
fn the_environment_does_not_name_the_port_of_another_program() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let ran = place.run(&format!("local env --port {port}"));
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(
        ran.err
            .contains(&format!("port {port} is taken by another program")),
        "{ran:?}"
    );
}

#[test]
fn a_running_table_does_not_change_its_port() {
    let place = Place::up();
    let line = place.fails("local up --port 1", 1);
    assert!(
        line.starts_with("already running at http://127.0.0.1:"),
        "{line}"
    );
    place.ok(&format!("local up --port {}", place.port()));
}

#[test]
fn without_a_home_the_folder_must_be_named() {
    for arguments in ["up", "down", "status", "logs", "env"] {
        let mut command = bare();
        command.args(["local", arguments]);
        let ran = ran(command);
        assert_eq!(
            (ran.code, ran.err.as_str()),
            (
                2,
                "error: HOME is not set: name the folder of the local table with --data or TOLLGATE_LOCAL_DATA\n"
            ),
            "{arguments}"
        );
    }
}

#[test]
fn the_folder_is_in_the_states_of_the_user() {
    for (variables, folder) in [
        (
            [("HOME", "/home/me"), ("OTHER", "")],
            "/home/me/.local/state/tollgate/local/table.db",
        ),
        (
            [("HOME", "/home/me"), ("XDG_STATE_HOME", "/state")],
            "/state/tollgate/local/table.db",
        ),
        // Relative paths do not count there.
        (
            [("HOME", "/home/me"), ("XDG_STATE_HOME", "state")],
            "/home/me/.local/state/tollgate/local/table.db",
        ),
        (
            [("HOME", "/home/me"), ("TOLLGATE_LOCAL_DATA", "/data")],
            "/data/table.db",
        ),
    ] {
        let mut command = bare();
        command.args(["local", "status"]).envs(variables);
        let ran = ran(command);
        assert!(
            ran.out.contains(&format!(" {folder}\n")),
            "{variables:?}: {ran:?}"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let place = Place::new();
    let above = place.folder.parent().unwrap();
    fs::create_dir_all(above).unwrap();
    fs::write(&place.folder, "a file").unwrap();
    let line = place.fails("local up", 1);
    assert!(line.starts_with("cannot create the folder "), "{line}");
    assert_eq!(place.state(), "stopped");
    fs::remove_file(&place.folder).unwrap();
}

#[test]
fn data_that_are_damaged_are_told_and_kept() {
    let place = Place::new();
    fs::create_dir_all(&place.folder).unwrap();
    let data = place.folder.join("table.db");
    let text = "not a database. ".repeat(1000);
    fs::write(&data, &text).unwrap();
    let line = place.fails("local up", 1);
    assert!(
        line.contains("cannot be used: it is damaged, or of another program: "),
        "{line}"
    );
    assert!(
        line.ends_with("`tollgate local down --delete-data`"),
        "{line}"
    );
    assert_eq!(fs::read_to_string(&data).unwrap(), text);
    place.ok("local down --delete-data --yes");
    place.ok("local up");
}

#[test]
fn data_of_a_newer_engine_are_told_and_kept() {
    let place = Place::up();
    place.ok("local down");
    let newer = "UPDATE _config SET value = ?1 WHERE key = 'schema_version'";
    assert_eq!(place.database().execute(newer, params!["999"]).unwrap(), 1);
    let line = place.fails("local up", 1);
    assert!(
        line.contains("a newer version of tollgate has written it"),
        "{line}"
    );
    assert_eq!(place.state(), "stopped");
    assert_eq!(place.database().execute(newer, params!["999"]).unwrap(), 1);
}

#[test]
fn a_full_disk_is_told() {
    let place = Place::new();
    // No file may grow beyond 8 KiB, as if the disk were full.
    let mut command = Command::new("bash");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" local up"])
        .arg(env!("CARGO_BIN_EXE_tollgate"))
        .env_clear()
        .env("TOLLGATE_LOCAL_DATA", &place.folder)
        .env("TOLLGATE_LOCAL_PORT", "0");
    let full = ran(command);
    assert_eq!((full.code, full.out.as_str()), (1, ""), "{full:?}");
    assert_eq!(full.err.lines().count(), 1, "{full:?}");
    assert!(full.err.starts_with("error: the data file "), "{full:?}");
    assert!(
        full.err
            .ends_with("look if the disk is full, and try again\n"),
        "{full:?}"
    );
    assert_eq!(place.state(), "stopped");
    place.ok("local up");
}

#[test]
fn a_wrong_port_in_the_environment_is_told() {
    let place = Place::new();
    let mut command = place.command("local up");
    command.env("TOLLGATE_LOCAL_PORT", "http");
    let ran = ran(command);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (2, "error: TOLLGATE_LOCAL_PORT: \"http\" is no port\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_creation_was_interrupted_is_created_anew() {
    // The steps of a creation: what is undone again is what a kill or a full disk leaves out.
    for undone in [
        "DROP TABLE \"zae-limiter::gsi::GSI2\"",
        "DROP TABLE \"zae-limiter\"",
        "UPDATE _tables SET stream_enabled = 0, ttl_enabled = 0",
    ] {
        let place = Place::up();
        place.ok("local down");
        let database = place.database();
        database
            .execute_batch("DELETE FROM \"zae-limiter\"")
            .unwrap();
        database.execute_batch(undone).unwrap();
        drop(database);
        place.ok("local up");
        place.there("namespace show default");
        place.there("resource set-defaults api --limit rpm:1");
        let log = place.ok("local logs");
        assert!(
            log.contains("was empty, and is created anew"),
            "{undone}: {log}"
        );
        let client = place.client();
        let described = client.describe_table().table_name(TABLE).send().await;
        let table = described.unwrap().table.unwrap();
        assert!(
            table.stream_specification.unwrap().stream_enabled,
            "{undone}"
        );
        let expiry = client
            .describe_time_to_live()
            .table_name(TABLE)
            .send()
            .await;
        let expiry = expiry.unwrap().time_to_live_description.unwrap();
        assert_eq!(
            expiry.time_to_live_status.unwrap().as_str(),
            "ENABLED",
            "{undone}"
        );
    }
}
