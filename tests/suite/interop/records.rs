//! What one stores the other sees.

use serde_json::{Value, json};
use tollgate::{
    EntityId, Limit, Resource,
    model::{AuditSubject, ConfigScope, ConfigSource, Entity},
};

use super::peer::{Maker, table_or_skip};

fn entity(id: &str) -> EntityId {
    EntityId::new(id).unwrap()
}

fn their_rpm(capacity: u64) -> Value {
    json!([{"name": "rpm", "capacity": capacity, "refill_amount": capacity, "refill_period_seconds": 60}])
}

fn capacity(limits: &Value) -> u64 {
    assert_eq!(limits.as_array().unwrap().len(), 1, "{limits}");
    limits[0]["capacity"].as_u64().unwrap()
}

async fn stored_limits(maker: Maker) {
    let mut table = table_or_skip!(maker);
    let (config, theirs) = (table.ours.config(), &mut table.theirs);
    let api = Resource::new("api").unwrap();

    // Theirs, seen by us.
    theirs.ask(json!({"op": "set_system", "limits": their_rpm(10), "on_unavailable": "allow"})).await;
    theirs.ask(json!({"op": "set_resource", "resource": "api", "limits": their_rpm(20)})).await;
    theirs.ask(json!({"op": "set_entity", "entity": "u1", "limits": their_rpm(30)})).await;
    theirs.ask(json!({"op": "set_entity", "entity": "u1", "resource": "api", "limits": their_rpm(40)})).await;
    for (user, resource, source, capacity) in [
        ("u2", "other", ConfigSource::System, 10),
        ("u2", "api", ConfigSource::Resource, 20),
        ("u1", "other", ConfigSource::Entity, 30),
        ("u1", "api", ConfigSource::EntityResource, 40),
    ] {
        let found = config.resolve(user, resource).await.unwrap().unwrap();
        assert_eq!((found.source, found.limits[0].capacity()), (source, capacity));
    }
    assert_eq!(config.resources().await.unwrap(), std::slice::from_ref(&api));
    assert_eq!(config.resources_with_entity_limits().await.unwrap(), std::slice::from_ref(&api));
    assert_eq!(config.entities_with_limits(Some(api.clone())).all().await.unwrap(), [entity("u1")]);

    // Ours, seen by them.
    config.set(ConfigScope::System, Limit::per_minute("rpm", 11)).await.unwrap();
    config.set(ConfigScope::Resource(api.clone()), Limit::per_minute("rpm", 21)).await.unwrap();
    config.set(ConfigScope::EntityResource(entity("u3"), api.clone()), Limit::per_minute("rpm", 51)).await.unwrap();
    assert_eq!(capacity(&theirs.ask(json!({"op": "get_system"})).await[0]), 11);
    assert_eq!(capacity(&theirs.ask(json!({"op": "get_resource", "resource": "api"})).await), 21);
    let u3 = json!({"op": "get_entity_limits", "entity": "u3", "resource": "api"});
    assert_eq!(capacity(&theirs.ask(u3.clone()).await), 51);

    // Deleted by either.
    assert!(config.delete(&ConfigScope::EntityResource(entity("u1"), api.clone())).await.unwrap());
    theirs.ask(json!({"op": "delete_entity_limits", "entity": "u3", "resource": "api"})).await;
    assert_eq!(theirs.ask(json!({"op": "get_entity_limits", "entity": "u1", "resource": "api"})).await, json!([]));
    assert_eq!(config.get(&ConfigScope::EntityResource(entity("u3"), api)).await.unwrap(), None);
    assert!(config.resources_with_entity_limits().await.unwrap().is_empty());
}

#[tokio::test]
async fn stored_limits_on_a_table_of_ours() {
    stored_limits(Maker::Ours).await;
}

#[tokio::test]
async fn stored_limits_on_a_table_of_theirs() {
    stored_limits(Maker::Theirs).await;
}

#[tokio::test]
async fn entities_and_history() {
    let mut table = table_or_skip!(Maker::Theirs);
    let (entities, theirs) = (table.ours.entities(), &mut table.theirs);
    theirs.ask(json!({"op": "create_entity", "entity": "org"})).await;
    let kid =
        json!({"op": "create_entity", "entity": "kid-1", "parent": "org", "cascade": true, "metadata": {"team": "a"}});
    theirs.ask(kid).await;
    let found = entities.get(&entity("kid-1")).await.unwrap().unwrap();
    assert_eq!((found.parent, found.cascade), (Some(entity("org")), true));
    assert_eq!(found.metadata["team"], "a");

    entities.create(Entity::new(entity("kid-2")).with_parent(entity("org")).cascading()).await.unwrap();
    let seen = theirs.ask(json!({"op": "get_entity", "entity": "kid-2"})).await;
    assert_eq!((&seen["parent_id"], &seen["cascade"]), (&json!("org"), &json!(true)));
    assert_eq!(theirs.ask(json!({"op": "children", "entity": "org"})).await.as_array().unwrap().len(), 2);
    assert_eq!(entities.children(&entity("org")).all().await.unwrap().len(), 2);

    // Both charge the parent too.
    theirs.ask(json!({"op": "set_system", "limits": their_rpm(100)})).await;
    for id in ["kid-1", "kid-2"] {
        theirs.ask(json!({"op": "acquire", "entity": id, "resource": "api", "consume": {"rpm": 10}})).await;
        table.ours.acquire(id, "api").cost("rpm", 10).await.unwrap().commit().await.unwrap();
    }
    let left = table.ours.available("org", "api").await.unwrap();
    let left = left.get("rpm").unwrap().available;
    // Four times ten, and what has come back since.
    assert!((60..=75).contains(&left), "{left}");

    let history = table.ours.audit().events(&AuditSubject::Entity(entity("kid-1"))).all().await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(theirs.ask(json!({"op": "audit", "entity": "kid-2"})).await.as_array().unwrap().len(), 1);
    entities.delete(&entity("kid-1")).await.unwrap();
    assert_eq!(theirs.ask(json!({"op": "get_entity", "entity": "kid-1"})).await, json!(null));
    theirs.ask(json!({"op": "delete_entity", "entity": "kid-2"})).await;
    assert_eq!(entities.get(&entity("kid-2")).await.unwrap(), None);
    assert!(entities.buckets(&entity("kid-2")).all().await.unwrap().is_empty());
}

#[tokio::test]
async fn namespaces() {
    let mut table = table_or_skip!(Maker::Ours);
    table.theirs.ask(json!({"op": "register_namespace", "name": "red"})).await;
    let red = table.ours.namespace("red").await.unwrap();
    red.config().set(ConfigScope::System, Limit::per_minute("rpm", 5)).await.unwrap();
    assert!(table.ours.config().resolve("u1", "api").await.unwrap().is_none());
    let theirs = table.theirs.ask(json!({"op": "namespaces"})).await;
    let ours = table.ours.namespaces().list().all().await.unwrap();
    assert_eq!((theirs.as_array().unwrap().len(), ours.len()), (2, 2));
}
