//! Moves of entities to another parent.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::{self, N, S};
use serde_json::json;
use tollgate::{
    EntityId, Error, RateLimiter,
    error::EntityError,
    model::{AuditAction, ConfigScope, Entity},
};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::fixture::{Fixture, hourly, on_every_limiter};

on_every_limiter!(
    the_new_parent_is_charged,
    without_a_parent_nobody_else_is_charged,
    an_open_lease_is_settled_with_the_old_parent,
    a_missing_parent_or_entity_is_told,
    cycles_are_refused,
    a_long_chain_of_ancestors_is_refused,
    a_move_is_in_the_history,
    children_are_listed_under_the_new_parent,
    another_process_charges_the_new_parent_soon,
    a_repeated_move_changes_nothing_else,
);

fn id(name: &str) -> EntityId {
    EntityId::new(name).unwrap()
}

impl Fixture {
    /// Creates `user` below `old`, and `new`.
    async fn family(&self) {
        self.store([hourly(1000)]).await;
        let entities = self.limiter.entities();
        for name in ["old", "new"] {
            entities.create(Entity::new(id(name))).await.unwrap();
        }
        let user = Entity::new(id("user")).with_parent(id("old")).cascading();
        entities.create(user).await.unwrap();
    }

    async fn move_event(&self) -> tollgate::model::AuditEvent {
        let mut events = self.history("user").await;
        events.retain(|event| event.action == AuditAction::EntityParentChanged);
        assert_eq!(events.len(), 1);
        events.remove(0)
    }

    async fn set_parent(&self, parent: Option<&str>) -> Result<u64, Error> {
        let parent = parent.map(id);
        let entities = self.limiter.entities();
        entities.set_parent(&id("user"), parent.as_ref()).await
    }
}

/// Returns the tokens that were taken from the buckets of the entities.
async fn taken<const N: usize>(limiter: &RateLimiter, entities: [&str; N]) -> [i64; N] {
    let mut taken = [0; N];
    for (taken, entity) in taken.iter_mut().zip(entities) {
        let left = limiter.available(entity, "api").await.unwrap();
        *taken = 1000 - left.get("tokens").unwrap().available;
    }
    taken
}

async fn the_new_parent_is_charged(at: Fixture) {
    at.family().await;
    at.charge(10).await;
    assert_eq!(taken(&at.limiter, ["old", "new"]).await, [10, 0]);
    assert_eq!(at.set_parent(Some("new")).await.unwrap(), 1);
    at.charge(7).await;
    assert_eq!(taken(&at.limiter, ["old", "new"]).await, [10, 7]);
}

async fn without_a_parent_nobody_else_is_charged(at: Fixture) {
    at.family().await;
    at.charge(10).await;
    at.set_parent(None).await.unwrap();
    at.charge(7).await;
    assert_eq!(taken(&at.limiter, ["old", "new"]).await, [10, 0]);
    at.set_parent(Some("old")).await.unwrap();
    at.charge(5).await;
    assert_eq!(taken(&at.limiter, ["old", "new"]).await, [15, 0]);
}

async fn an_open_lease_is_settled_with_the_old_parent(at: Fixture) {
    at.family().await;
    let mut more = at.take(10).await.unwrap();
    let less = at.take(20).await.unwrap();
    at.set_parent(Some("new")).await.unwrap();
    more.settle("tokens", 15).unwrap();
    more.commit().await.unwrap();
    less.rollback().await.unwrap();
    assert_eq!(taken(&at.limiter, ["old", "new"]).await, [15, 0]);
}

async fn a_missing_parent_or_entity_is_told(at: Fixture) {
    let entities = at.limiter.entities();
    entities.create(Entity::new(id("org"))).await.unwrap();
    let not_found = |error: Error, name: &str| {
        assert!(
            matches!(&error, Error::Entity(EntityError::NotFound(found)) if *found == id(name)),
            "{error:?}"
        );
    };
    not_found(at.set_parent(Some("org")).await.unwrap_err(), "user");
    not_found(at.set_parent(None).await.unwrap_err(), "user");
    entities.create(Entity::new(id("user"))).await.unwrap();
    not_found(at.set_parent(Some("nobody")).await.unwrap_err(), "nobody");
    assert_eq!(
        entities.get(&id("user")).await.unwrap().unwrap().parent,
        None
    );
}

async fn cycles_are_refused(at: Fixture) {
    let entities = at.limiter.entities();
    let below = |name: &str, parent: &str| Entity::new(id(name)).with_parent(id(parent));
    entities.create(Entity::new(id("user"))).await.unwrap();
    entities.create(below("child", "user")).await.unwrap();
    entities.create(below("grandchild", "child")).await.unwrap();
    for parent in ["user", "child", "grandchild"] {
        let error = at.set_parent(Some(parent)).await.unwrap_err();
        assert!(
            matches!(&error, Error::Entity(EntityError::Cycle { parent: found, .. }) if *found == id(parent)),
            "{error:?}"
        );
    }
}

