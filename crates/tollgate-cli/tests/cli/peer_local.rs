//! Python clients at the local table.

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
};

use crate::{
    local::place::{Place, TABLE},
    stage::skipped,
};

/// Reads the whole stream as boto3 does.
const READ_STREAM: &str = r#"
import boto3
streams = boto3.client("dynamodbstreams")
stream, = streams.list_streams(TableName="zae-limiter")["Streams"]
shards = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
for shard in shards:
    iterator = streams.get_shard_iterator(
        StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    for record in streams.get_records(ShardIterator=iterator)["Records"]:
        print(len(shard["ShardId"]) >= 28, record["dynamodb"]["Keys"]["PK"]["S"])
"#;

#[test]
fn python_clients_use_a_local_table_and_read_its_stream() {
    let (Some(python), Some(script)) = (
        env::var_os("TOLLGATE_PEER_PYTHON"),
        env::var_os("TOLLGATE_PEER_SCRIPT"),
    ) else {
        skipped("Python clients at the local table: TOLLGATE_PEER_PYTHON and _SCRIPT are not set");
        return;
    };
    let place = Place::up();
    place.there("system set-defaults --limit rpm:5");
    let environment = place.environment();
    let endpoint = format!("http://127.0.0.1:{}", place.port());
    let mut peer = Command::new(&python);
    peer.arg(&script)
        .args(["--endpoint", &endpoint, "--stack", TABLE])
        .envs(environment.clone())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut peer = peer.spawn().unwrap();
    let mut orders = peer.stdin.take().unwrap();
    for order in [
        r#"{"op":"create_entity","entity":"python-1"}"#,
        r#"{"op":"acquire","entity":"python-1","resource":"api","consume":{"rpm":2}}"#,
        r#"{"op":"acquire","entity":"python-1","resource":"api","consume":{"rpm":4}}"#,
    ] {
        writeln!(orders, "{order}").unwrap();
    }
    drop(orders);
    let answers = peer.wait_with_output().unwrap();
    let answers = String::from_utf8(answers.stdout).unwrap();
    assert_eq!(answers.matches("\"consumed\"").count(), 1, "{answers}");
    assert_eq!(answers.matches("\"denied\"").count(), 1, "{answers}");

    let shown = place.there("bucket show python-1 api --output json");
    assert!(shown.contains("\"rpm\""), "{shown}");

    let mut reader = Command::new(&python);
    reader.args(["-c", READ_STREAM]).envs(environment);
    let output = reader.output().unwrap();
    let read = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(read.contains("python-1"), "{read} {errors}");
    assert!(read.lines().all(|line| line.starts_with("True ")), "{read}");
}
