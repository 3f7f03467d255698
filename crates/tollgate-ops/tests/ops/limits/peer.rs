//! The Python client's provisioner, in a process of its own, on the same files and tables.

use std::{
    collections::BTreeMap,
    env,
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tollgate::Limit;
use tollgate::model::ConfigScope;
use tollgate_ops::limits::{PlanOptions, apply, plan};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::{
    apply::EVERY_KEY,
    stage::{Sorted, TABLE, Table, manifest, options},
};

/// Attributes of configs that only this crate keeps in an apply.
const EXTRA: [&str; 3] = ["config_version", "GSI3PK", "GSI3SK"];

/// The refill periods of quotas: nothing refills by them, and the clients write different ones.
const PERIODS: [&str; 2] = ["l_daily_rp", "w_session_rp"];

/// A table that the Python client's functions may write, and its provisioner.
struct Peer {
    table: Table,
    namespace: String,
}

impl Peer {
    /// Returns `None` if there is no Python client.
    async fn new() -> Option<Self> {
        if env::var_os("TOLLGATE_PEER_PYTHON").is_none() {
            use std::io;
            #[expect(clippy::explicit_write, reason = "the macro for it is captured")]
            writeln!(
                io::stderr(),
                "skipped: TOLLGATE_PEER_PYTHON names no Python client"
            )
            .unwrap();
            return None;
        }
        let table = Table::new().await;
        let client = table.engine.client();
        let update = client.update_item().table_name(TABLE);
        update
            .key("PK", AttributeValue::S("_/SYSTEM#".into()))
            .key("SK", AttributeValue::S("#VERSION".into()))
            .update_expression("SET lambda_version = :version")
            .expression_attribute_values(":version", AttributeValue::S("0.17.0".into()))
            .send()
            .await
            .unwrap();
        let namespace = table.limiter.location().unwrap().namespace_id.to_string();
        Some(Self { table, namespace })
    }

    /// Runs the provisioner.
    async fn run(&self, mut event: Value) -> Value {
        event["table_name"] = TABLE.into();
        event["namespace_id"] = self.namespace.clone().into();
        let mut command = Command::new(env::var_os("TOLLGATE_PEER_PYTHON").unwrap());
        command
            .args(["-c", include_str!("provisioner.py")])
            .env_clear()
            .envs([
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ])
            .env("AWS_ENDPOINT_URL_DYNAMODB", self.table.engine.endpoint())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let answered = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            input.write_all(event.to_string().as_bytes()).unwrap();
            drop(input);
            child.wait_with_output().unwrap()
        });
        let output = answered.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn plan(&self, manifest: &str) -> Value {
        self.run(json!({"action": "plan", "manifest": manifest}))
            .await
    }

    async fn apply(&self, manifest: &str) -> Value {
        let answer = self
            .run(json!({"action": "apply", "manifest": manifest}))
            .await;
        assert_eq!(answer["errors"], json!([]), "{answer}");
        answer
    }

    /// Returns the configs and the record of managed configs, without the namespace and what only
    /// this crate keeps.
    async fn configs(&self) -> BTreeMap<String, Sorted> {
        let items = self.table.items().await.into_iter();
        let items =
            items.filter(|((_, range), _)| range.starts_with("#CONFIG") || range == "#PROVISIONER");
        items
            .map(|((hash, range), mut item)| {
                let key = hash.split_once('/').unwrap().1.to_owned();
                item.retain(|name, _| {
                    let name = name.as_str();
                    let differs = ["last_applied", "applied_hash", "PK", "GSI4PK", "GSI4SK"];
                    !(EXTRA.contains(&name) || PERIODS.contains(&name) || differs.contains(&name))
                });
                (format!("{key} {range}"), item)
            })
            .collect()
    }

    /// Returns the flags and the definition of the limit `tpm` of the only bucket. What is left in
    /// it of limits that are gone differs: the provisioner removes it at once.
    async fn bucket(&self) -> Sorted {
        let mut bucket = self.table.item("#STATE").await.unwrap();
        let parts = ["disabled", "cascade", "b_tpm_cp", "b_tpm_ra", "b_tpm_rp"];
        bucket.retain(|name, _| parts.contains(&name.as_str()));
        bucket
    }

    async fn pending(&self) -> Vec<String> {
        let keys = self.table.items().await.into_keys();
        keys.map(|(_, range)| range)
            .filter(|range| range.contains("#PENDING#"))
            .collect()
    }
}

