//! The logs of functions. CloudWatch Logs is a server of this test, which answers `FilterLogEvents`
//! in pages of two lines.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};

use crate::stage::{Ran, bare, ran};

const AGGREGATOR: &str = "/aws/lambda/limits-aggregator";
const PROVISIONER: &str = "/aws/lambda/limits-limits-provisioner";

/// The lines of a log group: each a time and a text.
type Lines = Vec<(i64, String)>;

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    groups: BTreeMap<&'static str, Lines>,
    /// Answers to the next requests, in place of lines.
    refusals: Vec<(StatusCode, Value)>,
    authorizations: Vec<String>,
}

impl Logs {
    /// Starts a server, and returns its endpoint.
    async fn start(&self) -> String {
        let router = Router::new()
            .route("/", post(answer))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        endpoint
    }

    fn add(&self, group: &'static str, time: i64, text: &str) {
        let mut inner = self.0.lock().unwrap();
        let lines = inner.groups.entry(group).or_default();
        lines.push((time, text.to_owned()));
        lines.sort();
    }

    fn refuse(&self, status: StatusCode, code: &str, message: &str) {
        let refusal = json!({ "__type": code, "message": message });
        self.0.lock().unwrap().refusals.push((status, refusal));
    }
}

async fn answer(
    State(logs): State<Logs>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let request: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(headers["x-amz-target"], "Logs_20140328.FilterLogEvents");
    let mut inner = logs.0.lock().unwrap();
    let signature = headers["authorization"].to_str().unwrap().to_owned();
    inner.authorizations.push(signature);
    if let Some((status, refusal)) = inner.refusals.pop() {
        return (status, Json(refusal));
    }
    let group = request["logGroupName"].as_str().unwrap();
    let Some(lines) = inner.groups.get(group) else {
        let missing = json!({ "__type": "ResourceNotFoundException", "message": "no such group" });
        return (StatusCode::BAD_REQUEST, Json(missing));
    };
    let since = request["startTime"].as_i64().unwrap();
    let first: usize = request["nextToken"]
        .as_str()
        .map_or(0, |token| token.parse().unwrap());
    let found: Vec<_> = lines.iter().filter(|(time, _)| *time >= since).collect();
    let page = found.iter().skip(first).take(2).map(|(time, text)| {
        json!({
            "eventId": format!("{group}-{time}-{text}"),
            "timestamp": time,
            "logStreamName": "2026/01/31/[1]abc",
            "message": format!("{text}\n"),
            "ingestionTime": time,
        })
    });
    let mut answer = json!({ "events": page.collect::<Vec<_>>() });
    if first + 2 < found.len() {
        answer["nextToken"] = json!((first + 2).to_string());
    }
    (StatusCode::OK, Json(answer))
}

fn logs(endpoint: &str, arguments: &str) -> Command {
    let mut command = bare();
    command
        .args(["logs", "--name", "limits", "--endpoint-url", endpoint])
        .args(arguments.split_whitespace());
    command
}

