//! Entities: created, found, and deleted with everything that belongs to them.

use tollgate::{
    Error, RateLimiter,
    clock::ManualClock,
    error::EntityError,
    model::{AuditSubject, ConfigScope, Entity},
};

use super::fixture::{START, at, entity, on_both, resource, rpm};

on_both!(
    a_created_entity_is_found,
    an_entity_is_created_once,
    set_up_code_that_runs_twice_finds_what_it_has_created,
    a_deleted_entity_takes_its_buckets_and_limits_along,
    deleting_an_unknown_entity_deletes_nothing,
    children_are_listed,
);

async fn a_created_entity_is_found(limiter: RateLimiter, _: ManualClock) {
    let entities = limiter.entities();
    assert_eq!(entities.get(&entity("key")).await.unwrap(), None);
    let new = Entity::new(entity("key"))
        .with_name("A key")
        .with_parent(entity("project"))
        .cascading()
        .with_metadata("team", "a");
    let created = entities.create(new.clone()).await.unwrap();
    assert_eq!(created.created_at, Some(at(START / 1000)));
    assert_eq!(entities.get(&entity("key")).await.unwrap(), Some(created));
    entities.create(Entity::new(entity("plain"))).await.unwrap();
    let plain = entities.get(&entity("plain")).await.unwrap().unwrap();
    assert_eq!(
        (plain.name.as_str(), plain.parent, plain.cascade),
        ("plain", None, false)
    );
}

async fn an_entity_is_created_once(limiter: RateLimiter, _: ManualClock) {
    let entities = limiter.entities();
    entities.create(Entity::new(entity("key"))).await.unwrap();
    let error = entities
        .create(Entity::new(entity("key")).with_name("another"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Entity(EntityError::Exists(id)) if *id == entity("key")),
        "{error:?}"
    );
    assert_eq!(
        entities.get(&entity("key")).await.unwrap().unwrap().name,
        "key"
    );
}

/// The set-up code of a process runs a second time.
async fn set_up_code_that_runs_twice_finds_what_it_has_created(
    limiter: RateLimiter,
    _: ManualClock,
) {
    let entities = limiter.entities();
    let wanted = || {
        Entity::new(entity("key"))
            .with_parent(entity("project"))
            .cascading()
    };
    let first = entities.ensure(wanted()).await.unwrap();
    assert_eq!(first.created_at, Some(at(START / 1000)));
    // A request with other attributes does not change the entity.
    for again in [wanted(), Entity::new(entity("key")).with_name("another")] {
        assert_eq!(entities.ensure(again).await.unwrap(), first);
    }
    let subject = AuditSubject::Entity(entity("key"));
    assert_eq!(
        limiter.audit().events(&subject).all().await.unwrap().len(),
        1
    );
}

async fn a_deleted_entity_takes_its_buckets_and_limits_along(limiter: RateLimiter, _: ManualClock) {
    let (entities, config) = (limiter.entities(), limiter.config());
    config.set(ConfigScope::System, rpm(10)).await.unwrap();
    for id in ["key", "key-2"] {
        entities
            .create(Entity::new(entity(id)).with_parent(entity("project")))
            .await
            .unwrap();
        config
            .set(ConfigScope::Entity(entity(id)), rpm(20))
            .await
            .unwrap();
        config
            .set(
                ConfigScope::EntityResource(entity(id), resource("api")),
                rpm(30),
            )
            .await
            .unwrap();
        for used in ["api", "other"] {
            limiter
                .acquire(id, used)
                .cost("rpm", 5)
                .await
                .unwrap()
                .commit()
                .await
                .unwrap();
        }
    }
    // The entity, two configs and two buckets.
    assert_eq!(entities.delete(&entity("key")).await.unwrap(), 5);
    assert_eq!(entities.get(&entity("key")).await.unwrap(), None);
    assert!(
        entities
            .buckets(&entity("key"))
            .all()
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        config
            .get(&ConfigScope::Entity(entity("key")))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        config
            .entities_with_limits(Some(resource("api")))
            .all()
            .await
            .unwrap(),
        [entity("key-2")]
    );
    assert_eq!(
        limiter
            .available("key", "api")
            .await
            .unwrap()
            .get("rpm")
            .unwrap()
            .available,
        10
    );
    // Records of other entities are not touched.
    assert_eq!(
        entities
            .buckets(&entity("key-2"))
            .all()
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        limiter
            .available("key-2", "api")
            .await
            .unwrap()
            .get("rpm")
            .unwrap()
            .available,
        25
    );
    entities.delete(&entity("key-2")).await.unwrap();
    assert!(
        config
            .resources_with_entity_limits()
            .await
            .unwrap()
            .is_empty()
    );
}

async fn deleting_an_unknown_entity_deletes_nothing(limiter: RateLimiter, _: ManualClock) {
    assert_eq!(
        limiter.entities().delete(&entity("nobody")).await.unwrap(),
        0
    );
}

async fn children_are_listed(limiter: RateLimiter, _: ManualClock) {
    let entities = limiter.entities();
    for index in 0..5 {
        let child = Entity::new(entity(&format!("key-{index}"))).with_parent(entity("project"));
        entities.create(child).await.unwrap();
    }
    entities
        .create(Entity::new(entity("stranger")).with_parent(entity("project-2")))
        .await
        .unwrap();
    let children = entities.children(&entity("project")).all().await.unwrap();
    let ids: Vec<_> = children.iter().map(|child| child.id.to_string()).collect();
    assert_eq!(ids, ["key-0", "key-1", "key-2", "key-3", "key-4"]);
}
