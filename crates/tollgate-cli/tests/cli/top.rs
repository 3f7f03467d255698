//! `tollgate top`

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tollgate::{EntityId, Limit, RateLimiter};

use crate::stage::{STACK, Stage};

/// Charges a bucket.
pub(crate) async fn charge(limiter: &RateLimiter, entity: &str, tokens: u64) {
    let acquire = limiter.acquire(entity, "api").cost("tpd", tokens);
    let lease = acquire.limits(Limit::per_day("tpd", 1_000_000)).await;
    lease.unwrap().commit().await.unwrap();
}

/// Runs a command that looks twice, and runs `between` after the first look, which sends `call`.
pub(crate) async fn between(
    stage: &Stage,
    arguments: &str,
    call: &str,
    between: impl Future<Output = ()>,
) -> Value {
    let mut command = stage.command(arguments.split_whitespace());
    command.args(["--interval", "4s", "--output", "json"]);
    let looks = stage.proxy.count(call) + 1;
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.proxy.until_count(call, looks).await;
    between.await;
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the entities in their order, with the tokens per second of their only limit.
pub(crate) fn rates(shown: &Value) -> Vec<(&str, f64)> {
    let rows = shown["buckets"].as_array().unwrap().iter();
    rows.map(|row| {
        let rate = row["limits"][0]["tokens_per_second"].as_f64().unwrap();
        (row["entity"].as_str().unwrap(), rate)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_scan_says_its_price_and_does_nothing_without_yes() {
    let stage = Stage::with_stack().await;
    let ran = stage.run("top");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(ran.err.contains("about 1 read units (3 items, "), "{ran:?}");
    assert_eq!(stage.proxy.count("Scan"), 0);
    let text = stage.ok("top --yes --interval 100ms");
    assert!(
        text.starts_with("Each look reads the whole table: about 1 read units"),
        "{text}"
    );
    assert_eq!(stage.proxy.count("Scan"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hottest_buckets_come_first_by_what_they_took_between_two_looks() {
    let stage = Stage::with_stack().await;
    let limiter = stage.limiter().await;
    for (entity, tokens) in [("hot", 5), ("warm", 9000), ("idle", 8000), ("again", 7000)] {
        charge(&limiter, entity, tokens).await;
    }
    let shown = between(&stage, "top --yes", "Scan", async {
        charge(&limiter, "hot", 6000).await;
        charge(&limiter, "warm", 600).await;
        charge(&limiter, "new", 300).await;
        // The same bucket, deleted and made again: its counter begins at zero.
        let again = EntityId::new("again").unwrap();
        limiter.entities().delete(&again).await.unwrap();
        let other = stage.limiter().await;
        charge(&other, "again", 60).await;
    })
    .await;
    let rates = rates(&shown);
    let order: Vec<_> = rates.iter().map(|(entity, _)| *entity).collect();
    assert_eq!(order, ["hot", "warm", "new", "again", "idle"], "{shown}");
    // All were read within the same page, so the rates have the ratios of the tokens.
    let ratio = |one: usize, other: usize| rates[one].1 / rates[other].1;
    assert!((9.0..11.0).contains(&ratio(0, 1)), "{rates:?}");
    assert!((9.0..11.0).contains(&ratio(1, 3)), "{rates:?}");
    assert_eq!(rates[4].1, 0.0);
    let writes = |row: usize| shown["buckets"][row]["writes_per_second"].as_f64().unwrap();
    assert!(writes(0) > 0.0 && writes(4) == 0.0, "{shown}");
    let level = shown["buckets"][0]["limits"][0]["level"].as_f64().unwrap();
    assert!((993_000.0..=1_000_000.0).contains(&level), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_reads_its_buckets_and_no_others() {
    let stage = Stage::with_stack().await;
    for child in ["key-1", "key-2"] {
        stage.ok(&format!("entity create {child} --parent org-1"));
    }
    let limiter = stage.limiter().await;
    for entity in ["key-1", "key-2", "key-3"] {
        charge(&limiter, entity, 5).await;
        let web = limiter
            .acquire(entity, "web")
            .limits(Limit::per_minute("rpm", 9));
        web.await.unwrap().commit().await.unwrap();
    }
    for (arguments, rows) in [
        ("--resource api", 3),
        ("--entity-id key-1", 2),
        ("--entity-id key-1 --resource web", 1),
        ("--parent org-1", 4),
        ("--parent org-1 --resource api", 2),
        ("--parent org-1 --limit 3", 3),
        ("--entity-id nobody", 0),
    ] {
        let shown = stage.json(&format!("top {arguments} --interval 100ms"));
        assert_eq!(
            shown["buckets"].as_array().unwrap().len(),
            rows,
            "{arguments}"
        );
    }
    assert_eq!(stage.proxy.count("Scan"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_bounded_and_says_that_it_is_one() {
    let stage = Stage::with_stack().await;
    let limiter = stage.limiter().await;
    for number in 0..5 {
        charge(&limiter, &format!("user-{number}"), 5).await;
    }
    let shown = stage.json("top --sample 2 --interval 100ms");
    assert_eq!(
        (&shown["buckets_read"], &shown["is_sample"]),
        (&2.into(), &true.into())
    );
    assert_eq!(rates(&shown).iter().map(|(_, rate)| rate).sum::<f64>(), 0.0);
    assert!(
        stage
            .ok("top --sample 2 --interval 100ms")
            .contains("a SAMPLE")
    );
    let shown = stage.json("top --sample 9 --interval 100ms");
    assert_eq!(
        (&shown["buckets_read"], &shown["is_sample"]),
        (&5.into(), &false.into())
    );
    let lines = stage.ok("top --sample 9 --interval 100ms --count 2 --output jsonl");
    assert_eq!(
        lines.lines().count(),
        10,
        "a line for each bucket of each look: {lines}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_are_added_up_and_missing_ones_are_told() {
    let stage = Stage::with_stack().await;
    let limiter = stage.limiter().await;
    charge(&limiter, "user-1", 1000).await;
    charge(&limiter, "user-2", 1000).await;
    let client = stage.engine.client();
    let buckets = stage.items().await.into_iter().filter(|item| {
        item["PK"]
            .as_s()
            .is_ok_and(|key| key.contains("BUCKET#user-1"))
    });
    let mut item = buckets.last().unwrap();
    let key = item["PK"].as_s().unwrap().clone();
    let (start, _) = key.rsplit_once('#').unwrap();
    item.insert("shard_count".into(), AttributeValue::N("4".into()));
    for shard in 0..3 {
        item.insert("PK".into(), AttributeValue::S(format!("{start}#{shard}")));
        let put = client.put_item().table_name(STACK);
        put.set_item(Some(item.clone().into_iter().collect()))
            .send()
            .await
            .unwrap();
    }
    let shown = stage.json("top --yes --interval 100ms --sort shards");
    let first = &shown["buckets"][0];
    assert_eq!(
        (&first["entity"], &first["shards"]),
        (&"user-1".into(), &4.into())
    );
    assert_eq!(first["shards_read"], 3);
    assert_eq!(first["limits"][0]["capacity"], 750_000.0);
    assert!(stage.ok("top --yes --interval 100ms").contains("3 of 4"));
    let shown = stage.json("top --yes --interval 100ms --sort level");
    assert_eq!(shown["buckets"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_come_from_the_metrics_of_a_service() {
    let stage = Stage::with_stack().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for count in [100, 500] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /metrics HTTP/1.1"));
            let labels = "resource=\"api\",limit=\"rpm\",owner=\"entity\"";
            let idle = "tollgate_denials_total{resource=\"web\",limit=\"rpm\",owner=\"entity\"} 7";
            let body = format!("tollgate_denials_total{{{labels}}} {count}\n{idle}\n");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream
                .write_all(format!("{head}{body}").as_bytes())
                .await
                .unwrap();
        }
    });
    let arguments = format!("top --resource api --interval 100ms --metrics {url}");
    let shown = stage.json(&arguments);
    let denials = shown["denials"].as_array().unwrap();
    assert_eq!(
        denials.len(),
        1,
        "only what was denied between the looks: {shown}"
    );
    assert_eq!(
        (&denials[0]["resource"], &denials[0]["limit"]),
        (&"api".into(), &"rpm".into())
    );
    assert!(denials[0]["denials_per_second"].as_f64().unwrap() > 0.0);

    // Another page of a service.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let page = format!("http://{}/", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>";
        stream.write_all(answer).await.unwrap();
    });
    let ran = stage.run(&arguments.replace(&url, &page));
    served.await.unwrap();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("not in Prometheus' text format"),
        "{ran:?}"
    );

    // The service is gone.
    let ran = stage.run(&arguments);
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{ran:?}");
    assert!(
        ran.err
            .starts_with(&format!("error: no metrics from {url}: ")),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_it_with_a_last_line() {
    let stage = Stage::with_stack().await;
    let mut command = stage.command(["top", "--resource", "api", "--interval", "100ms"]);
    command
        .args(["--count", "1000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    stage.proxy.until_count("Query", 3).await;
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    let wait = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = tokio::time::timeout(Duration::from_secs(60), wait).await;
    let output = output.unwrap().unwrap().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.ends_with("\nInterrupted.\n"), "{out}");
    assert!(out.contains(" buckets read in "), "{out}");
}
