//! Cascade rules, and operations and listings of buckets.

use serde_json::json;
use tollgate_testkit::{ErrorAnswer, Fault};

use crate::stage::Stage;

/// Spends a token of each of these entities.
async fn spend(stage: &Stage, entities: impl IntoIterator<Item = String>) {
    let limiter = stage.limiter().await;
    for entity in entities {
        let lease = limiter.acquire(entity.as_str(), "api").await.unwrap();
        lease.commit();
    }
    limiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cascade_rules_are_set_and_cleared_on_buckets_too() {
    let stage = Stage::with_stack().await;
    stage.ok("system set-defaults -l rpm:100");
    stage.ok("entity create key-1 --parent org-1");
    spend(&stage, ["key-1".into()]).await;
    let cascades = || stage.json("bucket show key-1 api")["shards"][0]["cascade"].clone();
    assert_eq!(cascades(), false);
    assert_eq!(
        stage.ok("resource set-cascade api on"),
        "Set cascade on for resource 'api' (1 buckets stamped)\n"
    );
    assert_eq!(cascades(), true);
    let defaults = stage.ok("resource get-defaults api");
    assert!(defaults.ends_with("Cascade: on (explicit)\n"), "{defaults}");
    assert_eq!(
        stage.json("entity set-cascade key-1 off -r api"),
        json!({"scope": "entity/key-1/api", "change": "cascade-off", "buckets": 1})
    );
    assert_eq!(cascades(), false, "the entity's rule is nearer");
    stage.ok("entity set-cascade key-1 on");
    stage.ok("entity clear-cascade key-1 -r api");
    stage.ok("resource set-cascade api off");
    assert_eq!(cascades(), true, "the rule of the entity for all resources");
    stage.ok("entity clear-cascade key-1");
    assert_eq!(cascades(), false);
    assert_eq!(
        stage.ok("resource clear-cascade api"),
        "Cleared cascade policy for resource 'api' (1 buckets updated)\n"
    );
    assert_eq!(stage.run("resource set-cascade api maybe").code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_that_stops_says_how_far_it_came_and_finishes_when_it_is_repeated() {
    let stage = Stage::with_stack().await;
    stage.ok("system set-defaults -l rpm:100");
    spend(&stage, (0..5).map(|number| format!("user-{number}"))).await;
    // The first write is the config's, the next ones are those of buckets.
    let denied = ErrorAnswer::access_denied("dynamodb:UpdateItem");
    let before = stage.proxy.count("UpdateItem");
    stage.ok("resource disable api");
    let writes = stage.proxy.count("UpdateItem") - before;
    assert!(writes >= 5, "one write for each bucket: {writes}");
    stage.ok("resource clear-disabled api");

    stage.proxy.set_fault(
        Fault::delay(std::time::Duration::ZERO)
            .on("UpdateItem")
            .times(writes - 3),
    );
    stage
        .proxy
        .add_fault(Fault::answer(denied).on("UpdateItem"));
    let ran = stage.run("resource disable api");
    assert_eq!((ran.code, ran.err.lines().count()), (3, 1), "{ran:?}");
    for part in [
        "stopped after 2 buckets",
        "dynamodb:UpdateItem",
        "again to finish",
    ] {
        assert!(ran.err.contains(part), "{ran:?}");
    }
    stage.proxy.clear_faults();
    assert_eq!(stage.json("resource disable api")["buckets"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_are_listed_reset_and_topped_up() {
    let stage = Stage::with_stack().await;
    stage.ok("system set-defaults -l rpd:10/day");
    assert_eq!(stage.ok("bucket list -r api"), "Total: 0 shard(s)\n");
    spend(&stage, ["user-1".into(), "user-2".into()]).await;
    let rows = stage.json("bucket list --resource api");
    let mut entities: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["entity"].as_str())
        .collect();
    entities.sort();
    assert_eq!(entities, [Some("user-1"), Some("user-2")]);
    assert_eq!(rows[0]["limits"][0]["consumed"], 1.0);
    let csv = stage.ok("bucket list -e user-1 -o csv");
    assert!(
        csv.starts_with(
            "entity,resource,shard,shard_count,limit,level,capacity,anchor,expires_at\nuser-1,api,0,1,rpd,9"
        ),
        "{csv}"
    );
    assert_eq!(stage.json("bucket list -e user-1 -r other"), json!([]));
    assert_eq!(stage.run("bucket list").code, 2);

    let top_up = "bucket top-up user-1 api --add rpd:1 --idempotency-key order-1";
    assert_eq!(stage.json(top_up)["is_repeat"], false);
    let by_entity = "entity top-up user-1 -r api --add rpd:1 --idempotency-key order-1";
    assert_eq!(
        stage.json(by_entity)["is_repeat"],
        true,
        "the same operation"
    );
    spend(&stage, ["user-1".into()]).await;
    assert_eq!(stage.json("bucket reset user-1 api -l rpd")["shards"], 1);
    let level = &stage.json("bucket show user-1 api")["shards"][0]["limits"][0]["level"];
    assert_eq!(*level, 10.0);
}