async fn run(endpoint: &str, arguments: &str) -> Ran {
    let command = logs(endpoint, arguments);
    tokio::task::spawn_blocking(|| ran(command)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_both_functions_are_in_the_order_of_time() {
    let logs = Logs::default();
    let endpoint = logs.start().await;
    for second in [1, 3, 5, 7, 9] {
        logs.add(AGGREGATOR, second * 1000, "counted");
    }
    for second in [2, 4] {
        logs.add(PROVISIONER, second * 1000, "applied");
    }
    let all = run(&endpoint, "--since 1970-01-01T00:00:03Z").await;
    let expected = "1970-01-01T00:00:03Z aggregator counted\n\
                    1970-01-01T00:00:04Z provisioner applied\n\
                    1970-01-01T00:00:05Z aggregator counted\n\
                    1970-01-01T00:00:07Z aggregator counted\n\
                    1970-01-01T00:00:09Z aggregator counted\n";
    assert_eq!((all.code, all.out.as_str()), (0, expected), "{all:?}");
    let one = run(
        &endpoint,
        "--since 1970-01-01 --function provisioner -o jsonl",
    )
    .await;
    let lines: Vec<Value> = one
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{one:?}");
    assert_eq!(lines[0]["message"], "applied");
    assert_eq!(lines[0]["process"], "2026/01/31/[1]abc");
    let signature = &logs.0.lock().unwrap().authorizations[0];
    assert!(
        signature.contains("/us-east-1/logs/aws4_request"),
        "{signature}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_shown_alone() {
    let logs = Logs::default();
    let endpoint = logs.start().await;
    let failed = r#"{"level":"ERROR","message":"records failed"}"#;
    for (second, line) in [
        (1, "START RequestId: 1 Version: $LATEST"),
        (2, r#"{"level":"INFO","message":"records are counted"}"#),
        (3, failed),
        (4, "END RequestId: 1"),
        (5, "REPORT RequestId: 1\tDuration: 9.00 ms"),
        (6, "1 Task timed out after 60.00 seconds"),
    ] {
        logs.add(AGGREGATOR, second * 1000, line);
    }
    let told = run(&endpoint, "--since 1970-01-01 --errors").await;
    let expected = format!(
        "1970-01-01T00:00:03Z aggregator {failed}\n\
         1970-01-01T00:00:06Z aggregator 1 Task timed out after 60.00 seconds\n"
    );
    assert_eq!((told.code, told.out), (0, expected), "{}", told.err);
    // The log is there, and has no fault.
    logs.add(PROVISIONER, 1000, "START RequestId: 2 Version: $LATEST");
    let none = run(
        &endpoint,
        "--since 1970-01-01 --errors --function provisioner",
    )
    .await;
    assert_eq!((none.code, none.out.as_str()), (0, ""), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_without_functions_is_told_and_one_function_is_enough() {
    let logs = Logs::default();
    let endpoint = logs.start().await;
    for arguments in ["", "-o json", "--follow", "--function aggregator"] {
        let none = run(&endpoint, arguments).await;
        assert_eq!((none.code, none.out.as_str()), (4, ""), "{none:?}");
        assert!(none.err.contains(AGGREGATOR), "{none:?}");
        assert_eq!(none.err.lines().count(), 1, "{none:?}");
    }
    logs.add(AGGREGATOR, 1000, "counted");
    let one = run(&endpoint, "--since 1970-01-01").await;
    assert_eq!(one.out, "1970-01-01T00:00:01Z aggregator counted\n");
    let none = run(&endpoint, "--function provisioner").await;
    assert_eq!(none.code, 4, "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_lines_are_shown_once_also_if_they_come_late() {
    let logs = Logs::default();
    let endpoint = logs.start().await;
    logs.add(AGGREGATOR, 50_000, "first");
    let mut command = self::logs(&endpoint, "--since 1970-01-01 --follow");
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let shown = BufReader::new(follower.stdout.take().unwrap());
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in shown.lines() {
            sender.send(line.unwrap()).unwrap();
        }
    });
    assert_eq!(
        lines.recv().await.unwrap(),
        "1970-01-01T00:00:50Z aggregator first"
    );
    // The function's second process was slower.
    logs.add(AGGREGATOR, 49_000, "late");
    assert_eq!(
        lines.recv().await.unwrap(),
        "1970-01-01T00:00:49Z aggregator late"
    );
    logs.add(AGGREGATOR, 51_000, "last");
    assert_eq!(
        lines.recv().await.unwrap(),
        "1970-01-01T00:00:51Z aggregator last"
    );
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_look_is_repeated_and_a_refused_one_is_told() {
    let logs = Logs::default();
    let endpoint = logs.start().await;
    logs.add(AGGREGATOR, 1000, "counted");
    logs.refuse(
        StatusCode::BAD_REQUEST,
        "ThrottlingException",
        "Rate exceeded",
    );
    let repeated = run(&endpoint, "--since 1970-01-01").await;
    assert_eq!(repeated.code, 0, "{repeated:?}");
    logs.refuse(StatusCode::BAD_REQUEST, "AccessDeniedException", "no right");
    let refused = run(&endpoint, "--since 1970-01-01").await;
    assert_eq!(
        (refused.code, refused.err.as_str()),
        (
            3,
            "error: FilterLogEvents failed: AccessDeniedException: no right\n"
        )
    );
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let table = ran(logs("http://127.0.0.1:1", "--follow -o csv"));
    assert_eq!(table.code, 2, "{table:?}");
    let since = ran(logs("http://127.0.0.1:1", "--since yesterday"));
    assert_eq!(since.code, 2, "{since:?}");
    assert!(since.err.contains("10m"), "{since:?}");
}
