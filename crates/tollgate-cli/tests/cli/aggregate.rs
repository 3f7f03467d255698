//! The command that counts usage.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{Limit, RateLimiter};

use crate::{
    peer::{peer, run_peer},
    stage::{Item, Stage},
};

/// Consumes tokens of the limits `rpm` and `tpm`.
pub(crate) async fn consume(stage: &Stage, entities: &[&str], amounts: &[u64]) {
    take(stage.limiter().await, entities, amounts).await;
}

/// Consumes tokens of the limits `rpm` and `tpm`, and ends the limiter.
pub(crate) async fn take(limiter: RateLimiter, entities: &[&str], amounts: &[u64]) {
    let all = entities
        .iter()
        .flat_map(|entity| amounts.iter().map(move |amount| (*entity, *amount)));
    for (entity, amount) in all {
        let lease = limiter
            .acquire(entity, "api")
            .limits([
                Limit::per_minute("rpm", 1_000_000),
                Limit::per_minute("tpm", 1_000_000),
            ])
            .cost("rpm", 1)
            .cost("tpm", amount)
            .await
            .unwrap();
        lease.commit();
    }
    limiter.shutdown().await;
}

fn number(value: &AttributeValue) -> Option<i64> {
    value.as_n().ok()?.parse().ok()
}

pub(crate) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}

/// Returns the whole tokens of all buckets, and of all snapshots of a length, by entity and limit.
pub(crate) fn sums(items: &[Item], word: &str) -> [BTreeMap<String, i64>; 2] {
    let (mut buckets, mut snapshots) = (BTreeMap::new(), BTreeMap::new());
    for item in items {
        let entity = text(item, "entity_id");
        for limit in ["rpm", "tpm"] {
            let key = format!("{entity} {limit}");
            if let Some(tokens) = item.get(&format!("b_{limit}_tc")).and_then(number) {
                *buckets.entry(key.clone()).or_default() += tokens / 1000;
            }
            let tokens = item.get(limit).and_then(number);
            if let Some(tokens) = tokens.filter(|_| text(item, "window") == word) {
                *snapshots.entry(key).or_default() += tokens;
            }
        }
    }
    [buckets, snapshots]
}

