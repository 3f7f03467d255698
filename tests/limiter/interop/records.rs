//! Each client sees what the other one stores.

use serde_json::{Value, json};
use tollgate::{
    EntityId, Limit, Resource,
    model::{AuditSubject, ConfigScope, ConfigSource, Entity, NamespaceName},
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

    // Stored by the peer, read by us.
    theirs
        .ask(json!({"op": "set_system", "limits": their_rpm(10), "on_unavailable": "allow"}))
        .await;
    theirs
        .ask(json!({"op": "set_resource", "resource": "api", "limits": their_rpm(20)}))
        .await;
    theirs
        .ask(json!({"op": "set_entity", "entity": "u1", "limits": their_rpm(30)}))
        .await;
    theirs
        .ask(
            json!({"op": "set_entity", "entity": "u1", "resource": "api", "limits": their_rpm(40)}),
        )
        .await;
    for (user, resource, source, capacity) in [
        ("u2", "other", ConfigSource::System, 10),
        ("u2", "api", ConfigSource::Resource, 20),
        ("u1", "other", ConfigSource::Entity, 30),
        ("u1", "api", ConfigSource::EntityResource, 40),
    ] {
        let found = config.resolve(user, resource).await.unwrap().unwrap();
        assert_eq!(
            (found.source, found.limits[0].capacity()),
            (source, capacity)
        );
    }
    assert_eq!(
        config.resources().await.unwrap(),
        std::slice::from_ref(&api)
    );
    assert_eq!(
        config.resources_with_entity_limits().await.unwrap(),
        std::slice::from_ref(&api)
    );
    assert_eq!(
        config
            .entities_with_limits(Some(api.clone()))
            .all()
            .await
            .unwrap(),
        [entity("u1")]
    );

    // Stored by us, read by the peer.
    config
        .set(ConfigScope::System, Limit::per_minute("rpm", 11))
        .await
        .unwrap();
    config
        .set(
            ConfigScope::Resource(api.clone()),
            Limit::per_minute("rpm", 21),
        )
        .await
        .unwrap();
    config
        .set(
            ConfigScope::EntityResource(entity("u3"), api.clone()),
            Limit::per_minute("rpm", 51),
        )
        .await
        .unwrap();
    assert_eq!(
        capacity(&theirs.ask(json!({"op": "get_system"})).await[0]),
        11
    );
    assert_eq!(
        capacity(
            &theirs
                .ask(json!({"op": "get_resource", "resource": "api"}))
                .await
        ),
        21
    );
    let u3 = json!({"op": "get_entity_limits", "entity": "u3", "resource": "api"});
    assert_eq!(capacity(&theirs.ask(u3.clone()).await), 51);

    // Each client deletes what the other one has stored.
    assert!(
        config
            .delete(&ConfigScope::EntityResource(entity("u1"), api.clone()))
            .await
            .unwrap()
    );
    theirs
        .ask(json!({"op": "delete_entity_limits", "entity": "u3", "resource": "api"}))
        .await;
    assert_eq!(
        theirs
            .ask(json!({"op": "get_entity_limits", "entity": "u1", "resource": "api"}))
            .await,
        json!([])
    );
    assert_eq!(
        config
            .get(&ConfigScope::EntityResource(entity("u3"), api))
            .await
            .unwrap(),
        None
    );
    assert!(
        config
            .resources_with_entity_limits()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn each_client_reads_the_others_limits_on_a_table_of_ours() {
    stored_limits(Maker::Ours).await;
}

#[tokio::test]
async fn each_client_reads_the_others_limits_on_a_table_of_the_python_client() {
    stored_limits(Maker::Theirs).await;
}

#[tokio::test]
async fn each_client_reads_the_others_entities_and_history() {
    let mut table = table_or_skip!(Maker::Theirs);
    let (entities, theirs) = (table.ours.entities(), &mut table.theirs);
    theirs
        .ask(json!({"op": "create_entity", "entity": "org"}))
        .await;
    let kid = json!({"op": "create_entity", "entity": "kid-1", "parent": "org", "cascade": true, "metadata": {"team": "a"}});
    theirs.ask(kid).await;
    let found = entities.get(&entity("kid-1")).await.unwrap().unwrap();
    assert_eq!((found.parent, found.cascade), (Some(entity("org")), true));
    assert_eq!(found.metadata["team"], "a");

    entities
        .create(
            Entity::new(entity("kid-2"))
                .with_parent(entity("org"))
                .cascading(),
        )
        .await
        .unwrap();
    let seen = theirs
        .ask(json!({"op": "get_entity", "entity": "kid-2"}))
        .await;
    assert_eq!(
        (&seen["parent_id"], &seen["cascade"]),
        (&json!("org"), &json!(true))
    );
    assert_eq!(
        theirs
            .ask(json!({"op": "children", "entity": "org"}))
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        entities.children(&entity("org")).all().await.unwrap().len(),
        2
    );

    // Both clients charge the parent too.
    theirs
        .ask(json!({"op": "set_system", "limits": their_rpm(100)}))
        .await;
    for id in ["kid-1", "kid-2"] {
        theirs
            .ask(json!({"op": "acquire", "entity": id, "resource": "api", "consume": {"rpm": 10}}))
            .await;
        table
            .ours
            .acquire(id, "api")
            .cost("rpm", 10)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    }
    let left = table.ours.available("org", "api").await.unwrap();
    let left = left.get("rpm").unwrap().available;
    // Four times ten are charged, and some are refilled since.
    assert!((60..=75).contains(&left), "{left}");

    let history = table
        .ours
        .audit()
        .events(&AuditSubject::Entity(entity("kid-1")))
        .all()
        .await
        .unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(
        theirs
            .ask(json!({"op": "audit", "entity": "kid-2"}))
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    entities.delete(&entity("kid-1")).await.unwrap();
    assert_eq!(
        theirs
            .ask(json!({"op": "get_entity", "entity": "kid-1"}))
            .await,
        json!(null)
    );
    theirs
        .ask(json!({"op": "delete_entity", "entity": "kid-2"}))
        .await;
    assert_eq!(entities.get(&entity("kid-2")).await.unwrap(), None);
    assert!(
        entities
            .buckets(&entity("kid-2"))
            .all()
            .await
            .unwrap()
            .is_empty()
    );
}

/// Each client reads the events of the other one.
#[tokio::test]
async fn each_client_reads_the_others_events() {
    let mut table = table_or_skip!(Maker::Ours);
    let (config, theirs) = (table.ours.config(), &mut table.theirs);
    let api = Resource::new("api").unwrap();
    let of_u1 = ConfigScope::EntityResource(entity("u1"), api.clone());
    table
        .ours
        .entities()
        .create(Entity::new(entity("u1")).with_metadata("team", "a"))
        .await
        .unwrap();
    config
        .set(of_u1.clone(), Limit::per_minute("rpm", 5))
        .await
        .unwrap();
    theirs
        .ask(json!({"op": "set_entity", "entity": "u1", "limits": their_rpm(7)}))
        .await;
    config.delete(&of_u1).await.unwrap();
    theirs
        .ask(json!({"op": "delete_entity_limits", "entity": "u1"}))
        .await;
    theirs
        .ask(json!({"op": "delete_entity", "entity": "u1"}))
        .await;

    let ours = table
        .ours
        .audit()
        .events(&AuditSubject::Entity(entity("u1")))
        .all()
        .await
        .unwrap();
    let told = theirs.ask(json!({"op": "audit", "entity": "u1"})).await;
    let told = told.as_array().unwrap();
    let actions: Vec<_> = ours.iter().map(|event| event.action.to_string()).collect();
    let expected = [
        "entity_deleted",
        "limits_deleted",
        "limits_deleted",
        "limits_set",
        "limits_set",
        "entity_created",
    ];
    assert_eq!(
        (actions.as_slice(), told.len()),
        (expected.map(str::to_owned).as_slice(), ours.len())
    );
    for (ours, theirs) in ours.iter().zip(told) {
        assert_eq!(theirs["event_id"], ours.event_id);
        assert_eq!(
            (&theirs["action"], &theirs["resource"]),
            (&json!(ours.action), &json!(ours.resource))
        );
        assert_eq!(theirs["details"], json!(ours.details));
    }
    assert_eq!(ours[3].details["limits"][0]["capacity"], 7);

    // Events of the system and of a resource.
    config
        .set(ConfigScope::System, Limit::per_minute("rpm", 5))
        .await
        .unwrap();
    theirs
        .ask(json!({"op": "set_resource", "resource": "api", "limits": their_rpm(7)}))
        .await;
    for (subject, word) in [
        (AuditSubject::System, "$SYSTEM"),
        (AuditSubject::Resource(api), "$RESOURCE:api"),
    ] {
        let ours = table.ours.audit().events(&subject).all().await.unwrap();
        let told = theirs.ask(json!({"op": "audit", "entity": word})).await;
        assert_eq!(
            (ours.len(), &told[0]["event_id"]),
            (1, &json!(ours[0].event_id)),
            "{subject}"
        );
    }
}

#[tokio::test]
async fn each_client_reads_the_others_mode_for_an_unavailable_store() {
    use tollgate::model::{
        StoredConfig,
        StoredOnUnavailable::{Allow, Block},
    };

    let mut table = table_or_skip!(Maker::Ours);
    let (config, theirs) = (table.ours.config(), &mut table.theirs);
    for (mode, word) in [(Allow, "allow"), (Block, "block")] {
        theirs
            .ask(json!({"op": "set_system", "limits": their_rpm(5), "on_unavailable": word}))
            .await;
        assert_eq!(
            config
                .get(&ConfigScope::System)
                .await
                .unwrap()
                .unwrap()
                .on_unavailable,
            Some(mode)
        );
        // Requests know the mode once a limit has been looked up.
        config.resolve("u1", "api").await.unwrap();
        assert_eq!(config.on_unavailable(), Some(mode));
    }
    for (mode, word) in [(Allow, "allow"), (Block, "block")] {
        let stored = StoredConfig::new([Limit::per_minute("rpm", 5)]).with_on_unavailable(mode);
        config.set(ConfigScope::System, stored).await.unwrap();
        assert_eq!(theirs.ask(json!({"op": "get_system"})).await[1], word);
    }
    config
        .set(ConfigScope::System, Limit::per_minute("rpm", 5))
        .await
        .unwrap();
    assert_eq!(
        theirs.ask(json!({"op": "get_system"})).await[1],
        json!(null)
    );
    theirs
        .ask(json!({"op": "set_system", "limits": their_rpm(5)}))
        .await;
    assert_eq!(
        config
            .get(&ConfigScope::System)
            .await
            .unwrap()
            .unwrap()
            .on_unavailable,
        None
    );
}

/// Limits for all resources of an entity, and what is deleted with an entity, by each client.
#[tokio::test]
async fn each_client_deletes_an_entity_with_its_limits_and_buckets() {
    let mut table = table_or_skip!(Maker::Theirs);
    let (config, theirs) = (table.ours.config(), &mut table.theirs);
    let everywhere = |id: &str| ConfigScope::Entity(entity(id));
    config
        .set(everywhere("u1"), Limit::per_minute("rpm", 11))
        .await
        .unwrap();
    theirs
        .ask(json!({"op": "set_entity", "entity": "u2", "limits": their_rpm(12)}))
        .await;
    assert_eq!(
        capacity(
            &theirs
                .ask(json!({"op": "get_entity_limits", "entity": "u1"}))
                .await
        ),
        11
    );
    assert_eq!(
        config.get(&everywhere("u2")).await.unwrap().unwrap().limits[0].capacity(),
        12
    );
    for id in ["u1", "u2"] {
        theirs
            .ask(json!({"op": "create_entity", "entity": id}))
            .await;
        theirs
            .ask(json!({"op": "acquire", "entity": id, "resource": "a", "consume": {"rpm": 1}}))
            .await;
        table
            .ours
            .acquire(id, "b")
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        assert_eq!(
            theirs
                .ask(json!({"op": "buckets", "entity": id}))
                .await
                .as_array()
                .unwrap()
                .len(),
            2
        );
        assert_eq!(
            table
                .ours
                .entities()
                .buckets(&entity(id))
                .all()
                .await
                .unwrap()
                .len(),
            2
        );
    }
    // The entity, its limits and two buckets.
    assert_eq!(
        table.ours.entities().delete(&entity("u1")).await.unwrap(),
        4
    );
    theirs
        .ask(json!({"op": "delete_entity", "entity": "u2"}))
        .await;
    for id in ["u1", "u2"] {
        assert_eq!(
            theirs.ask(json!({"op": "get_entity", "entity": id})).await,
            json!(null)
        );
        assert_eq!(
            theirs
                .ask(json!({"op": "get_entity_limits", "entity": id}))
                .await,
            json!([])
        );
        assert_eq!(
            theirs.ask(json!({"op": "buckets", "entity": id})).await,
            json!([])
        );
        assert_eq!(table.ours.entities().get(&entity(id)).await.unwrap(), None);
        assert_eq!(config.get(&everywhere(id)).await.unwrap(), None);
        assert!(
            table
                .ours
                .entities()
                .buckets(&entity(id))
                .all()
                .await
                .unwrap()
                .is_empty()
        );
    }
    // Each client deletes limits for all resources that the other one has set.
    config
        .set(everywhere("u3"), Limit::per_minute("rpm", 11))
        .await
        .unwrap();
    theirs
        .ask(json!({"op": "set_entity", "entity": "u4", "limits": their_rpm(12)}))
        .await;
    theirs
        .ask(json!({"op": "delete_entity_limits", "entity": "u3"}))
        .await;
    assert!(config.delete(&everywhere("u4")).await.unwrap());
    assert_eq!(config.get(&everywhere("u3")).await.unwrap(), None);
    assert_eq!(
        theirs
            .ask(json!({"op": "get_entity_limits", "entity": "u4"}))
            .await,
        json!([])
    );
}

#[tokio::test]
async fn each_client_finds_the_others_namespaces() {
    let mut table = table_or_skip!(Maker::Ours, ["default", "blue"]);
    let theirs = &mut table.theirs;
    let id = theirs
        .ask(json!({"op": "register_namespace", "name": "red"}))
        .await;
    let red = table.ours.namespace("red").await.unwrap();
    let namespaces = table.ours.namespaces();
    // Registering a name that the other client has registered finds its namespace.
    assert_eq!(
        namespaces
            .register(&NamespaceName::new("red").unwrap())
            .await
            .unwrap()
            .id
            .as_str(),
        id.as_str().unwrap()
    );
    let green = namespaces
        .register(&NamespaceName::new("green").unwrap())
        .await
        .unwrap();
    assert_eq!(
        theirs
            .ask(json!({"op": "register_namespace", "name": "green"}))
            .await,
        green.id.as_str()
    );
    let listed = theirs.ask(json!({"op": "namespaces"})).await;
    let mut listed: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    listed.sort_unstable();
    let mut ours: Vec<_> = namespaces
        .list()
        .all()
        .await
        .unwrap()
        .into_iter()
        .map(|info| info.name)
        .collect();
    ours.sort_unstable();
    assert_eq!(
        (listed, ours.as_slice()),
        (
            vec!["blue", "default", "green", "red"],
            &["blue", "default", "green", "red"].map(str::to_owned)[..]
        )
    );

    // Nothing of one namespace is visible in another one, for either client. Within one namespace
    // both see the same.
    red.config()
        .set(ConfigScope::System, Limit::per_minute("rpm", 5))
        .await
        .unwrap();
    theirs
        .ask(json!({"op": "set_system", "limits": their_rpm(9)}))
        .await;
    theirs
        .ask(json!({"op": "acquire", "entity": "u1", "resource": "api", "consume": {"rpm": 9}}))
        .await;
    assert!(
        table
            .ours
            .config()
            .resolve("u1", "api")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        red.available("u1", "api")
            .await
            .unwrap()
            .get("rpm")
            .unwrap()
            .available,
        5
    );
    assert!(
        red.entities()
            .buckets(&entity("u1"))
            .all()
            .await
            .unwrap()
            .is_empty()
    );
    let blue = table.ours.namespace("blue").await.unwrap();
    assert!(
        blue.acquire("u1", "api")
            .cost("rpm", 9)
            .await
            .unwrap_err()
            .denied()
            .is_some()
    );
    assert_eq!(
        capacity(&theirs.ask(json!({"op": "get_system"})).await[0]),
        9
    );
}

/// The limits reach a bucket that already exists, because the Python client reads them from the
/// bucket.
#[tokio::test]
async fn an_entitys_limits_reach_its_buckets() {
    let mut table = table_or_skip!(Maker::Ours);
    let (config, theirs) = (table.ours.config(), &mut table.theirs);
    let api = Resource::new("api").unwrap();
    config
        .set(ConfigScope::System, Limit::per_minute("rpm", 10))
        .await
        .unwrap();
    for resource in ["api", "other"] {
        theirs.ask(json!({"op": "acquire", "entity": "u1", "resource": resource, "consume": {"rpm": 9}})).await;
    }
    let capacities = async |theirs: &mut super::peer::Peer| {
        let rows = theirs.ask(json!({"op": "buckets", "entity": "u1"})).await;
        let mut rows: Vec<_> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row["resource"].as_str().unwrap().to_owned(),
                    row["capacity_milli"].as_u64().unwrap() / 1000,
                )
            })
            .collect();
        rows.sort();
        rows.into_iter()
            .map(|(_, capacity)| capacity)
            .collect::<Vec<_>>()
    };
    config
        .set(
            ConfigScope::EntityResource(entity("u1"), api.clone()),
            Limit::per_minute("rpm", 40),
        )
        .await
        .unwrap();
    assert_eq!(capacities(theirs).await, [40, 10]);
    config
        .set(
            ConfigScope::Entity(entity("u1")),
            Limit::per_minute("rpm", 30),
        )
        .await
        .unwrap();
    assert_eq!(capacities(theirs).await, [40, 30]);
    assert!(
        config
            .delete(&ConfigScope::EntityResource(entity("u1"), api))
            .await
            .unwrap()
    );
    assert_eq!(capacities(theirs).await, [30, 30]);
    assert!(
        config
            .delete(&ConfigScope::Entity(entity("u1")))
            .await
            .unwrap()
    );
    assert_eq!(capacities(theirs).await, [10, 10]);
    // No tokens were minted: what was used is still used.
    let acquire =
        json!({"op": "acquire", "entity": "u1", "resource": "other", "consume": {"rpm": 9}});
    assert_eq!(theirs.try_ask(acquire).await["error"], "denied");
}