#[tokio::test]
async fn the_same_file_makes_the_same_items_and_no_drift() {
    let (Some(theirs), Some(ours)) = (Peer::new().await, Peer::new().await) else {
        return;
    };
    theirs.apply(EVERY_KEY).await;
    ours.table.apply(EVERY_KEY).await;
    assert_eq!(ours.configs().await, theirs.configs().await);

    // What the provisioner wrote is what the file says.
    let planned = theirs.table.plan(EVERY_KEY).await;
    assert!(planned.is_empty(), "{:?}", planned.changes);
    theirs.table.apply(EVERY_KEY).await;
    assert_eq!(theirs.table.writes(), 0);

    // The provisioner compares whole items. Without what only this crate keeps, it finds no drift.
    let planned = ours.plan(EVERY_KEY).await;
    let actions = planned["changes"].as_array().unwrap().iter();
    assert!(
        actions.clone().all(|change| change["action"] == "update"),
        "{planned}"
    );
    for ((hash, range), item) in ours.table.items().await {
        if !range.starts_with("#CONFIG") {
            continue;
        }
        let mut item: std::collections::HashMap<_, _> = item.into_iter().collect();
        item.retain(|name, _| !EXTRA.contains(&name.as_str()));
        for period in PERIODS {
            let sixty = AttributeValue::N("60".into());
            item.entry(period.to_owned())
                .and_modify(|value| *value = sixty);
        }
        assert!(item["PK"].as_s() == Ok(&hash));
        let client = ours.table.engine.client();
        client
            .put_item()
            .table_name(TABLE)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }
    let planned = ours.plan(EVERY_KEY).await;
    assert_eq!(planned["changes"], json!([]), "{planned}");
}

#[tokio::test]
async fn each_deletes_what_the_file_of_the_other_declared() {
    let (Some(theirs), Some(ours)) = (Peer::new().await, Peer::new().await) else {
        return;
    };
    theirs.apply(EVERY_KEY).await;
    let applied = theirs.table.apply("{namespace: default}").await;
    assert_eq!(applied.deleted, 5);
    ours.table.apply(EVERY_KEY).await;
    let applied = ours.apply("namespace: default").await;
    assert_eq!(applied["deleted"], 5);
    assert_eq!(ours.configs().await, theirs.configs().await);
    let planned = ours.table.plan("{namespace: default}").await;
    assert!(planned.is_empty(), "{planned:?}");
}

#[tokio::test]
async fn each_finishes_the_buckets_that_the_other_owes() {
    let Some(peer) = Peer::new().await else {
        return;
    };
    let file = "{namespace: default, entities: {user-1: {resources: {api: {limits: {rpm: {capacity: 77}}}}}}}";
    let limiter = &peer.table.limiter;
    let scope = ConfigScope::entity_resource("user-1", "api").unwrap();
    limiter
        .config()
        .set(scope, [Limit::per_minute("rpm", 10)])
        .await
        .unwrap();
    limiter
        .acquire("user-1", "api")
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    peer.table.apply(file).await;

    let owed = json!([
        ["sync", "entity", "user-1/api"],
        ["disabled", "entity", "user-1/api"]
    ]);
    peer.run(json!({"action": "owe", "owed": owed})).await;
    let planned = peer.table.plan(file).await;
    assert_eq!((planned.owed.len(), planned.changes.len()), (2, 0));
    assert!(planned.owed.iter().all(|owed| owed.held_until.is_none()));
    peer.table.apply(file).await;
    assert_eq!(peer.pending().await, [] as [String; 0]);

    // Ours dies after it has recorded what it owes.
    let denied = ErrorAnswer::access_denied("dynamodb:TransactWriteItems");
    peer.table
        .proxy
        .add_fault(Fault::answer(denied).on("TransactWriteItems"));
    let changed = file.replace("77", "88");
    peer.table.try_apply(&changed).await.unwrap_err();
    peer.table.proxy.clear_faults();
    assert_eq!(
        peer.pending().await,
        ["#PROVISIONER#PENDING#sync#entity#user-1/api"]
    );
    tokio::time::sleep(Duration::from_millis(5)).await;
    peer.apply(&changed).await;
    assert_eq!(peer.pending().await, [] as [String; 0]);
    let items = peer.table.items().await;
    let bucket = items
        .iter()
        .find(|((_, range), _)| range == "#STATE")
        .unwrap()
        .1;
    assert_eq!(bucket["b_rpm_cp"], AttributeValue::N("88000".into()));
}

