//! `tollgate doctor` and `tollgate aggregate` with other aggregators.

use std::{
    env,
    process::{Command, Stdio},
};

use aws_sdk_dynamodb::types::AttributeValue::{self, L, M, N, S};
use serde_json::Value;

use crate::{
    aggregate::{consume, text},
    peer::peer,
    stage::{STACK, Stage, ran},
};

/// Writes a snapshot as the function of the Python library does, through its own code.
const PEER: &str = "
import sys, time, boto3
from zae_limiter_aggregator.processor import ConsumptionDelta, update_snapshot
endpoint, table, namespace = sys.argv[1:]
table = boto3.resource('dynamodb', endpoint_url=endpoint).Table(table)
delta = ConsumptionDelta(namespace, 'user-1', 'api', 'tpm', 5000, int(time.time() * 1000))
update_snapshot(table, delta, 'hourly', 90)
";

/// Returns the result, the finding and the advice of a check.
fn check(stage: &Stage, name: &str) -> [String; 3] {
    let checks = stage.json("doctor");
    let mut checks = checks.as_array().unwrap().iter();
    let check = checks.find(|check| check["check"] == name);
    let check = check.unwrap_or(&Value::Null);
    ["result", "found", "advice"].map(|field| check[field].as_str().unwrap_or_default().to_owned())
}

/// Sets an attribute of the aggregators' item.
async fn set(stage: &Stage, name: &str, value: AttributeValue) {
    let update = stage.engine.client().update_item().table_name(STACK);
    update
        .key("PK", S("_/SYSTEM#".into()))
        .key("SK", S("#AGGREGATOR".into()))
        .update_expression("SET #name = :value")
        .expression_attribute_names("#name", name)
        .expression_attribute_values(":value", value)
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_knows_who_counts_and_how_far() {
    let stage = Stage::with_stack().await;
    let [result, found, _] = check(&stage, "aggregator");
    assert_eq!(
        (result.as_str(), found.as_str()),
        ("ok", "none of tollgate's has worked on this table")
    );

    consume(&stage, &["user-1"], &[1]).await;
    stage.ok("aggregate --once");
    let items = stage.items().await;
    let item = items.iter().find(|item| text(item, "SK") == "#AGGREGATOR");
    let owner = text(item.unwrap(), "owner");
    // As if it still worked.
    set(&stage, "lease_until", N("99999999999999".into())).await;
    let [result, found, _] = check(&stage, "aggregator");
    assert_eq!(result, "ok", "{found}");
    assert!(
        found.starts_with(&format!("{owner} works, its lease lasts until 5138-11-16T"))
            && found.contains("; counted up to 20"),
        "{found}"
    );
    set(&stage, "lease_until", N("1000".into())).await;
    let [result, found, advice] = check(&stage, "aggregator");
    assert_eq!(result, "warning");
    assert!(
        found.starts_with(&format!(
            "{owner} is gone: its lease ended at 1970-01-01T00:00:01Z"
        )) && advice.contains("start `tollgate aggregate` again"),
        "{found} {advice}"
    );

    stage.ok("aggregate --once");
    let [result, found, _] = check(&stage, "aggregator");
    assert_eq!(result, "ok", "{found}");
    assert!(
        found.starts_with("none works now; counted up to 20"),
        "{found}"
    );
    let [result, found, _] = check(&stage, "other aggregator");
    assert_eq!(result, "ok", "{found}");

    let gap = [("from", "1000"), ("to", "2000")];
    let gap = gap.map(|(name, time)| (name.to_owned(), N(time.into())));
    set(&stage, "gaps", L(vec![M(gap.into())])).await;
    let [result, found, _] = check(&stage, "aggregator");
    assert_eq!(result, "warning");
    assert!(
        found.contains("1 gap(s) in what it read, the last between 1970-01-01T00:16:40Z and"),
        "{found}"
    );
    set(&stage, "newest", N("1000".into())).await;
    let [_, _, advice] = check(&stage, "aggregator");
    assert!(advice.contains("keeps records for 24 hours"), "{advice}");
    set(&stage, "shards", S("of a newer version".into())).await;
    let [result, found, _] = check(&stage, "aggregator");
    assert_eq!(result, "warning");
    assert!(found.contains("cannot be read"), "{found}");
}

/// Asserts that the aggregator tells once, loudly, that another program writes snapshots, counts on,
/// and that the doctor knows of it afterwards.
async fn assert_told(stage: &Stage) {
    consume(stage, &["user-1"], &[7]).await;
    let told = stage.run("aggregate --once --output json");
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!(
        told.err
            .matches("warning: another program writes snapshots")
            .count(),
        1,
        "{told:?}"
    );
    let counts: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(counts["foreign_writes"], 2, "{told:?}");
    assert!(counts["snapshot_writes"].as_u64().unwrap() > 0, "{told:?}");
    let [result, found, advice] = check(stage, "other aggregator");
    assert_eq!(result, "warning");
    assert!(
        found.contains("a sign that two count the same use")
            && advice.contains("aws lambda list-event-source-mappings --event-source-arn arn:"),
        "{found} {advice}"
    );
    // Told before: the records that come now are ours.
    let again = stage.ok("aggregate --once");
    assert!(!again.contains("ANOTHER PROGRAM"), "{again}");
}

/// Adds to a snapshot in the form of the Python library.
async fn write_foreign(stage: &Stage, range: &str) {
    let namespace = stage.json("namespace show default");
    let namespace = namespace["namespace_id"].as_str().unwrap();
    let update = stage.engine.client().update_item().table_name(STACK);
    update
        .key("PK", S(format!("{namespace}/ENTITY#user-1")))
        .key("SK", S(range.to_owned()))
        .update_expression("ADD tpm :tokens, total_events :one")
        .expression_attribute_values(":tokens", N("5".into()))
        .expression_attribute_values(":one", N("1".into()))
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_that_writes_snapshots_is_told() {
    let stage = Stage::with_stack().await;
    consume(&stage, &["user-1"], &[1]).await;
    stage.ok("aggregate --once");
    // Into a snapshot of ours, and into one of its own.
    let items = stage.items().await;
    let ours = items.iter().find(|item| item.contains_key("#tollgate"));
    write_foreign(&stage, text(ours.unwrap(), "SK")).await;
    write_foreign(&stage, "#USAGE#api#2026-01-31T09:00:00Z").await;
    assert_told(&stage).await;
    // Who takes over says from when on it counts.
    write_foreign(&stage, "#USAGE#api#2026-01-31T09:00:00Z").await;
    stage.ok("aggregate --once --skip-before 9999-01-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_of_the_python_library_is_told() {
    if peer().is_none() {
        return;
    }
    let stage = Stage::with_stack().await;
    let namespace = stage.json("namespace show default");
    let namespace = namespace["namespace_id"].as_str().unwrap();
    for _ in 0..2 {
        let mut python = Command::new(env::var_os("TOLLGATE_PEER_PYTHON").unwrap());
        python.env_clear().stdin(Stdio::null()).envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ]);
        python.args(["-c", PEER, &stage.engine.endpoint(), STACK, namespace]);
        let written = ran(python);
        assert_eq!(written.code, 0, "{written:?}");
    }
    assert_told(&stage).await;
}
