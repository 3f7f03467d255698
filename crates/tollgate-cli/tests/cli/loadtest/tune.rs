//! The search for the most load.

use std::time::Duration;

use axum::{Router, routing::get};

use super::server::serve;
use crate::stage::{Ran, Stage, bare, ran};

/// Serves a handler that takes `work`, one request after the other. Returns the URL.
async fn one_at_a_time(work: Duration) -> String {
    let one = std::sync::Arc::new(tokio::sync::Mutex::new(()));
    let handler = get(move || async move {
        let _one = one.lock().await;
        tokio::time::sleep(work).await;
    });
    serve(Router::new().route("/", handler)).await
}

async fn tune(url: &str, arguments: &str) -> Ran {
    let mut command = bare();
    command.args(["loadtest", "tune", "--url", url]);
    command.args(arguments.split_whitespace());
    tokio::task::spawn_blocking(|| ran(command)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_users_of_a_slow_server_are_found() {
    // Each user waits for those before it: 8 users wait 400 ms, 9 wait 450 ms.
    let url = one_at_a_time(Duration::from_millis(50)).await;
    let found = tune(
        &url,
        "--by users --p99 600ms --round 2s --warm-up 1s --rounds 1 --precision 50 -o json",
    )
    .await;
    assert_eq!((found.code, found.err.as_str()), (0, ""), "{found:?}");
    let answer: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    let keeps = answer["keeps"].as_f64().unwrap();
    assert!((4.0..=12.0).contains(&keeps), "{answer}");
    assert_eq!(answer["reason"], "latency", "{answer}");
    assert!(answer["fails"].as_f64().unwrap() <= 16.0, "{answer}");
    let steps = answer["steps"].as_array().unwrap();
    let loads: Vec<_> = steps
        .iter()
        .map(|step| step["load"].as_f64().unwrap())
        .collect();
    assert_eq!(loads[..3], [1.0, 2.0, 4.0]);
    let efficiency = steps[2]["efficiency"].as_f64().unwrap();
    assert!(
        (0.1..0.6).contains(&efficiency),
        "four users wait four times as long: {answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_make_each_load_together() {
    let url = one_at_a_time(Duration::from_millis(20)).await;
    let arguments = "--by users --processes 2 --p99 10s --most 4 --round 1s --rounds 1 -o json";
    let found = tune(&url, arguments).await;
    assert_eq!((found.code, found.err.as_str()), (0, ""), "{found:?}");
    let answer: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(answer["keeps"], 4.0, "{answer}");
    let steps = answer["steps"].as_array().unwrap();
    let loads: Vec<_> = steps.iter().map(|step| step["load"].as_f64()).collect();
    assert_eq!(loads, [Some(2.0), Some(4.0)], "{answer}");
    assert_eq!(steps[1]["failed"], 0.0, "{answer}");

    let few = tune(&url, "--by users --processes 3 --start 2").await;
    assert_eq!((few.code, few.err.lines().count()), (2, 1), "{few:?}");
    assert!(few.err.contains("each needs a user at least"), "{few:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_that_breaks_the_bound_exits_1() {
    let url = one_at_a_time(Duration::from_millis(50)).await;
    let found = tune(
        &url,
        "--by users --p99 5ms --round 1s --warm-up 0s --rounds 1",
    )
    .await;
    assert_eq!((found.code, found.err.lines().count()), (1, 1), "{found:?}");
    assert!(
        found.err.contains("is broken even with 1 user"),
        "{found:?}"
    );
    assert!(found.out.contains("| too slow"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_searched_and_left_as_it_was() {
    let stage = Stage::with_stack().await;
    let before = stage.items().await;
    let text =
        stage.ok("loadtest tune --p99 5s --start 20 --most 40 --round 1s --warm-up 0s --rounds 1");
    assert!(
        text.contains("A p99 of 5.00 s is kept by 40 calls a second: no higher load was tried"),
        "{text}"
    );
    assert!(text.contains("Removed the test's namespace"), "{text}");
    assert_eq!(stage.items().await, before);
    for (wrong, part) in [
        ("--start 50 --most 40", "is more than --most"),
        ("--by users --start 1.5", "whole numbers"),
        ("--p99 0s", "more than 0"),
        ("--rounds 0", "0"),
        ("--max-errors 101", "percent"),
    ] {
        let ran = stage.run(&format!("loadtest tune {wrong}"));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{wrong}: {ran:?}");
        assert!(ran.err.contains(part), "{wrong}: {ran:?}");
    }
}