/// Three files, each with changes on every level.
const IN_TURN: [&str; 3] = [
    EVERY_KEY,
    "
namespace: default
system: {limits: {rpm: {capacity: 2000}, tpm: {capacity: 7, soft: true}}}
resources:
  gpt-4: {cascade: false, limits: {daily: {capacity: 400, reset_schedule: [{cron: \"0 0 * * *\"}]}}}
  chat: {limits: {rpm: {capacity: 3}}}
entities:
  user-1: {resources: {_default_: {disabled: false}, gpt-4: {limits: {tpm: {capacity: 8}}}}}
  user-2: {resources: {gpt-4: {cascade: true}}}
",
    "
namespace: default
resources: {search: {disabled: false}, chat: {disabled: bypass, limits: {rpm: {capacity: 4}}}}
entities: {user-1: {resources: {gpt-4: {limits: {tpm: {capacity: 9}}}}}}
",
];

#[tokio::test]
async fn applies_of_both_in_turn_leave_what_the_last_file_says() {
    let (Some(one), Some(other)) = (Peer::new().await, Peer::new().await) else {
        return;
    };
    for peer in [&one, &other] {
        let acquire = peer.table.limiter.acquire("user-1", "gpt-4");
        let acquire = acquire.limits([Limit::per_minute("tpm", 1)]).cost("tpm", 1);
        acquire.await.unwrap().commit().await.unwrap();
    }
    for (index, file) in IN_TURN.into_iter().enumerate() {
        let (theirs, ours) = if index % 2 == 0 {
            (&one, &other)
        } else {
            (&other, &one)
        };
        theirs.apply(file).await;
        ours.table.apply(file).await;
        assert_eq!(one.configs().await, other.configs().await, "file {index}");
        assert_eq!(one.bucket().await, other.bucket().await, "file {index}");
        for peer in [&one, &other] {
            let planned = peer.table.plan(file).await;
            assert!(planned.is_empty(), "file {index}: {:?}", planned.changes);
            assert_eq!(peer.pending().await, [] as [String; 0]);
        }
    }
}

#[tokio::test]
async fn each_resumes_the_full_apply_of_the_other() {
    let Some(peer) = Peer::new().await else {
        return;
    };
    let file = "{namespace: default, entities: {user-1: {resources: {api: {limits: {rpm: {capacity: 77}}}}}}}";
    peer.table.apply(file).await;
    let owed = json!([["sync", "entity", "user-1/api"]]);
    let event = json!({"action": "owe", "owed": owed, "full": true});
    peer.run(event).await;
    let (target, manifest) = (peer.table.target().await, manifest(file));
    let full = PlanOptions::default().with_full(true);
    let planned = plan(&target, &manifest, full).await.unwrap();
    assert!(planned.resumed && planned.changes.is_empty());
    apply(&target, &planned, &options(), |_| {}).await.unwrap();
    assert_eq!(peer.pending().await, [] as [String; 0]);

    // Ours dies after it has recorded all that it owes.
    let planned = plan(&target, &manifest, full).await.unwrap();
    assert!(planned.full);
    let pass = Fault::delay(Duration::ZERO).on("TransactWriteItems");
    peer.table.proxy.add_fault(pass.times(1));
    let dead = ErrorAnswer::access_denied("any");
    peer.table
        .proxy
        .add_fault(Fault::answer(dead).on("TransactWriteItems"));
    apply(&target, &planned, &options(), |_| {})
        .await
        .unwrap_err();
    peer.table.proxy.clear_faults();
    assert_eq!(peer.pending().await.len(), 3);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let event = json!({"action": "apply", "manifest": file, "full": true});
    let answer = peer.run(event).await;
    assert_eq!(answer["resumed"], true, "{answer}");
    assert_eq!(peer.pending().await, [] as [String; 0]);
}
