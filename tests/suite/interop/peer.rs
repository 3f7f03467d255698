//! The Python client as a live peer on the same table.

use std::{env, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tollgate::{RateLimiter, store::dynamodb::CreateTable};
use tollgate_testkit::Engine;

const STACK: &str = "limits";

/// Who makes the table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Maker {
    Ours,
    Theirs,
}

/// A table, a limiter of ours and one of theirs.
pub(super) struct Table {
    pub(super) engine: Engine,
    pub(super) ours: RateLimiter,
    pub(super) theirs: Peer,
}

/// Skips a test, and says so.
macro_rules! table_or_skip {
    ($maker:expr) => {
        match crate::interop::peer::Table::open($maker).await {
            Some(table) => table,
            None => {
                eprintln!("skipped: TOLLGATE_PEER_PYTHON and TOLLGATE_PEER_SCRIPT name no peer");
                return;
            }
        }
    };
}
pub(super) use table_or_skip;

impl Table {
    /// `None` where there is no Python client.
    pub(super) async fn open(maker: Maker) -> Option<Self> {
        let (python, script) = (env::var_os("TOLLGATE_PEER_PYTHON")?, env::var_os("TOLLGATE_PEER_SCRIPT")?);
        let engine = Engine::start().await;
        let open = || {
            let deadline = Duration::from_secs(20);
            RateLimiter::open()
                .stack(STACK)
                .client(engine.client())
                .provision(CreateTable::new().without_stream())
                .settings(RateLimiter::builder().deadline(deadline).store_deadline(deadline))
        };
        let mut command = Command::new(python);
        command.arg(script).args(["--endpoint", &engine.endpoint(), "--stack", STACK]);
        let (ours, theirs) = match maker {
            Maker::Ours => {
                let ours = open().await.unwrap();
                (ours, Peer::start(command).await)
            }
            Maker::Theirs => {
                command.args(["--create", "--no-stream"]);
                let theirs = Peer::start(command).await;
                (open().await.unwrap(), theirs)
            }
        };
        Some(Self { engine, ours, theirs })
    }
}

pub(super) struct Peer {
    // Killed when it is dropped.
    _child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    async fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the peer starts");
        let requests = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut peer = Self { _child: child, requests, answers };
        assert!(peer.answer().await["ok"]["namespace_id"].is_string());
        peer
    }

    async fn answer(&mut self) -> Value {
        let line = self.answers.next_line().await.unwrap().expect("the peer answers");
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a request without waiting for its answer.
    pub(super) async fn send(&mut self, request: Value) {
        self.requests.write_all(format!("{request}\n").as_bytes()).await.unwrap();
    }

    /// The answer to a request, whatever it is.
    pub(super) async fn try_ask(&mut self, request: Value) -> Value {
        self.send(request).await;
        self.answer().await
    }

    /// The answer to the request that was sent.
    pub(super) async fn receive(&mut self) -> Value {
        let answer = self.answer().await;
        assert!(answer.get("error").is_none(), "{answer}");
        answer["ok"].clone()
    }

    /// The answer to a request that succeeds.
    pub(super) async fn ask(&mut self, request: Value) -> Value {
        self.send(request).await;
        self.receive().await
    }

    /// Tokens that are there for it.
    pub(super) async fn available(&mut self, entity: &str, limit: &str, limits: &Value) -> i64 {
        let request = json!({"op": "available", "entity": entity, "resource": "api", "limits": limits});
        self.ask(request).await[limit].as_i64().unwrap()
    }
}
