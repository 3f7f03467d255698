//! The engine answers, stops, resumes, and keeps its data and its port.

use std::{io::ErrorKind, net::TcpStream, path::PathBuf, thread};

use tokio::{net::TcpSocket, runtime::Builder};
use tollgate_testkit::Engine;

use crate::closed::assert_closed;
use crate::table::{self, TABLE, add, add_unanswered, added};

#[test]
fn engines_can_be_shared_between_tasks() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Engine>();
}

#[tokio::test]
async fn an_engine_puts_and_gets_an_item() {
    let engine = Engine::start().await;
    let client = engine.client();
    table::create(&client).await;
    table::put(&client, "a", 7).await;

    let item = engine.item(TABLE, "a", "#STATE").await.unwrap();
    assert_eq!(item["ttl"].as_n().unwrap(), "7");
    assert!(engine.item(TABLE, "b", "#STATE").await.is_none());
}

#[tokio::test]
async fn engines_are_separate() {
    let (one, other) = (Engine::start().await, Engine::start().await);
    table::create(&one.client()).await;
    let tables = other.client().list_tables().send().await.unwrap();
    assert!(tables.table_names().is_empty());
}

#[tokio::test]
async fn a_stopped_engine_refuses_and_a_resumed_one_has_its_data() {
    let engine = Engine::start().await;
    let client = engine.client();
    table::create(&client).await;
    add(&client, "a").await.unwrap();

    engine.stop().await;
    engine.stop().await;
    add_unanswered(&client, "a").await;
    let error = TcpStream::connect(engine.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

    let address = engine.address();
    engine.resume().await;
    engine.resume().await;
    assert_eq!(engine.address(), address);
    add(&client, "a").await.unwrap();
    assert_eq!(added(&engine, "a").await, 2);
}

#[tokio::test]
async fn a_stopped_engine_keeps_its_port() {
    let engine = Engine::start().await;
    engine.stop().await;
    let other = TcpSocket::new_v4().unwrap();
    let error = other.bind(engine.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn stopping_an_engine_severs_open_connections() {
    let engine = Engine::start().await;
    let connection = TcpStream::connect(engine.address()).unwrap();
    engine.stop().await;
    assert_closed(connection);
}

#[tokio::test]
async fn dropping_an_engine_gives_its_port_back() {
    let engine = Engine::start().await;
    let address = engine.address();
    let connection = TcpStream::connect(address).unwrap();
    drop(engine);
    assert_closed(connection);

    let next = Engine::start_at(address).await;
    assert_eq!(next.address(), address);
    next.client().list_tables().send().await.unwrap();
}

#[tokio::test]
#[should_panic(expected = "cannot bind")]
async fn an_engine_at_a_taken_address_panics() {
    let engine = Engine::start().await;
    Engine::start_at(engine.address()).await;
}

#[tokio::test]
async fn a_file_outlives_its_engine() {
    let file = File::new("outlives");
    let engine = Engine::with_file(&file.0).await;
    let client = engine.client();
    table::create(&client).await;
    add(&client, "a").await.unwrap();
    drop(engine);

    let engine = Engine::with_file(&file.0).await;
    assert_eq!(added(&engine, "a").await, 1);
}

#[tokio::test]
async fn an_engine_sweeps_expired_items() {
    let engine = Engine::start().await;
    let client = engine.client();
    table::create(&client).await;
    table::enable_ttl(&client).await;
    table::put(&client, "expired", 1).await;
    table::put(&client, "alive", 1 << 40).await;

    assert_eq!(engine.sweep_ttl(), 1);
    assert!(engine.item(TABLE, "expired", "#STATE").await.is_none());
    assert!(engine.item(TABLE, "alive", "#STATE").await.is_some());
}

/// The test's only runtime thread is blocked while another thread uses the engine.
#[tokio::test(flavor = "current_thread")]
async fn an_engine_answers_while_the_runtime_is_busy() {
    let engine = Engine::start().await;
    let answered = thread::scope(|scope| {
        let other = scope.spawn(|| {
            Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(async { engine.client().list_tables().send().await.is_ok() })
        });
        other.join().unwrap()
    });
    assert!(answered);
}

#[test]
fn an_engine_needs_no_runtime() {
    let engine = Engine::start_blocking();
    TcpStream::connect(engine.address()).unwrap();
}

/// The database file of one test, and the files that the engine creates next to it.
struct File(PathBuf);

impl File {
    fn new(test: &str) -> Self {
        let name = format!("tollgate-testkit-{test}-{}.db", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
    }
}
