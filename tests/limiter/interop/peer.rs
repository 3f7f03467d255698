//! The Python client as a live peer on the same table.

use std::{collections::BTreeMap, env, process::Stdio, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tollgate::{RateLimiter, limiter::RateLimiterBuilder, store::dynamodb::CreateTable};

use crate::engine::{TestEngine, skipped};

pub(super) const STACK: &str = "limits";

/// An item by the names of its attributes.
pub(super) type Item = BTreeMap<String, AttributeValue>;

/// The client that creates the table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Maker {
    Ours,
    Theirs,
}

/// A table, a limiter of ours and a Python limiter.
pub(super) struct Table {
    pub(super) engine: TestEngine,
    pub(super) ours: RateLimiter,
    pub(super) theirs: Peer,
}

/// Ends the test if there is no Python client.
macro_rules! table_or_skip {
    ($maker:expr) => {
        table_or_skip!($maker, ["default", "default"])
    };
    ($maker:expr, $namespaces:expr) => {
        match crate::interop::peer::Table::open($maker, $namespaces).await {
            Some(table) => table,
            None => return,
        }
    };
}
pub(super) use table_or_skip;

impl Table {
    /// Returns `None` and prints that the test is skipped if there is no Python client.
    /// `namespaces` are ours and theirs.
    pub(super) async fn open(maker: Maker, namespaces: [&str; 2]) -> Option<Self> {
        Self::open_with(maker, namespaces, None).await
    }

    /// Like [`open`](Self::open). `mixed` is what our limiter is told about Python clients, if
    /// anything.
    pub(super) async fn open_with(
        maker: Maker,
        [ours, theirs]: [&str; 2],
        mixed: Option<bool>,
    ) -> Option<Self> {
        let (Some(python), Some(script)) = (
            env::var_os("TOLLGATE_PEER_PYTHON"),
            env::var_os("TOLLGATE_PEER_SCRIPT"),
        ) else {
            skipped(
                "interop, because TOLLGATE_PEER_PYTHON and TOLLGATE_PEER_SCRIPT name no Python client",
            );
            return None;
        };
        let engine = TestEngine::start().await;
        let open = || limiter(&engine, ours, mixed);
        let mut command = Command::new(python);
        command.arg(script).args([
            "--endpoint",
            &engine.endpoint(),
            "--stack",
            STACK,
            "--namespace",
            theirs,
        ]);
        command.env("AWS_ACCESS_KEY_ID", engine.access_key());
        let (ours, theirs) = match maker {
            Maker::Ours => {
                let ours = open().await;
                (ours, Peer::start(command).await)
            }
            Maker::Theirs => {
                command.args(["--create", "--no-stream"]);
                let theirs = Peer::start(command).await;
                (open().await, theirs)
            }
        };
        Some(Self {
            engine,
            ours,
            theirs,
        })
    }

    /// Returns all items of the table.
    pub(super) async fn items(&self) -> Vec<Item> {
        let mut pages = self
            .engine
            .client()
            .scan()
            .table_name(STACK)
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.unwrap().items.unwrap_or_default());
        }
        items
            .into_iter()
            .map(|item| item.into_iter().collect())
            .collect()
    }

    /// Runs Python code with a `repository` and a `limiter` of the peer's namespace, for operations
    /// that its script does not have.
    pub(super) async fn python(&self, code: &str) {
        let output = self.python_of(code).output().await.unwrap();
        assert!(
            output.status.success(),
            "{code}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Returns the command of [`python`](Self::python), not started yet.
    pub(super) fn python_of(&self, code: &str) -> Command {
        let code = code.trim().replace('\n', "\n    ");
        let program = format!(
            "import asyncio, sys\nfrom zae_limiter import *\nasync def main():\n    \
             repository = Repository(sys.argv[2], region='us-east-1', endpoint_url=sys.argv[1])\n    \
             repository._namespace_id, repository._namespace_name = sys.argv[3], 'theirs'\n    \
             repository._reinitialize_config_cache(sys.argv[3])\n    \
             limiter = RateLimiter(repository=repository)\n    {code}\n    \
             await repository.close()\nasyncio.run(main())\n"
        );
        let mut command = Command::new(env::var_os("TOLLGATE_PEER_PYTHON").unwrap());
        command.args([
            "-c",
            &program,
            &self.engine.endpoint(),
            STACK,
            &self.theirs.namespace,
        ]);
        command.envs([
            ("AWS_ACCESS_KEY_ID", self.engine.access_key()),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]);
        command
    }
}

/// Returns the settings of a limiter that writes at once and caches nothing.
pub(super) fn settings() -> RateLimiterBuilder {
    let deadline = Duration::from_secs(20);
    let settings = RateLimiter::builder()
        .deadline(deadline)
        .store_deadline(deadline);
    settings
        .flush_after(Duration::ZERO)
        .config_ttl(Duration::ZERO)
        .deny_from_memory(Duration::ZERO)
}

/// Creates a limiter of ours that writes at once and caches nothing.
pub(super) async fn limiter(
    engine: &TestEngine,
    namespace: &str,
    mixed: Option<bool>,
) -> RateLimiter {
    let settings = match mixed {
        Some(mixed) => settings().mixed_fleet(mixed),
        None => settings(),
    };
    let open = RateLimiter::open()
        .stack(STACK)
        .namespace(namespace)
        .client(engine.client());
    open.provision(CreateTable::new().without_stream())
        .settings(settings)
        .await
        .unwrap()
}

pub(super) struct Peer {
    // Killed on drop.
    child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    pub(super) namespace: String,
}

impl Peer {
    async fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the peer starts");
        let requests = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut peer = Self {
            child,
            requests,
            answers,
            namespace: String::new(),
        };
        peer.namespace = peer.answer().await["ok"]["namespace_id"]
            .as_str()
            .unwrap()
            .to_owned();
        peer
    }

    /// Kills the process, so that it cannot give anything back.
    pub(super) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    async fn answer(&mut self) -> Value {
        let line = self
            .answers
            .next_line()
            .await
            .unwrap()
            .expect("the peer answers");
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a request without waiting for its answer.
    pub(super) async fn send(&mut self, request: Value) {
        self.requests
            .write_all(format!("{request}\n").as_bytes())
            .await
            .unwrap();
    }

    /// Sends a request and returns its answer, which may be an error.
    pub(super) async fn try_ask(&mut self, request: Value) -> Value {
        self.send(request).await;
        self.answer().await
    }

    /// Returns the answer to the request that was sent.
    pub(super) async fn receive(&mut self) -> Value {
        let answer = self.answer().await;
        assert!(answer.get("error").is_none(), "{answer}");
        answer["ok"].clone()
    }

    /// Sends a request that must succeed, and returns its answer.
    pub(super) async fn ask(&mut self, request: Value) -> Value {
        self.send(request).await;
        self.receive().await
    }

    /// Returns the tokens that the peer sees as available.
    pub(super) async fn available(&mut self, entity: &str, limit: &str, limits: &Value) -> i64 {
        let request =
            json!({"op": "available", "entity": entity, "resource": "api", "limits": limits});
        self.ask(request).await[limit].as_i64().unwrap()
    }
}
