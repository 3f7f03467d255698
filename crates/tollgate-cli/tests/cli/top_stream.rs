//! `tollgate top --stream`

use std::process::Stdio;

use serde_json::Value;
use tollgate::EntityId;

use crate::{
    stage::Stage,
    top::{between, charge, rates},
};

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_from_the_stream_and_nothing_else_is_read_or_written() {
    let stage = Stage::with_stack().await;
    let limiter = stage.limiter().await;
    for (entity, tokens) in [("hot", 5), ("idle", 8000), ("gone", 7000), ("again", 7000)] {
        charge(&limiter, entity, tokens).await;
    }
    let shown = between(&stage, "top --stream", "GetRecords", async {
        charge(&limiter, "hot", 6000).await;
        charge(&limiter, "new", 600).await;
        for entity in ["gone", "again"] {
            let id = EntityId::new(entity).unwrap();
            limiter.entities().delete(&id).await.unwrap();
        }
        let other = stage.limiter().await;
        charge(&other, "again", 60).await;
    })
    .await;
    let rates = rates(&shown);
    let order: Vec<_> = rates.iter().map(|(entity, _)| *entity).collect();
    assert_eq!(order, ["hot", "new", "again"], "{shown}");
    let ratio = |one: usize, other: usize| (rates[one].1 / rates[other].1).round();
    assert_eq!((ratio(0, 1), ratio(1, 2)), (10.0, 10.0), "{shown}");
    let first = &shown["buckets"][0];
    assert!(first["writes_per_second"].as_f64().unwrap() > 0.0);
    let level = first["limits"][0]["level"].as_f64().unwrap();
    assert!((993_000.0..=1_000_000.0).contains(&level), "{shown}");
    assert_eq!(
        (&first["shards"], &first["limits"][0]["capacity"]),
        (&1.into(), &1_000_000.0.into())
    );
    // The bucket that is gone was written too: it was deleted.
    assert_eq!(shown["buckets_read"], 4, "{shown}");
    let calls = stage.proxy.count("GetRecords");
    assert_eq!(shown["stream"]["calls"], calls, "{shown}");
    assert!(shown["stream"]["changes"].as_u64().unwrap() >= 4, "{shown}");
    assert_eq!(stage.writes(), 0);
    for call in ["Scan", "Query", "BatchGetItem"] {
        assert_eq!(stage.proxy.count(call), 0, "{call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_of_the_stream_has_no_other_buckets() {
    let stage = Stage::with_stack().await;
    stage.ok("namespace register other");
    let limiter = stage.limiter().await;
    let other = limiter.namespace("other").await.unwrap();
    let cases = [
        ("--resource api", 3, false),
        ("--resource web", 0, false),
        ("--entity-id key-2", 1, false),
        ("--entity-id key-2 --resource web", 0, false),
        ("--limit 2", 2, false),
        ("--sample 3", 3, false),
        ("--sample 2", 2, true),
        ("--namespace other", 1, false),
    ];
    let started = cases.map(|(arguments, rows, is_sample)| {
        let line = format!("top --stream --interval 5s --output json {arguments}");
        let mut command = stage.command(line.split_whitespace());
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        (child, arguments, rows, is_sample)
    });
    // Each has its place in the stream.
    stage
        .proxy
        .until_count("GetShardIterator", cases.len() as u64)
        .await;
    for entity in ["key-1", "key-2", "key-3"] {
        charge(&limiter, entity, 5).await;
    }
    charge(&other, "key-4", 5).await;
    for (child, arguments, rows, is_sample) in started {
        let output = child.wait_with_output().unwrap();
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = shown["buckets"].as_array().unwrap().len();
        assert_eq!(
            (count, &shown["is_sample"]),
            (rows, &is_sample.into()),
            "{arguments}: {shown}"
        );
    }
    let text = stage.ok("top --stream --interval 100ms");
    assert!(text.contains(": 0 changes of 0 buckets in "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_stream_is_refused_with_advice() {
    let stage = Stage::empty().await;
    stage.ok("table create --without-stream");
    stage.ok("namespace register default");
    let ran = stage.run("top --stream");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(
        ran.err
            .starts_with("error: table limits has no stream with new and old images: leave out")
            && ran
                .err
                .contains("aws dynamodb update-table --table-name limits"),
        "{ran:?}"
    );
    assert_eq!(stage.run("top --stream --parent org-1").code, 2);
}
