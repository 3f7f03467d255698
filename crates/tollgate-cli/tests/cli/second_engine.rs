//! The aggregator on a second engine, with its stream and its S3, and applies of limits.
//! `TOLLGATE_ENGINE_ENDPOINT` names the engine. `.ci/second-engine` runs these tests.

use std::{
    env,
    io::Write,
    process,
    process::{Command, Stdio},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde_json::{Value, json};
use tollgate::{RateLimiter, model::Entity, store::dynamodb::CreateTable};

use crate::{
    aggregate::{sums, take},
    limits::LimitsFile,
    stage::{Item, bare, ran, scan, skipped},
};

/// A table of its own on the second engine.
struct Second {
    endpoint: String,
    table: String,
}

impl Second {
    fn new(name: &str) -> Option<Self> {
        let Ok(endpoint) = env::var("TOLLGATE_ENGINE_ENDPOINT") else {
            skipped("the aggregator on a second engine: TOLLGATE_ENGINE_ENDPOINT is not set");
            return None;
        };
        Some(Self {
            endpoint,
            table: format!("second-{name}-{}", process::id()),
        })
    }

    fn client(&self) -> Client {
        let http_client = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.endpoint)
            .http_client(http_client);
        Client::from_conf(config.build())
    }

    async fn limiter(&self) -> RateLimiter {
        let opened = RateLimiter::open()
            .stack(self.table.as_str())
            .namespace("default")
            .client(self.client())
            .provision(CreateTable::new());
        opened.await.unwrap()
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = bare();
        command.args(arguments.split_whitespace()).args([
            "--endpoint-url",
            &self.endpoint,
            "--name",
            &self.table,
        ]);
        command
    }

    /// Makes an event of the history, and deletes it: that engine has records of what is deleted, but
    /// not of what expires.
    async fn delete_an_event(&self) {
        let limiter = self.limiter().await;
        let entity = Entity::new(tollgate::EntityId::new("user-1").unwrap());
        limiter.entities().create(entity).await.unwrap();
        limiter.shutdown().await;
        let client = self.client();
        let items = scan(&client, &self.table).await;
        let is_event = |item: &&Item| {
            let key = item["SK"].as_s();
            key.is_ok_and(|key| key.starts_with("#AUDIT#"))
        };
        let event = items.iter().find(is_event).unwrap();
        let delete = client.delete_item().table_name(&self.table);
        let delete = delete.key("PK", event["PK"].clone());
        delete.key("SK", event["SK"].clone()).send().await.unwrap();
    }

    async fn assert_exact(&self) {
        let items = scan(&self.client(), &self.table).await;
        for word in ["hourly", "daily", "monthly"] {
            let [buckets, snapshots] = sums(&items, word);
            assert!(!buckets.is_empty());
            assert_eq!(buckets, snapshots, "{word}");
        }
    }
}

const ONCE: &str = "aggregate --once --windows hourly,daily,monthly --lease 1";

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_exact_also_if_the_aggregator_is_killed() {
    let Some(second) = Second::new("usage") else {
        return;
    };
    for round in 0..4_u64 {
        take(second.limiter().await, &["a", "b", "c"], &[round + 1, 2, 3]).await;
        let mut command = second.command(ONCE);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut aggregator = command.spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(60 * (round + 1))).await;
        aggregator.kill().unwrap();
        aggregator.wait().unwrap();
        // Its lease ends.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    let told = ran(second.command(ONCE));
    assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
    second.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_archived_in_its_s3() {
    let Some(second) = Second::new("archive") else {
        return;
    };
    second.delete_an_event().await;
    // Its bucket does not exist yet.
    let arguments = format!("{ONCE} --archive s3://{}/some/where", second.table);
    let refused = ran(second.command(&arguments));
    assert!(
        refused.code == 3
            && refused.err.contains("status 404: ")
            && refused.err.contains("NoSuchBucket"),
        "{refused:?}"
    );
    // The lease of an aggregator that failed ends.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let bucket = format!("{}/{}", second.endpoint, second.table);
    curl(&["-X", "PUT", &bucket]);
    let told = ran(second.command(&arguments));
    assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
    assert!(told.out.contains("1 events archived"), "{told:?}");
    let listed = curl(&[&format!("{bucket}?list-type=2")]);
    let (_, rest) = listed.split_once("<Key>").expect("an object");
    let (key, _) = rest.split_once("</Key>").unwrap();
    assert!(
        key.starts_with("some/where/audit/year=") && key.ends_with(".jsonl.gz"),
        "{key}"
    );
    let line = curl(&["--compressed", &format!("{bucket}/{key}")]);
    assert!(line.contains("\"action\":\"entity_created\""), "{line}");
}

fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail"]);
    let ran = ran({
        command.args(arguments);
        command
    });
    assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    ran.out
}

