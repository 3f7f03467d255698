//! Several commands at once, and processes that are killed.

use std::{
    collections::BTreeSet,
    fs,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, sleep},
    time::Duration,
};

use super::place::{Place, Sleeper, TABLE, key, signal, until};
use crate::stage::ran;

#[test]
fn of_several_starts_at_once_one_wins_and_the_others_say_so() {
    let place = Place::new();
    let runs: Vec<_> = thread::scope(|scope| {
        let start = || scope.spawn(|| place.run("local up"));
        let starts: Vec<_> = (0..4).map(|_| start()).collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    let pid = place.pid();
    for run in &runs {
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
        assert!(run.out.contains(&format!("(pid {pid})")), "{pid}: {run:?}");
    }
    let winners = runs.iter().filter(|run| run.out.starts_with("Started at "));
    assert_eq!(winners.count(), 1, "{runs:?}");
}

#[test]
fn a_record_with_the_pid_of_another_program_harms_nobody() {
    let place = Place::up();
    let record = place.folder.join("server.json");
    let old = fs::read_to_string(&record).unwrap();
    let pid = place.pid();
    signal("-KILL", pid);
    let mut other = Sleeper::start();
    until(|| !place.run("local status").out.contains("running"));
    let reused = old.replace(&pid.to_string(), &other.0.id().to_string());
    fs::write(&record, reused).unwrap();

    assert_eq!(place.state(), "stopped");
    assert!(place.ok("local down").starts_with("Not running"));
    assert!(place.ok("local up").starts_with("Started at "));
    assert_ne!(place.pid(), other.0.id());
    place.ok("local down");
    assert!(
        other.0.try_wait().unwrap().is_none(),
        "the other program lives"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_amid_writes_loses_nothing_that_was_answered() {
    let place = Place::up();
    let (client, answered) = (place.client(), Arc::new(AtomicUsize::new(0)));
    let writer = |task: usize| {
        let (client, answered) = (client.clone(), Arc::clone(&answered));
        tokio::spawn(async move {
            for number in 0.. {
                let item = key(&format!("{task}-{number}"));
                let put = client.put_item().table_name(TABLE);
                if put.set_item(Some(item.into())).send().await.is_err() {
                    return number;
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
            0
        })
    };
    let writers: Vec<_> = (0..4).map(writer).collect();
    let pid = place.pid();
    while answered.load(Ordering::Relaxed) < 300 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    signal("-KILL", pid);
    let mut written = BTreeSet::new();
    for (task, writer) in writers.into_iter().enumerate() {
        let count: usize = writer.await.unwrap();
        written.extend((0..count).map(|number| format!("{task}-{number}")));
    }
    assert!(written.len() >= 300);

    assert!(place.ok("local up").starts_with("Started at "));
    let client = place.client();
    for pk in written {
        let get = client.get_item().table_name(TABLE).consistent_read(true);
        let found = get.set_key(Some(key(&pk).into())).send().await.unwrap();
        assert!(found.item.is_some(), "{pk} is lost");
    }
}

#[test]
fn a_server_that_is_killed_while_it_starts_is_started_again() {
    for wait in [0, 2, 5, 10, 20, 40, 60, 80, 120, 200] {
        let place = Place::new();
        fs::create_dir_all(&place.folder).unwrap();
        let data = place.folder.display();
        let mut server = place.command(&format!("local serve --port 0 --data {data}"));
        let mut server = server
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(wait));
        server.kill().unwrap();
        server.wait().unwrap();
        let up = place.ok("local up");
        assert!(up.starts_with("Started at "), "after {wait} ms: {up}");
        place.there("namespace show default");
    }
}

#[test]
fn a_start_that_is_killed_leaves_a_table_or_none() {
    for wait in [5, 20, 60, 100] {
        let place = Place::new();
        let mut up = place.command("local up");
        let mut up = up
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(wait));
        up.kill().unwrap();
        up.wait().unwrap();
        place.ok("local up");
        place.there("namespace show default");
        let down = ran(place.command("local down"));
        assert_eq!(down.code, 0, "{down:?}");
    }
}
