//! The history of changes.

use std::time::Duration;

use tollgate::{
    RateLimiter,
    clock::ManualClock,
    model::{AuditAction, AuditSubject, ConfigScope, Entity},
};

use super::fixture::{entity, on_both, resource, rpm};

on_both!(the_history_lists_changes_newest_first);

async fn the_history_lists_changes_newest_first(limiter: RateLimiter, clock: ManualClock) {
    let (entities, config) = (limiter.entities(), limiter.config());
    let scope = ConfigScope::EntityResource(entity("key"), resource("api"));
    entities.create(Entity::new(entity("key"))).await.unwrap();
    clock.advance(Duration::from_secs(1));
    config.set(scope.clone(), rpm(5)).await.unwrap();
    clock.advance(Duration::from_secs(1));
    config.delete(&scope).await.unwrap();
    clock.advance(Duration::from_secs(1));
    entities.delete(&entity("key")).await.unwrap();
    // Calls that change nothing are not recorded.
    entities.delete(&entity("key")).await.unwrap();
    config.delete(&scope).await.unwrap();

    let events = limiter
        .audit()
        .events(&AuditSubject::Entity(entity("key")))
        .all()
        .await
        .unwrap();
    let actions: Vec<_> = events.iter().map(|event| event.action.clone()).collect();
    let expected = [
        AuditAction::EntityDeleted,
        AuditAction::LimitsDeleted,
        AuditAction::LimitsSet,
        AuditAction::EntityCreated,
    ];
    assert_eq!(actions, expected);
    assert_eq!(events[2].resource.as_deref(), Some("api"));
    assert_eq!(events[2].details["limits"][0]["capacity"], 5);

    config.set(ConfigScope::System, rpm(1)).await.unwrap();
    config
        .set(ConfigScope::Resource(resource("api")), rpm(1))
        .await
        .unwrap();
    for subject in [
        AuditSubject::System,
        AuditSubject::Resource(resource("api")),
    ] {
        assert_eq!(
            limiter.audit().events(&subject).all().await.unwrap().len(),
            1,
            "{subject}"
        );
    }
}
