//! The name that the history records for one call, instead of the limiter's.

use tollgate::{
    RateLimiter,
    clock::ManualClock,
    model::{AuditSubject, ConfigScope, Entity},
};

use super::fixture::{START, Table, entity, on_both, resource, rpm, settings};

on_both!(a_change_names_its_principal);

async fn principals(limiter: &RateLimiter, subject: &AuditSubject) -> Vec<Option<String>> {
    let events = limiter.audit().events(subject).all().await.unwrap();
    events.into_iter().map(|event| event.principal).collect()
}

async fn a_change_names_its_principal(limiter: RateLimiter, _: ManualClock) {
    let (config, entities) = (limiter.config().by("alice"), limiter.entities().by("bob"));
    let scope = ConfigScope::EntityResource(entity("key"), resource("api"));
    entities.create(Entity::new(entity("key"))).await.unwrap();
    config.set(scope.clone(), rpm(5)).await.unwrap();
    config.clone().by("carol").delete(&scope).await.unwrap();
    entities.ensure(Entity::new(entity("key-2"))).await.unwrap();
    entities.delete(&entity("key")).await.unwrap();
    let mut found = principals(&limiter, &AuditSubject::Entity(entity("key"))).await;
    found.sort();
    let expected = ["alice", "bob", "bob", "carol"].map(|name| Some(name.to_owned()));
    assert_eq!(found, expected);
    let key = entity("key-2");
    entities
        .clone()
        .by("dave")
        .set_parent(&key, None)
        .await
        .unwrap();
    // Both events have the same time.
    let mut other = principals(&limiter, &AuditSubject::Entity(key)).await;
    other.sort();
    assert_eq!(other, ["bob", "dave"].map(|name| Some(name.to_owned())));
}

#[tokio::test]
async fn without_one_the_limiters_principal_is_recorded() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table
        .limiter_with(settings(&clock).principal("deploy"))
        .await;
    let system = ConfigScope::system();
    limiter.config().set(system.clone(), rpm(5)).await.unwrap();
    limiter.config().by("alice").delete(&system).await.unwrap();
    let mut found = principals(&limiter, &AuditSubject::System).await;
    found.sort();
    assert_eq!(found, [Some("alice".to_owned()), Some("deploy".to_owned())]);
}
