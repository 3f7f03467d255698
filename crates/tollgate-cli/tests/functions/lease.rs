//! Two aggregators: the function, and the command.

use std::{
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use tollgate_ops::follow::AggregatorState;

use crate::stage::{STACK, Stage};

fn command(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command
        .args(arguments)
        .args(["--name", STACK, "--endpoint-url", &stage.engine.endpoint()])
        .env_clear()
        .stdin(Stdio::null())
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_refuses_to_work_beside_the_function() {
    let stage = Stage::new().await;
    stage.consume(&["a"], &[1]).await;
    stage.source().drain(&stage.engine, STACK).await;
    let ran = command(&stage, &["aggregate", "--once"]).output().unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{told}");
    assert!(
        told.contains("function limits-aggregator") && told.contains("disable the connection"),
        "{told}"
    );
    // Guards the runbook: the command can replace the function soon after its connection is disabled.
    let state = AggregatorState::read(&stage.engine.client(), STACK).await;
    let state = state.unwrap().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let left = state.lease_until - i64::try_from(now.as_millis()).unwrap();
    assert!((1..=60_000).contains(&left), "{left} ms");
    // And the doctor: the function tells how far it has counted.
    let counted = state.counted.unwrap();
    assert!(
        counted.lag() < 600 && counted.newest > 1_700_000_000,
        "{counted:?}"
    );
    let consumed = stage.consumed().await;
    stage.assert_counted(&consumed, "the function").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_says_that_the_command_works_too_and_nothing_is_counted_twice() {
    let stage = Stage::new().await;
    stage.consume(&["a", "b"], &[1, 2, 3]).await;
    let windows = ["aggregate", "--windows", "hourly,daily,monthly"];
    let mut follower = command(&stage, &windows)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while stage.counted("monthly").await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    stage.consume(&["a", "b"], &[4]).await;
    let report = stage.source().drain(&stage.engine, STACK).await;
    follower.kill().unwrap();
    follower.wait().unwrap();
    let warned = report.log.iter().any(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["level"] == "WARN" && line["message"] == "the lease was not taken"
    });
    assert!(warned, "{:?}", report.log);
    let consumed = stage.consumed().await;
    stage.assert_counted(&consumed, "both").await;
}
