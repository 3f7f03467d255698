//! Starts and ends of the server.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    process::Stdio,
};

use super::place::{Place, TABLE, signal, until};

#[test]
fn a_local_table_starts_serves_and_stops() {
    let place = Place::new();
    assert_eq!(place.state(), "stopped");
    assert!(
        !place.folder.exists(),
        "a command that reads writes nothing"
    );

    let up = place.ok("local up");
    let port = place.port();
    assert!(
        up.starts_with(&format!("Started at http://127.0.0.1:{port} (pid ")),
        "{up}"
    );
    TcpStream::connect(("127.0.0.1", port)).expect("it answers at once");
    let status = place.json("local status");
    assert_eq!(status["state"], "running");
    assert_eq!(status["tables"][0]["table"], TABLE);
    assert!(status["tables"][0]["items"].as_u64() >= Some(2), "{status}");
    assert!(
        status["tables"][0]["stream_records"].as_u64() >= Some(2),
        "{status}"
    );
    assert!(status["data_bytes"].as_u64() > Some(0), "{status}");

    let again = place.ok("local up");
    assert!(again.starts_with("Already running at "), "{again}");
    let other = place.ok("local up --name another-table");
    assert!(
        other.contains("$(tollgate local env --name another-table)"),
        "{other}"
    );
    assert_eq!(place.json("local status")["pid"], status["pid"]);

    let pid = place.pid();
    let down = place.json("local down");
    assert_eq!(
        (&down["was_running"], &down["pid"]),
        (&true.into(), &pid.into())
    );
    assert_eq!(place.state(), "stopped");
    TcpStream::connect(("127.0.0.1", port)).expect_err("nobody listens");
    assert!(
        place
            .ok("local down")
            .starts_with("Not running: the data stay in ")
    );
}

#[test]
fn the_data_outlive_the_process() {
    let place = Place::up();
    place.there("entity create user-1");
    place.ok("local down");
    place.ok("local up");
    place.there("entity show user-1");
    assert!(place.there("check").contains("COMPATIBLE"));
}

#[test]
fn a_second_table_is_created_in_a_server_that_runs() {
    let place = Place::up();
    place.ok("local up --name second-table");
    let tables = &place.json("local status")["tables"];
    assert_eq!(tables[0]["table"], "second-table");
    assert_eq!(tables[1]["table"], TABLE);
    place.there("namespace list --name second-table");
}

#[cfg(target_os = "linux")]
#[test]
fn only_the_loopback_address_is_served() {
    let place = Place::up();
    let port = place.port();
    // Loopback too, but not the address that is served: nothing listens on all addresses.
    TcpStream::connect(("127.0.0.2", port)).expect_err("another address");
    TcpStream::connect(("127.0.0.1", port)).unwrap();
}

#[test]
fn a_signal_ends_the_server_in_order() {
    let place = Place::up();
    signal("-TERM", place.pid());
    until(|| place.state() == "stopped");
    until(|| !place.folder.join("table.db-wal").exists());
    let log = std::fs::read_to_string(place.folder.join("server.log")).unwrap();
    assert!(log.ends_with("stopped: terminated\n"), "{log}");
    assert!(!place.folder.join("server.json").exists());
}

#[test]
fn the_end_of_the_terminal_does_not_end_the_server() {
    let place = Place::up();
    let pid = place.pid();
    signal("-HUP", pid);
    place.there("namespace list");
    assert_eq!(place.pid(), pid);
}

#[test]
fn in_the_foreground_it_serves_until_it_is_interrupted() {
    let place = Place::new();
    let mut command = place.command("local up --foreground");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("Started at "), "{line}");
    assert_eq!(place.pid(), child.id());
    place.there("namespace list");
    let other = place.fails("local up --foreground", 1);
    assert!(other.starts_with("another server runs in "), "{other}");
    signal("-INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(place.state(), "stopped");
}

#[test]
fn data_are_deleted_only_if_that_is_said() {
    let place = Place::up();
    let refused = place.fails("local down --delete-data", 2);
    assert!(
        refused.ends_with("add --yes. Nothing was changed"),
        "{refused}"
    );
    assert_eq!(place.state(), "running");
    place.there("entity create user-1");
    std::fs::write(place.folder.join("notes"), "mine").unwrap();
    let down = place.json("local down --delete-data --yes");
    assert_eq!(down["data_deleted"], true);
    let left = std::fs::read_dir(&place.folder).unwrap();
    let mut left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["notes"]);
    place.ok("local down --delete-data --yes");
    place.ok("local up");
    let entity = place.run_there("entity show user-1");
    assert_eq!(entity.code, 1, "{entity:?}");
}

#[test]
fn a_short_name_is_told() {
    let place = Place::new();
    let up = place.run("local up --name short");
    assert_eq!(up.code, 0, "{up:?}");
    assert!(
        up.err.contains("a name needs 11 characters or more"),
        "{up:?}"
    );
}

#[test]
fn the_environment_is_printed_for_every_shell() {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let arguments = format!("local env --port {port} --namespace tenant --name some-table");
    let eval = place.run(&arguments);
    assert!(
        eval.err.starts_with("note: no local table runs in "),
        "{eval:?}"
    );
    let eval = eval.out;
    for line in [
        &format!("export AWS_ENDPOINT_URL=http://127.0.0.1:{port}\n"),
        &format!("export AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:{port}\n"),
        "export AWS_ACCESS_KEY_ID=test\n",
        "export AWS_SECRET_ACCESS_KEY=test\n",
        "export AWS_DEFAULT_REGION=us-east-1\n",
        "export TOLLGATE_STACK=some-table\n",
        "export TOLLGATE_NAMESPACE=tenant\n",
    ] {
        assert!(eval.contains(line), "{eval}");
    }
    let shell = place.run("local env --format powershell").out;
    assert!(
        shell.contains("$env:AWS_ACCESS_KEY_ID = \"test\"\n"),
        "{shell}"
    );
    let direnv = place.run("local env --format direnv").out;
    assert_eq!(direnv, place.run("local env").out);
    assert!(!place.folder.exists());
}

#[test]
fn the_environment_names_the_table_that_was_started() {
    let place = Place::new();
    place.ok("local up --name started-table");
    let environment = place.environment();
    assert_eq!(environment.len(), 7, "{environment:?}");
    let stack = environment
        .iter()
        .find(|(name, _)| name == "TOLLGATE_STACK");
    assert_eq!(stack.unwrap().1, "started-table");
    place.there("namespace show default");
}
