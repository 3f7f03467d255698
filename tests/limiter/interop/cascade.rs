//! Entities whose parent is charged too, with buckets that either client made.

use std::time::Duration;

use serde_json::json;
use tollgate::{
    EntityId, Limit, RateLimiter,
    model::{ConfigScope, Entity},
};

use super::peer::{Maker, Peer, table_or_skip};

fn entity(id: &str) -> EntityId {
    EntityId::new(id).unwrap()
}

async fn ours(limiter: &RateLimiter, id: &str, cost: u64) -> bool {
    match limiter.acquire(id, "api").cost("rpd", cost).await {
        Ok(lease) => {
            lease.commit().await.unwrap();
            true
        }
        Err(error) => error.denied().map(|_| false).unwrap(),
    }
}

async fn theirs(peer: &mut Peer, id: &str, cost: u64) -> bool {
    let acquire =
        json!({"op": "acquire", "entity": id, "resource": "api", "consume": {"rpd": cost}});
    let answer = peer.try_ask(acquire).await;
    assert!(
        answer.get("ok").is_some() || answer["error"] == "denied",
        "{answer}"
    );
    answer.get("ok").is_some()
}

/// Returns the whole tokens of an entity's own bucket, as each client sees them.
async fn left(limiter: &RateLimiter, peer: &mut Peer, id: &str) -> (i64, i64) {
    let ours = limiter.available(id, "api").await.unwrap();
    let theirs = peer
        .ask(json!({"op": "available", "entity": id, "resource": "api"}))
        .await;
    (
        ours.get("rpd").unwrap().available,
        theirs["rpd"].as_i64().unwrap(),
    )
}

#[tokio::test]
async fn both_clients_charge_the_parent() {
    let mut table = table_or_skip!(Maker::Ours);
    let (limiter, peer) = (table.ours.clone(), &mut table.theirs);
    limiter
        .config()
        .set(ConfigScope::System, Limit::per_day("rpd", 100))
        .await
        .unwrap();
    limiter
        .entities()
        .create(
            Entity::new(entity("kid-1"))
                .with_parent(entity("org"))
                .cascading(),
        )
        .await
        .unwrap();
    peer.ask(json!({"op": "create_entity", "entity": "kid-2", "parent": "org", "cascade": true}))
        .await;

    // Each client uses buckets that the other one made.
    for (id, ours_first) in [("kid-1", true), ("kid-2", true)] {
        assert_eq!(ours(&limiter, id, 10).await, ours_first);
        assert!(theirs(peer, id, 10).await);
    }
    assert_eq!(left(&limiter, peer, "org").await, (60, 60));
    peer.ask(json!({"op": "create_entity", "entity": "kid-3", "parent": "org", "cascade": true}))
        .await;
    limiter
        .entities()
        .create(
            Entity::new(entity("kid-4"))
                .with_parent(entity("org"))
                .cascading(),
        )
        .await
        .unwrap();
    for id in ["kid-3", "kid-4"] {
        assert!(theirs(peer, id, 10).await);
        assert!(ours(&limiter, id, 10).await);
    }
    assert_eq!(left(&limiter, peer, "org").await, (20, 20));

    // If the parent is short, the request is denied and the child's charge is given back.
    for id in ["kid-1", "kid-4"] {
        assert!(!theirs(peer, id, 30).await);
        assert!(!ours(&limiter, id, 30).await);
        // The charge is given back with the next write, or soon by a write of its own.
        for _ in 0..100 {
            if left(&limiter, peer, id).await == (80, 80) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(left(&limiter, peer, id).await, (80, 80));
    }
    assert_eq!(left(&limiter, peer, "org").await, (20, 20));
}

/// A bucket that we made before its entity was created learns its parent later: peers read the
/// parent from the bucket.
#[tokio::test]
async fn a_bucket_from_before_its_entity_learns_its_parent() {
    let mut table = table_or_skip!(Maker::Ours);
    let (limiter, peer) = (table.ours.clone(), &mut table.theirs);
    limiter
        .config()
        .set(ConfigScope::System, Limit::per_day("rpd", 100))
        .await
        .unwrap();
    assert!(ours(&limiter, "kid", 10).await);
    limiter
        .entities()
        .create(
            Entity::new(entity("kid"))
                .with_parent(entity("org"))
                .cascading(),
        )
        .await
        .unwrap();
    assert!(ours(&limiter, "kid", 10).await);
    assert_eq!(left(&limiter, peer, "org").await, (90, 90));
    assert!(theirs(peer, "kid", 10).await);
    assert_eq!(left(&limiter, peer, "org").await, (80, 80));
    assert_eq!(left(&limiter, peer, "kid").await, (70, 70));
}
