//! Entities whose parent is charged too: both buckets are charged or none.

use std::time::Duration;

use tollgate::{
    RateLimiter,
    clock::ManualClock,
    model::{ConfigScope, Entity, Owner},
};

use super::fixture::{entity, on_both, rpm};

on_both!(
    a_child_and_its_parent_are_charged,
    a_short_parent_denies_and_the_child_keeps_its_tokens,
    a_short_child_denies_and_the_parent_keeps_its_tokens,
    a_child_and_its_parent_are_settled,
    an_entity_that_does_not_cascade_is_charged_alone,
    an_acquire_without_parent_charges_the_entity_alone,
    explicit_limits_hold_for_the_parent_as_well,
    a_consume_asks_the_child_and_the_parent,
);

/// Creates keys with 10 tokens a minute in a project with 15.
async fn project(limiter: &RateLimiter) {
    let entities = limiter.entities();
    entities
        .create(Entity::new(entity("project")))
        .await
        .unwrap();
    for key in ["key-1", "key-2"] {
        let key = Entity::new(entity(key))
            .with_parent(entity("project"))
            .cascading();
        entities.create(key).await.unwrap();
    }
    let config = limiter.config();
    config.set(ConfigScope::System, rpm(10)).await.unwrap();
    config
        .set(ConfigScope::Entity(entity("project")), rpm(15))
        .await
        .unwrap();
}

async fn left(limiter: &RateLimiter, id: &str) -> i64 {
    let available = limiter.available(id, "api").await.unwrap();
    let own = available
        .limits
        .iter()
        .find(|status| status.owner == Owner::Entity);
    own.unwrap().available
}

async fn a_child_and_its_parent_are_charged(limiter: RateLimiter, _: ManualClock) {
    project(&limiter).await;
    let lease = limiter
        .acquire("key-1", "api")
        .cost("rpm", 4)
        .await
        .unwrap();
    assert_eq!(lease.parent(), Some(&entity("project")));
    let status = lease.statuses();
    assert_eq!(
        status
            .iter()
            .map(|status| status.available)
            .collect::<Vec<_>>(),
        [6, 11]
    );
    assert_eq!(status[1].owner, Owner::Parent);
    lease.commit().await.unwrap();
    assert_eq!(
        (
            left(&limiter, "key-1").await,
            left(&limiter, "project").await
        ),
        (6, 11)
    );
}

async fn a_short_parent_denies_and_the_child_keeps_its_tokens(
    limiter: RateLimiter,
    clock: ManualClock,
) {
    project(&limiter).await;
    limiter
        .acquire("key-1", "api")
        .cost("rpm", 9)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let error = limiter
        .acquire("key-2", "api")
        .cost("rpm", 7)
        .await
        .unwrap_err();
    let denied = error.denied().unwrap();
    let violated: Vec<_> = denied.violated().map(|status| status.owner).collect();
    assert_eq!((violated, denied.limits.len()), (vec![Owner::Parent], 2));
    // One token at 15 a minute.
    assert_eq!(denied.retry_after(), Some(Duration::from_secs(4)));
    limiter.shutdown().await;
    assert_eq!(
        (
            left(&limiter, "key-2").await,
            left(&limiter, "project").await
        ),
        (10, 6)
    );
    let _ = clock;
}

async fn a_short_child_denies_and_the_parent_keeps_its_tokens(
    limiter: RateLimiter,
    _: ManualClock,
) {
    project(&limiter).await;
    limiter
        .acquire("key-1", "api")
        .cost("rpm", 8)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let error = limiter
        .acquire("key-1", "api")
        .cost("rpm", 5)
        .await
        .unwrap_err();
    let violated: Vec<_> = error
        .denied()
        .unwrap()
        .violated()
        .map(|status| status.owner)
        .collect();
    assert_eq!(violated, [Owner::Entity]);
    limiter.shutdown().await;
    assert_eq!(
        (
            left(&limiter, "key-1").await,
            left(&limiter, "project").await
        ),
        (2, 7)
    );
}

async fn a_child_and_its_parent_are_settled(limiter: RateLimiter, _: ManualClock) {
    project(&limiter).await;
    let mut lease = limiter
        .acquire("key-1", "api")
        .cost("rpm", 4)
        .await
        .unwrap();
    lease.settle("rpm", 12).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(
        (
            left(&limiter, "key-1").await,
            left(&limiter, "project").await
        ),
        (-2, 3)
    );
    limiter
        .acquire("key-2", "api")
        .cost("rpm", 3)
        .await
        .unwrap()
        .rollback()
        .await
        .unwrap();
    assert_eq!(
        (
            left(&limiter, "key-2").await,
            left(&limiter, "project").await
        ),
        (10, 3)
    );
}

async fn an_entity_that_does_not_cascade_is_charged_alone(limiter: RateLimiter, _: ManualClock) {
    project(&limiter).await;
    limiter
        .entities()
        .create(Entity::new(entity("loner")).with_parent(entity("project")))
        .await
        .unwrap();
    limiter
        .acquire("loner", "api")
        .cost("rpm", 4)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert_eq!(
        (
            left(&limiter, "loner").await,
            left(&limiter, "project").await
        ),
        (6, 15)
    );
}

async fn an_acquire_without_parent_charges_the_entity_alone(limiter: RateLimiter, _: ManualClock) {
    project(&limiter).await;
    limiter
        .acquire("key-1", "api")
        .without_parent()
        .cost("rpm", 4)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert_eq!(
        (
            left(&limiter, "key-1").await,
            left(&limiter, "project").await
        ),
        (6, 15)
    );
}

async fn explicit_limits_hold_for_the_parent_as_well(limiter: RateLimiter, _: ManualClock) {
    project(&limiter).await;
    let lease = limiter
        .acquire("key-1", "api")
        .limits(rpm(3))
        .cost("rpm", 2)
        .await
        .unwrap();
    let capacities: Vec<_> = lease
        .statuses()
        .iter()
        .map(|status| status.limit.capacity())
        .collect();
    assert_eq!(capacities, [3, 3]);
    lease.commit();
    assert!(
        limiter
            .acquire("key-2", "api")
            .limits(rpm(3))
            .cost("rpm", 2)
            .await
            .is_err()
    );
}

async fn a_consume_asks_the_child_and_the_parent(limiter: RateLimiter, _: ManualClock) {
    project(&limiter).await;
    limiter
        .acquire("key-2", "api")
        .cost("rpm", 9)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let mut lease = limiter
        .acquire("key-1", "api")
        .cost("rpm", 4)
        .await
        .unwrap();
    // The key has 6 tokens left, the project 2.
    assert!(
        lease
            .consume("rpm", 3)
            .await
            .unwrap_err()
            .denied()
            .is_some()
    );
    lease.consume("rpm", 2).await.unwrap();
    lease.commit().await.unwrap();
    limiter.shutdown().await;
    assert_eq!(
        (
            left(&limiter, "key-1").await,
            left(&limiter, "project").await
        ),
        (4, 0)
    );
}
