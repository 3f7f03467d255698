//! Listings of many rows, page by page.

use tollgate::{
    RateLimiter,
    clock::ManualClock,
    model::{ConfigScope, Entity},
};

use super::fixture::{entity, on_both, resource, rpm};

on_both!(a_thousand_children_and_configs, resources_are_listed_by_name, buckets_of_an_entity);

async fn a_thousand_children_and_configs(limiter: RateLimiter, _: ManualClock) {
    let (entities, config) = (limiter.entities(), limiter.config());
    for index in 0..1000 {
        let id = entity(&format!("key-{index:04}"));
        // Large enough that a megabyte, DynamoDB's page, does not hold all of them.
        let child = Entity::new(id.clone()).with_parent(entity("project")).with_metadata("note", "x".repeat(1200));
        entities.create(child).await.unwrap();
        config.set(ConfigScope::EntityResource(id, resource("api")), rpm(5)).await.unwrap();
    }
    let mut children = entities.children(&entity("project"));
    let mut seen = Vec::new();
    while let Some(child) = children.next().await {
        seen.push(child.unwrap().id);
    }
    let expected: Vec<_> = (0..1000).map(|index| entity(&format!("key-{index:04}"))).collect();
    assert_eq!(seen, expected);
    assert_eq!(config.entities_with_limits(Some(resource("api"))).all().await.unwrap(), expected);
}

async fn resources_are_listed_by_name(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    for name in ["b", "a", "c/d"] {
        config.set(ConfigScope::Resource(resource(name)), rpm(5)).await.unwrap();
        config.set(ConfigScope::EntityResource(entity("key"), resource(name)), rpm(5)).await.unwrap();
    }
    config.set(ConfigScope::Entity(entity("key")), rpm(5)).await.unwrap();
    config.set(ConfigScope::Resource(resource("a")), rpm(6)).await.unwrap();
    let all = [resource("a"), resource("b"), resource("c/d")];
    assert_eq!(config.resources().await.unwrap(), all);
    assert_eq!(config.resources_with_entity_limits().await.unwrap(), all);
    assert_eq!(config.entities_with_limits(None).all().await.unwrap(), [entity("key")]);
    config.delete(&ConfigScope::Resource(resource("b"))).await.unwrap();
    config.delete(&ConfigScope::EntityResource(entity("key"), resource("b"))).await.unwrap();
    let rest = [resource("a"), resource("c/d")];
    assert_eq!(config.resources().await.unwrap(), rest);
    assert_eq!(config.resources_with_entity_limits().await.unwrap(), rest);
}

async fn buckets_of_an_entity(limiter: RateLimiter, _: ManualClock) {
    for index in 0..150 {
        let lease = limiter.acquire("key", format!("r{index:03}")).limits(rpm(5)).await.unwrap();
        lease.commit();
    }
    limiter.acquire("stranger", "r000").limits(rpm(5)).await.unwrap().commit();
    let buckets = limiter.entities().buckets(&entity("key")).all().await.unwrap();
    assert_eq!(buckets.len(), 150);
    assert!(buckets.iter().all(|(key, state)| key.entity == entity("key") && state.limits[0].level.tokens == 4000));
}