/// Runs the provisioner of the Python client on a file, and returns its answer. Without a Python
/// client there is none.
fn provisioner(second: &Second, namespace: &str, action: &str, file: &str) -> Option<Value> {
    let Some(python) = env::var_os("TOLLGATE_PEER_PYTHON") else {
        skipped("the provisioner, because TOLLGATE_PEER_PYTHON names no Python client");
        return None;
    };
    let event = json!({
        "action": action, "manifest": file, "table_name": second.table, "namespace_id": namespace,
    });
    let script = include_str!("../../../tollgate-ops/tests/ops/limits/provisioner.py");
    let mut command = Command::new(python);
    command
        .args(["-c", script])
        .env_clear()
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &second.endpoint),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(event.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test]
async fn applies_of_both_clients_agree() {
    let Some(second) = Second::new("limits") else {
        return;
    };
    let limiter = second.limiter().await;
    let namespace = limiter.location().unwrap().namespace_id.to_string();
    let text = |capacity: u32| {
        let entities = (0..100).map(|index| {
            format!("  user-{index}: {{resources: {{api: {{limits: {{rpm: {{capacity: {capacity}}}}}}}}}}}\n")
        });
        let resources = "resources: {api: {disabled: false, limits: {rpm: {capacity: 5}}}}";
        format!(
            "namespace: default\n{resources}\nentities:\n{}",
            entities.collect::<String>()
        )
    };
    let file = LimitsFile::new("second", &text(7));
    let run =
        |command: &str| ran(second.command(&format!("limits {command} -q -f {}", file.path())));
    let told = |created, updated, unchanged| {
        format!(
            "Applied: {created} created, {updated} updated, 0 deleted ({unchanged} unchanged).\n"
        )
    };
    assert_eq!(run("apply").out, told(101, 0, 0));
    assert_eq!(run("apply").out, told(0, 0, 101));

    if let Some(answer) = provisioner(&second, &namespace, "apply", &text(8)) {
        assert_eq!(
            (&answer["updated"], &answer["errors"]),
            (&json!(101), &json!([]))
        );
        assert_eq!(run("diff").code, 5);
        file.write(&text(8));
        assert_eq!(run("diff").code, 0);
        // The provisioner's configs are in no list of the table.
        let listed = |resource| limiter.config().entities_with_limits(Some(resource)).all();
        assert_eq!(listed("api".parse().unwrap()).await.unwrap().len(), 0);
        assert_eq!(run("apply --full").out, told(0, 101, 0));
        assert_eq!(listed("api".parse().unwrap()).await.unwrap().len(), 100);
        let answer = provisioner(&second, &namespace, "plan", &text(8)).unwrap();
        let actions = answer["changes"].as_array().unwrap().iter();
        assert!(
            actions.clone().all(|change| change["action"] == "update"),
            "{answer}"
        );
    }
    let client = second.client();
    client
        .delete_table()
        .table_name(&second.table)
        .send()
        .await
        .unwrap();
}
