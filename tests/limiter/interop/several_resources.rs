//! Acquires that charge several resources, by either client on one table.

use std::{env, time::Duration};

use serde_json::{Value, json};
use tokio::process::Command;
use tollgate::{
    EntityId, Limit, RateLimiter,
    model::{ConfigScope, Entity},
};

use super::peer::{Maker, STACK, Table, table_or_skip};

/// Asks with the Python client.
async fn theirs(table: &Table, request: Value) -> Value {
    let python = env::var_os("TOLLGATE_PEER_PYTHON").expect("a Python client");
    let output = Command::new(python)
        .args([
            "-c",
            include_str!("also.py"),
            &table.engine.endpoint(),
            STACK,
        ])
        .arg(request.to_string())
        .env("AWS_ACCESS_KEY_ID", table.engine.access_key())
        .output()
        .await
        .expect("the peer starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{errors}"))
}

/// Returns the whole tokens of a bucket, as each client sees them.
async fn left(table: &mut Table, entity: &str, resource: &str, limit: &str) -> (i64, i64) {
    let ours = table.ours.available(entity, resource).await.unwrap();
    let theirs = json!({"op": "available", "entity": entity, "resource": resource});
    let theirs = table.theirs.ask(theirs).await;
    (
        ours.get(limit).unwrap().available,
        theirs[limit].as_i64().unwrap(),
    )
}

/// Waits until all four buckets have these tokens, because charges are given back in the
/// background.
async fn come_to(table: &mut Table, [tokens, cents]: [i64; 2]) {
    for (resource, limit, expected) in [("gpt-4", "tpd", tokens), ("all", "cents", cents)] {
        for entity in ["kid", "org"] {
            let expected = (expected, expected);
            for _ in 0..100 {
                if left(table, entity, resource, limit).await == expected {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(
                left(table, entity, resource, limit).await,
                expected,
                "{entity}, {resource}"
            );
        }
    }
}

async fn set_up(limiter: &RateLimiter) {
    let id = |id| EntityId::new(id).unwrap();
    let kid = Entity::new(id("kid")).with_parent(id("org")).cascading();
    limiter.entities().create(kid).await.unwrap();
    for (resource, limit) in [
        ("gpt-4", Limit::per_day("tpd", 100)),
        ("all", Limit::per_day("cents", 40)),
    ] {
        let scope = ConfigScope::resource(resource).unwrap();
        limiter.config().set(scope, limit).await.unwrap();
    }
}

async fn both_clients_charge_several_resources(maker: Maker) {
    let mut table = table_or_skip!(maker);
    let limiter = table.ours.clone();
    set_up(&limiter).await;
    let ours = |tokens, cents| {
        limiter
            .acquire("kid", "gpt-4")
            .cost("tpd", tokens)
            .also("all", [("cents", cents)])
    };
    let request = |tokens: u64, cents: u64| {
        json!({
            "entity": "kid", "resource": "gpt-4", "consume": {"tpd": tokens}, "also": {"all": {"cents": cents}},
        })
    };
    // Each client uses buckets that the other one made.
    for round in 0..2_i64 {
        if matches!(maker, Maker::Ours) {
            ours(10, 5).await.unwrap().commit().await.unwrap();
        }
        assert_eq!(theirs(&table, request(10, 5)).await, json!({"ok": true}));
        if matches!(maker, Maker::Theirs) {
            ours(10, 5).await.unwrap().commit().await.unwrap();
        }
        let spent = round + 1;
        come_to(&mut table, [100 - 20 * spent, 40 - 10 * spent]).await;
    }
    // Each part is settled on its own.
    let mut lease = ours(10, 5).await.unwrap();
    lease.settle("tpd", 4).unwrap();
    lease.part_mut("all").unwrap().settle("cents", 8).unwrap();
    lease.commit().await.unwrap();
    come_to(&mut table, [56, 12]).await;
    let mut settled = request(10, 5);
    settled["settle"] = json!({"gpt-4": {"tpd": -4}, "all": {"cents": 2}});
    assert_eq!(theirs(&table, settled).await, json!({"ok": true}));
    come_to(&mut table, [50, 5]).await;
    // The budget is short: nothing stays charged, whichever client asks.
    let denied = ours(10, 6).await.unwrap_err();
    let violated: Vec<_> = denied.denied().unwrap().violated().collect();
    assert!(
        violated
            .iter()
            .all(|status| *status.limit.name() == "cents")
    );
    come_to(&mut table, [50, 5]).await;
    let denied = theirs(&table, request(10, 6)).await;
    assert!(denied.get("denied").is_some(), "{denied}");
    come_to(&mut table, [50, 5]).await;
    let transaction = ours(10, 5).in_one_transaction();
    transaction.await.unwrap().commit().await.unwrap();
    come_to(&mut table, [40, 0]).await;
}

#[tokio::test]
async fn both_clients_charge_several_resources_in_our_table() {
    both_clients_charge_several_resources(Maker::Ours).await;
}

#[tokio::test]
async fn both_clients_charge_several_resources_in_their_table() {
    both_clients_charge_several_resources(Maker::Theirs).await;
}