async fn a_long_chain_of_ancestors_is_refused(at: Fixture) {
    let entities = at.limiter.entities();
    entities.create(Entity::new(id("user"))).await.unwrap();
    entities.create(Entity::new(id("e0"))).await.unwrap();
    for number in 1..=33 {
        let parent = id(&format!("e{}", number - 1));
        let entity = Entity::new(id(&format!("e{number}"))).with_parent(parent);
        entities.create(entity).await.unwrap();
    }
    let error = at.set_parent(Some("e33")).await.unwrap_err();
    assert!(
        matches!(&error, Error::Entity(EntityError::TooDeep(_))),
        "{error:?}"
    );
    at.set_parent(Some("e32")).await.unwrap();
}

async fn a_move_is_in_the_history(at: Fixture) {
    at.family().await;
    at.charge(10).await;
    let before = at.limiter.entities().get(&id("user")).await.unwrap();
    let before = before.unwrap();
    at.set_parent(Some("new")).await.unwrap();
    let after = at.limiter.entities().get(&id("user")).await.unwrap();
    let after = after.unwrap();
    assert_eq!(after.generation, before.generation.map(|old| old + 1));
    assert_eq!(after.incarnation, before.incarnation);
    let event = at.move_event().await;
    assert_eq!(
        serde_json::Value::Object(event.details),
        json!({
            "old_parent_id": "old", "parent_id": "new", "pgen": after.generation,
            "buckets_stamped": 1,
        })
    );
}

async fn children_are_listed_under_the_new_parent(at: Fixture) {
    at.family().await;
    let children = async |parent: &str| {
        let listing = at.limiter.entities().children(&id(parent));
        let children: Vec<Entity> = listing.all().await.unwrap();
        children.len()
    };
    assert_eq!((children("old").await, children("new").await), (1, 0));
    at.set_parent(Some("new")).await.unwrap();
    assert_eq!((children("old").await, children("new").await), (0, 1));
    at.set_parent(None).await.unwrap();
    assert_eq!((children("old").await, children("new").await), (0, 0));
}

/// The other process has looked up the parent before the move, and has it cached for a minute.
async fn another_process_charges_the_new_parent_soon(at: Fixture) {
    at.family().await;
    let other = at.another().await;
    let charge = async |amount: u64| {
        let acquire = other.acquire("user", "api").cost("tokens", amount);
        acquire.await.unwrap().commit().await.unwrap();
    };
    charge(10).await;
    at.set_parent(Some("new")).await.unwrap();
    let mut charged = 10;
    while taken(&at.limiter, ["new"]).await == [0] {
        assert!(charged < 500, "the old parent is charged again and again");
        charge(10).await;
        charged += 10;
        tokio::time::sleep(Duration::from_millis(20)).await;
        at.advance(20);
    }
    let [old, new] = taken(&at.limiter, ["old", "new"]).await;
    assert_eq!(old + new, charged);
}

async fn a_repeated_move_changes_nothing_else(at: Fixture) {
    at.family().await;
    at.charge(10).await;
    for _ in 0..3 {
        assert_eq!(at.set_parent(Some("new")).await.unwrap(), 1);
    }
    at.charge(7).await;
    assert_eq!(taken(&at.limiter, ["old", "new"]).await, [10, 7]);
}

impl Fixture {
    /// Returns the items of the entity's buckets.
    async fn stamps(&self, resources: &[&str]) -> Vec<(AttributeValue, AttributeValue)> {
        let table = self.table().unwrap();
        let namespace = table.namespace().await;
        let mut stamps = Vec::new();
        for resource in resources {
            let key = format!("{namespace}/BUCKET#user#{resource}#0");
            let item = table.engine.item("limits", &key, "#STATE").await.unwrap();
            stamps.push((item["parent_id"].clone(), item["pgen"].clone()));
        }
        stamps
    }
}

const RESOURCES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[tokio::test]
async fn a_move_that_stops_halfway_is_finished_by_a_repeat() {
    let at = Fixture::dynamodb().await;
    at.family().await;
    for resource in RESOURCES {
        let acquire = at.limiter.acquire("user", resource).cost("tokens", 1);
        acquire.await.unwrap().commit().await.unwrap();
    }
    let proxy = &at.table().unwrap().proxy;
    let before = proxy.received("UpdateItem");
    proxy.set_fault(
        Fault::delay(Duration::from_millis(100))
            .on("UpdateItem")
            .times(1000),
    );
    let limiter = at.limiter.clone();
    let moving = tokio::spawn(async move {
        let entities = limiter.entities();
        entities.set_parent(&id("user"), Some(&id("new"))).await
    });
    // The first update moves the entity, if the version record needs none.
    proxy.until_received("UpdateItem", before + 4).await;
    let denied = ErrorAnswer::access_denied("dynamodb:UpdateItem");
    proxy.set_fault(Fault::answer(denied).on("UpdateItem").times(1000));
    let error = moving.await.unwrap().unwrap_err();
    let Error::Entity(EntityError::MoveIncomplete {
        entity,
        buckets,
        problem,
    }) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(entity, id("user"));
    assert!((1..5).contains(&buckets), "{buckets}");
    assert!(problem.contains("UpdateItem"), "{problem}");
    proxy.clear_faults();
    let old = at.stamps(&RESOURCES).await;
    let old = old.iter().filter(|(parent, _)| *parent == S("old".into()));
    assert_eq!(old.count() as u64, 6 - buckets);
    let event = at.move_event().await;
    assert_eq!(event.details["buckets_stamped"], json!(buckets));
    // The entity has moved, so this limiter charges the new parent in any case.
    at.charge(5).await;
    assert_eq!(taken(&at.limiter, ["new"]).await, [5]);

    assert_eq!(at.set_parent(Some("new")).await.unwrap(), 7);
    let stamps = at.stamps(&RESOURCES).await;
    assert!(stamps.iter().all(|stamp| *stamp == stamps[0]), "{stamps:?}");
    assert_eq!(stamps[0].0, S("new".into()));
}

