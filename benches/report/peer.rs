//! The Python client on the same engine and table. The client creates the table without a stream.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tollgate_testkit::Engine;

use crate::{
    effort::Effort,
    row::{Goal, Row},
    sample::{Pair, p50, per_second},
    world::{Ours, RESOURCE, STACK, names, open, patient, plenty},
};

/// The number of tasks that ask for one key.
const TASKS: usize = 16;

pub(crate) async fn rows(effort: Effort) -> Vec<Row> {
    let latency = Row::new(
        "strict acquire, p50, beside zae-limiter",
        "ms",
        Goal::AtLeast(3.0),
    );
    let throughput = Row::new(
        "strict acquire, 16 tasks, one key, beside zae-limiter",
        "per second",
        Goal::AtLeast(10.0),
    );
    let engine = Engine::start().await;
    let Some(mut peer) = Peer::start(&engine) else {
        let why = "TOLLGATE_PEER_PYTHON and TOLLGATE_PEER_SCRIPT name no peer";
        return vec![latency.not_here(why), throughput.not_here(why)];
    };
    let limiter = open(engine.client(), patient()).await;
    let ours = Ours::new(&limiter, &names("ours", 1)).await;
    let effort = effort.of(5, 2);
    peer.flood("theirs", 1, effort.window);
    let times = Pair::take(
        effort.rounds,
        async || p50(effort.window, &ours).await,
        async || {
            peer.flood("theirs", 1, effort.window)["p50_ms"]
                .as_f64()
                .expect("it was asked")
        },
    );
    let times = times.await;
    let rates = Pair::take(
        effort.rounds,
        async || per_second(effort.window, TASKS, &ours).await,
        async || {
            peer.flood("theirs-too", TASKS, effort.window)["per_second"]
                .as_f64()
                .expect("it was asked")
        },
    );
    // The ratio of the times, inverted: the factor by which this crate is faster.
    let faster = 1.0 / times.ratio();
    vec![
        latency
            .ours(times.ours())
            .reference(times.reference())
            .ratio(faster),
        throughput.pair(&rates.await),
    ]
}

struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts the Python client. Returns `None` if it is not configured.
    fn start(engine: &Engine) -> Option<Self> {
        let (python, script) = (
            env::var_os("TOLLGATE_PEER_PYTHON")?,
            env::var_os("TOLLGATE_PEER_SCRIPT")?,
        );
        let mut child = Command::new(python)
            .arg(script)
            .args([
                "--endpoint",
                &engine.endpoint(),
                "--stack",
                STACK,
                "--create",
                "--no-stream",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let requests = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut peer = Self {
            child,
            requests,
            answers,
        };
        assert!(peer.answer()["namespace_id"].is_string());
        Some(peer)
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the peer answers");
        let mut answer: Value = serde_json::from_str(&line).expect("it answers in JSON");
        assert!(answer.get("error").is_none(), "{answer}");
        answer["ok"].take()
    }

    /// Acquires from one key with closed-loop tasks.
    fn flood(&mut self, entity: &str, tasks: usize, window: Duration) -> Value {
        let limits = plenty();
        let limits: Vec<_> = limits
            .iter()
            .map(|limit| {
                json!({
                    "name": limit.name().as_str(), "capacity": limit.capacity(),
                    "refill_amount": limit.refill_amount(),
                    "refill_period_seconds": limit.refill_period().as_secs(),
                })
            })
            .collect();
        let request = json!({
            "op": "flood", "entity": entity, "resource": RESOURCE, "consume": {"rph": 1}, "limits": limits,
            "tasks": tasks, "seconds": window.as_secs_f64(),
        });
        writeln!(self.requests, "{request}").expect("the peer listens");
        self.answer()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