async fn assert_exact(stage: &Stage) {
    for word in ["hourly", "daily", "monthly"] {
        let [buckets, snapshots] = sums(&stage.items().await, word);
        assert!(!buckets.is_empty());
        assert_eq!(buckets, snapshots, "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_once_and_shown() {
    let stage = Stage::with_stack().await;
    consume(&stage, &["user-1"], &[13, 13, 13, 13, 13]).await;
    let all = "aggregate --once --windows hourly,daily,monthly";
    let told = stage.ok(all);
    assert!(
        told.starts_with("Begins with the oldest record") && told.contains(" s behind\n"),
        "{told}"
    );
    assert_exact(&stage).await;
    let day = stage.json("usage list -e user-1 -w daily");
    assert_eq!(day[0]["counters"]["rpm"], 5, "{day}");
    assert_eq!(day[0]["counters"]["tpm"], 65, "{day}");
    let again = stage.json(all);
    assert_eq!(again["changes"], 0, "{again}");
    assert_exact(&stage).await;
    for wrong in [
        "aggregate --once --follow",
        "aggregate --windows weekly",
        "aggregate --retention-days 0",
        "aggregate --lease 0",
    ] {
        assert_eq!(stage.run(wrong).code, 2, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_before_a_time_are_left_to_another_aggregator() {
    let stage = Stage::with_stack().await;
    consume(&stage, &["user-1"], &[1]).await;
    let none = stage.json("aggregate --once --skip-before 9999-01-01T00:00:00Z");
    assert_eq!(none["changes"], 0);
    assert!(none["records"].as_u64().unwrap() > 0);
}

/// Starts an aggregator of all windows.
fn start(stage: &Stage, kind: &str) -> Child {
    let arguments = format!("aggregate {kind} --windows hourly,daily,monthly --lease 1");
    let mut command = stage.command(arguments.split_whitespace());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Waits until a number of updates were sent in all, or the aggregator has ended.
async fn wait_for_updates(stage: &Stage, aggregator: &mut Child, count: u64) {
    while stage.proxy.count("UpdateItem") < count && aggregator.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_writes_it_goes_on_where_it_was() {
    let stage = Stage::with_stack().await;
    let entities = ["a", "b", "c", "d", "e", "f"];
    for round in 0..4 {
        consume(&stage, &entities, &[round + 1, 2]).await;
        let before = stage.proxy.count("UpdateItem");
        let mut aggregator = start(&stage, "--once");
        // The first update takes the lease; the others write snapshots.
        wait_for_updates(&stage, &mut aggregator, before + 2 + 4 * round).await;
        aggregator.kill().unwrap();
        aggregator.wait().unwrap();
        // Its lease ends.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    stage.ok("aggregate --once --windows hourly,daily,monthly");
    assert_exact(&stage).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_counts_what_was_read_and_exits_with_0() {
    let stage = Stage::with_stack().await;
    consume(&stage, &["user-1"], &[1, 2, 3]).await;
    let before = stage.proxy.count("GetRecords");
    let mut aggregator = start(&stage, "--follow");
    while stage.proxy.count("GetRecords") < before + 5 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut kill = Command::new("kill");
    kill.args(["-INT", &aggregator.id().to_string()]);
    assert!(kill.status().unwrap().success());
    assert_eq!(aggregator.wait().unwrap().code(), Some(0));
    assert_exact(&stage).await;
    // Its lease has ended with it.
    stage.ok("aggregate --once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_command_reads_the_snapshots() {
    let Some(peer) = peer() else {
        return;
    };
    let stage = Stage::with_stack().await;
    consume(&stage, &["user-1"], &[13, 13, 13, 13, 13]).await;
    stage.ok("aggregate --once --windows hourly,daily,monthly");
    for window in ["hourly", "daily"] {
        let listed = run_peer(&peer, &stage, &format!("usage list -e user-1 -w {window}"));
        assert!(
            listed.code == 0
                && listed.out.contains("rpm=5, tpm=65")
                && listed.out.contains("Total: 1 snapshots"),
            "{listed:?}"
        );
        let summed = run_peer(
            &peer,
            &stage,
            &format!("usage summary -e user-1 -w {window}"),
        );
        let tpm = summed
            .out
            .lines()
            .find(|line| line.contains("tpm"))
            .unwrap();
        assert!(tpm.contains(" 65 ") && tpm.contains("65.00"), "{summed:?}");
        assert!(summed.out.contains("Snapshots:  1"), "{summed:?}");
    }
    let listed = run_peer(&peer, &stage, "usage list -e user-1 -r api");
    assert!(listed.out.contains("monthly"), "{listed:?}");
    assert!(!listed.out.contains("tollgate"), "{listed:?}");
    for other in [
        "namespace list",
        "namespace orphans",
        "version",
        "check",
        "status",
    ] {
        // Only `status` looks for a CloudFormation stack, which there is none of.
        let ran = run_peer(&peer, &stage, other);
        assert!(other == "status" || ran.code == 0, "{other}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_guide_works() {
    for (page, at_least, expected) in [
        ("usage.md", 3, "tpm=3"),
        ("alerts.md", 1, "\"event\":\"threshold\""),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
        let text = fs::read_to_string(path.join(page)).unwrap();
        let commands = text
            .lines()
            .filter_map(|line| line.strip_prefix("$ tollgate "))
            // They write files: usage_report.rs runs them in a folder of its own.
            .filter(|command| !command.starts_with("usage report "));
        let stage = Stage::with_stack().await;
        consume(&stage, &["key-1"], &[3]).await;
        let limiter = stage.limiter().await;
        // More than 80 % of a day.
        let acquire = limiter
            .acquire("key-2", "api")
            .limits(Limit::quota("q", 10).daily("UTC").unwrap());
        acquire.cost("q", 9).await.unwrap().commit();
        limiter.shutdown().await;
        let told: Vec<String> = commands.map(|command| stage.ok(command)).collect();
        assert!(
            told.len() >= at_least && told.iter().any(|out| out.contains(expected)),
            "{told:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_are_lines_of_their_own() {
    let stage = Stage::with_stack().await;
    let limiter = stage.limiter().await;
    let quota = Limit::quota("q", 100).daily("UTC").unwrap();
    let acquire = limiter.acquire("key-1", "api").limits(quota);
    acquire.cost("q", 96).await.unwrap().commit();
    limiter.shutdown().await;
    let command = "aggregate --once --windows daily --warn-at 80,95,100 --output jsonl";
    let lines = stage.ok(command);
    let events: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["event"] == "threshold")
        .collect();
    let thresholds: Vec<_> = events.iter().map(|event| &event["threshold"]).collect();
    assert_eq!(thresholds, [80, 95], "{lines}");
    let event = &events[1];
    assert_eq!(
        [&event["entity_id"], &event["limit"], &event["window"]],
        ["key-1", "q", "daily"]
    );
    assert_eq!([&event["used"], &event["allowed"]], [96, 100]);
    let again = stage.ok(command);
    assert!(!again.contains("threshold"), "{again}");
    assert_eq!(stage.run("aggregate --once --warn-at 0").code, 2);
    let wrong = stage.run("aggregate --once --warn-at 80,abc");
    let first = wrong.err.lines().next().unwrap();
    assert_eq!(wrong.code, 2);
    assert!(
        first.contains("'abc'") && first.ends_with("with commas between them: 80,95"),
        "{wrong:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_cannot_be_is_told() {
    let stage = Stage::with_stack().await;
    for (arguments, text) in [
        ("--archive s3://Bucket", "is not s3://BUCKET"),
        (
            "--archive folder --archive-endpoint http://127.0.0.1:1",
            "is for an archive s3://BUCKET alone",
        ),
        (
            "--archive s3://bucket --archive-endpoint 127.0.0.1:1",
            "does not begin with http",
        ),
    ] {
        let ran = stage.run(&format!("aggregate --once {arguments}"));
        assert!(ran.code == 2 && ran.err.contains(text), "{ran:?}");
    }
}