#[tokio::test]
async fn a_lost_answer_of_a_move_is_no_problem() {
    let at = Fixture::dynamodb().await;
    at.family().await;
    at.charge(10).await;
    let proxy = &at.table().unwrap().proxy;
    proxy.set_fault(Fault::lose_response().on("UpdateItem").times(1));
    at.set_parent(Some("new")).await.unwrap();
    proxy.clear_faults();
    at.charge(7).await;
    assert_eq!(taken(&at.limiter, ["old", "new"]).await, [10, 7]);
}

/// A newer link never gives way to an older one, of a process that was slow.
#[tokio::test]
async fn an_old_link_does_not_replace_a_newer_one() {
    let at = Fixture::dynamodb().await;
    at.family().await;
    let other = at.another().await;
    let charge = async || {
        let acquire = other.acquire("user", "api").cost("tokens", 1);
        acquire.await.unwrap().commit().await.unwrap();
    };
    charge().await;
    let entities = at.limiter.entities();
    let created = entities.get(&id("user")).await.unwrap().unwrap();
    at.set_parent(Some("new")).await.unwrap();
    let expected = vec![(
        S("new".into()),
        N((created.generation.unwrap() + 1).to_string()),
    )];
    assert_eq!(at.stamps(&["api"]).await, expected);
    for _ in 0..3 {
        charge().await;
        assert_eq!(at.stamps(&["api"]).await, expected);
    }
}

/// A bucket that a move has missed gets the link with its next write.
#[tokio::test]
async fn after_the_next_write_a_bucket_gets_the_newer_link() {
    let at = Fixture::dynamodb().await;
    at.family().await;
    at.charge(10).await;
    let table = at.table().unwrap();
    let key = format!("{}/BUCKET#user#api#0", table.namespace().await);
    let old = table.engine.item("limits", &key, "#STATE").await.unwrap();
    at.set_parent(Some("new")).await.unwrap();
    let put = table.engine.client().put_item().table_name("limits");
    put.set_item(Some(old)).send().await.unwrap();
    at.charge(5).await;
    let entity = at.limiter.entities().get(&id("user")).await.unwrap();
    let generation = entity.unwrap().generation.unwrap();
    let expected = [(S("new".into()), N(generation.to_string()))];
    // It is written in the background.
    for _ in 0..200 {
        if at.stamps(&["api"]).await == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(at.stamps(&["api"]).await, expected);
}

#[tokio::test]
async fn a_stored_cascade_counts_for_each_resource() {
    let at = Fixture::dynamodb().await;
    at.family().await;
    for resource in ["api", "free"] {
        let acquire = at.limiter.acquire("user", resource).cost("tokens", 1);
        acquire.await.unwrap().commit().await.unwrap();
    }
    let table = at.table().unwrap();
    let config = ConfigScope::resource("free").unwrap();
    at.limiter
        .config()
        .set(config, [hourly(1000)])
        .await
        .unwrap();
    let update = table.engine.client().update_item().table_name("limits");
    let update = update
        .key(
            "PK",
            S(format!("{}/RESOURCE#free", table.namespace().await)),
        )
        .key("SK", S("#CONFIG".into()))
        .update_expression("SET #cascade = :no")
        .expression_attribute_names("#cascade", "cascade")
        .expression_attribute_values(":no", AttributeValue::Bool(false));
    update.send().await.unwrap();
    at.set_parent(Some("new")).await.unwrap();
    let namespace = table.namespace().await;
    for (resource, cascade) in [("api", true), ("free", false)] {
        let key = format!("{namespace}/BUCKET#user#{resource}#0");
        let item = table.engine.item("limits", &key, "#STATE").await.unwrap();
        assert_eq!(item["cascade"], AttributeValue::Bool(cascade));
        assert_eq!(item["parent_id"], S("new".into()));
    }
}

#[tokio::test]
async fn a_move_shuts_older_clients_out() {
    let at = Fixture::dynamodb().await;
    at.family().await;
    at.set_parent(Some("new")).await.unwrap();
    let table = at.table().unwrap();
    let record = table.engine.item("limits", "_/SYSTEM#", "#VERSION").await;
    assert_eq!(record.unwrap()["client_min_version"], S("0.17.0".into()));
}
