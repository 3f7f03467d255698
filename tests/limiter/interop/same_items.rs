//! Both clients write the same item for the same call, up to attribute, type and value.
//!
//! Each client makes its calls in a namespace of its own. Ids and times are compared relative to
//! those of the item. Intended differences are listed in [`on_purpose`].

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue::{self, N, S};
use serde_json::{Value, json};
use tollgate::{
    EntityId, Limit, Resource,
    model::{ConfigScope, Entity, NamespaceId, NamespaceName, StoredConfig, StoredOnUnavailable},
};

use super::peer::{Item, Maker, Table, table_or_skip};

/// Returns the reason if an attribute of an item differs on purpose.
fn on_purpose(key: &str, attribute: &str) -> Option<&'static str> {
    let bucket = key.contains("/BUCKET#");
    Some(match attribute {
        "la" if bucket => {
            "ours: the refill time that a write of ours has set last, by which a peer's is told"
        }
        "lw" if bucket => {
            "ours: the id of the last write, by which a lost answer is told from a lost write"
        }
        _ if bucket && attribute.ends_with("_fr") => {
            "ours: what the last refill's division left over"
        }
        "vu" if bucket => {
            "theirs: asks its own next write to cut the tokens; ours do that before they spend"
        }
        "b_wcu_tk" | "b_wcu_tc" => "ours counts every write, theirs the plain spends alone",
        "config_version" => "ours counts writes, theirs is always 1",
        _ => return None,
    })
}

/// Returns a limit that refills nothing while a test runs.
fn slow(name: &str, capacity: u64) -> Limit {
    Limit::new(
        name,
        capacity,
        1,
        std::time::Duration::from_secs(30 * 86_400),
    )
    .unwrap()
}

fn theirs(limits: &[Limit]) -> Value {
    let row = |limit: &Limit| {
        json!({
            "name": limit.name(), "capacity": limit.capacity(), "refill_amount": limit.refill_amount(),
            "refill_period_seconds": limit.refill_period().as_secs(),
        })
    };
    limits.iter().map(row).collect()
}

fn entity(id: &str) -> EntityId {
    EntityId::new(id).unwrap()
}

fn resource(name: &str) -> Resource {
    Resource::new(name).unwrap()
}

/// Two namespaces in which the same calls are made.
pub(super) struct Twins {
    pub(super) table: Table,
    ours: String,
    /// The steps so far.
    done: String,
}

impl Twins {
    async fn new(mut table: Table) -> Self {
        let namespaces = table.ours.namespaces().list().all().await.unwrap();
        let ours = namespaces
            .into_iter()
            .find(|info| info.name == "ours")
            .unwrap()
            .id
            .to_string();
        assert!(!table.theirs.namespace.is_empty());
        table.theirs.ask(json!({"op": "namespaces"})).await;
        Self {
            table,
            ours,
            done: String::new(),
        }
    }

    /// Records a step that both clients have made, and asserts that both namespaces have the same
    /// items.
    pub(super) async fn same(&mut self, step: &str) {
        self.done.push_str(&format!("\n  {step}"));
        let items = self.table.items().await;
        let ours = normal(&items, &self.ours);
        let theirs = normal(&items, &self.table.theirs.namespace);
        let mut differences = Vec::new();
        let keys: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        for key in keys {
            let (Some(ours), Some(theirs)) = (ours.get(key), theirs.get(key)) else {
                let whose = if ours.contains_key(key) {
                    "ours"
                } else {
                    "theirs"
                };
                differences.push(format!("{key}: only {whose}"));
                continue;
            };
            let names: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
            for name in names
                .into_iter()
                .filter(|name| on_purpose(key, name).is_none())
            {
                let (ours, theirs) = (ours.get(name), theirs.get(name));
                if ours != theirs && !(name == "ttl" && (nearly(ours, theirs) || is_an_hour(ours)))
                {
                    differences.push(format!("{key}: {name} ours {ours:?}, theirs {theirs:?}"));
                }
            }
        }
        assert!(
            differences.is_empty(),
            "after{}\n{}",
            self.done,
            differences.join("\n")
        );
    }
}

/// Returns true if the numbers differ by at most one, as two readings of a clock in seconds may.
fn nearly(one: Option<&AttributeValue>, other: Option<&AttributeValue>) -> bool {
    let read = |value: Option<&AttributeValue>| {
        value.and_then(|value| value.as_n().ok()?.parse::<i64>().ok())
    };
    read(one)
        .zip(read(other))
        .is_some_and(|(one, other)| (one - other).abs() <= 1)
}

/// Returns true if the bucket is kept for an hour, as ours does at least.
fn is_an_hour(ours: Option<&AttributeValue>) -> bool {
    nearly(ours, Some(&N("3600".into())))
}

/// Returns the items of a namespace, and its registration, without what depends on the namespace.
fn normal(items: &[Item], namespace: &str) -> BTreeMap<String, Item> {
    let mut normal = BTreeMap::new();
    let mut events = BTreeMap::<String, Vec<Item>>::new();
    for item in items {
        let (pk, sk) = (item["PK"].as_s().unwrap(), item["SK"].as_s().unwrap());
        let own = pk.starts_with(namespace)
            || item
                .get("namespace_id")
                .is_some_and(|id| id.as_s().is_ok_and(|id| id == namespace));
        if !own {
            continue;
        }
        if sk.starts_with("#AUDIT#") {
            events.entry(pk.clone()).or_default().push(item.clone());
        } else {
            let item = timeless(item, namespace);
            normal.insert(
                format!(
                    "{} {}",
                    item["PK"].as_s().unwrap(),
                    item["SK"].as_s().unwrap()
                ),
                item,
            );
        }
    }
    for (pk, mut events) in events {
        // Event ids sort by time, to the millisecond, and a test does one thing at a time.
        events.sort_by_key(|item| item["SK"].as_s().unwrap().clone());
        for (index, event) in events.iter().enumerate() {
            let id = event["event_id"].as_s().unwrap();
            assert_eq!(
                (id.len(), event["SK"].as_s().unwrap()),
                (26, &format!("#AUDIT#{id}"))
            );
            let mut item = timeless(event, namespace);
            item.insert("event_id".into(), S("ULID".into()));
            item.insert("SK".into(), S("#AUDIT#ULID".into()));
            normal.insert(
                format!("{} #AUDIT#{index}", pk.replace(namespace, "NS")),
                item,
            );
        }
    }
    normal
}

fn timeless(item: &Item, namespace: &str) -> Item {
    let seconds = |name: &str| {
        let time = aws_sdk_dynamodb::primitives::DateTime::from_str(
            item.get(name)?.as_s().ok()?,
            aws_sdk_dynamodb::primitives::DateTimeFormat::DateTimeWithOffset,
        );
        Some(time.unwrap().secs())
    };
    let refilled = item
        .get("rf")
        .map(|rf| rf.as_n().unwrap().parse::<i64>().unwrap() / 1000);
    let from = refilled.or_else(|| seconds("timestamp")).unwrap_or(0);
    let change = |(name, value): (&String, &AttributeValue)| {
        let value = match (name.as_str(), value) {
            // The last two are those of a session.
            (name, N(time)) if name == "rf" || name.ends_with("_ws") || name.ends_with("_wa") => {
                N(format!("{} digits", time.len()))
            }
            ("pgen", N(number)) => N(format!("{} digits", number.len())),
            ("pinc" | "ent", S(text)) => S(format!("{} characters", text.len())),
            ("writer", S(_)) => S("WRITER".into()),
            ("ttl", N(seconds)) if item["SK"].as_s().unwrap().starts_with("#OP#") => {
                let now = std::time::SystemTime::now();
                let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
                let left = seconds.parse::<u64>().unwrap() - now;
                assert!((3 * 86_400 - 60..=3 * 86_400).contains(&left), "{left}");
                N("three days".into())
            }
            // Stamps end at random times.
            (name, N(_)) if name == "bypass" || name.ends_with("_soft") => N("END".into()),
            ("ttl", N(seconds)) => N((seconds.parse::<i64>().unwrap() - from).to_string()),
            ("timestamp" | "created_at" | "deleted_at" | "updated_at", S(time)) => {
                assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
                S("TIME".into())
            }
            (_, S(text)) => S(text
                .replace(namespace, "NS")
                .replace("theirs", "twin")
                .replace("ours", "twin")),
            (_, value) => sorted(value.clone()),
        };
        (name.clone(), value)
    };
    item.iter().map(change).collect()
}

/// Sorts the names of deleted limits, which come in any order, and removes times.
fn sorted(value: AttributeValue) -> AttributeValue {
    match value {
        AttributeValue::M(mut fields) => {
            // The time of the creation, in the history of a move.
            if let Some(N(generation)) = fields.get_mut("pgen") {
                *generation = format!("{} digits", generation.len());
            }
            if let Some(AttributeValue::L(rows)) = fields.get_mut("limits") {
                rows.sort_by_key(|row| row.as_s().cloned().unwrap_or_default());
            }
            AttributeValue::M(fields)
        }
        value => value,
    }
}

pub(super) async fn twins_or_skip(maker: Maker) -> Option<Twins> {
    // In a mixed fleet every write of a full bucket moves its refill time, as writes of Python
    // clients do.
    Some(Twins::new(Table::open_with(maker, ["ours", "theirs"], Some(true)).await?).await)
}

#[tokio::test]
async fn both_clients_write_the_same_configs_and_lists() {
    let Some(mut twins) = twins_or_skip(Maker::Theirs).await else {
        return;
    };
    let config = twins.table.ours.config();
    let limits = [
        slow("rpd", 10),
        Limit::per_minute("tpm", 1000).with_burst(1500),
    ];

    let stored = StoredConfig::new(limits.clone()).with_on_unavailable(StoredOnUnavailable::Allow);
    config.set(ConfigScope::System, stored).await.unwrap();
    let set = json!({"op": "set_system", "limits": theirs(&limits), "on_unavailable": "allow"});
    twins.table.theirs.ask(set).await;
    twins.same("the system's limits with a mode").await;
    let stored =
        StoredConfig::new(limits[..1].to_vec()).with_on_unavailable(StoredOnUnavailable::Block);
    config.set(ConfigScope::System, stored).await.unwrap();
    let set =
        json!({"op": "set_system", "limits": theirs(&limits[..1]), "on_unavailable": "block"});
    twins.table.theirs.ask(set).await;
    twins.same("fewer limits, another mode").await;
    config
        .set(ConfigScope::System, limits.clone())
        .await
        .unwrap();
    twins
        .table
        .theirs
        .ask(json!({"op": "set_system", "limits": theirs(&limits)}))
        .await;
    twins.same("without a mode").await;

    for (name, some) in [
        ("gpt-4", &limits[..]),
        ("openai/gpt-4", &limits[1..]),
        ("gpt-4", &limits[1..]),
    ] {
        config
            .set(ConfigScope::Resource(resource(name)), some.to_vec())
            .await
            .unwrap();
        twins
            .table
            .theirs
            .ask(json!({"op": "set_resource", "resource": name, "limits": theirs(some)}))
            .await;
        twins.same(name).await;
    }
    for (id, name, some) in [
        ("c2", Some("gpt-4"), &limits[..]),
        ("c3", Some("gpt-4"), &limits[..1]),
        ("c2", None, &limits[..1]),
        ("c2", Some("gpt-4"), &limits[1..]),
        ("c2", None, &[]),
    ] {
        let (scope, mut set) = scope_of(id, name);
        config.set(scope, some.to_vec()).await.unwrap();
        set["op"] = json!("set_entity");
        set["limits"] = theirs(some);
        twins.table.theirs.ask(set).await;
        twins.same(&format!("{id} {name:?}")).await;
    }
    for (id, name) in [
        ("c2", Some("gpt-4")),
        ("c2", Some("gpt-4")),
        ("c3", Some("gpt-4")),
        ("c2", None),
    ] {
        let (scope, mut delete) = scope_of(id, name);
        config.delete(&scope).await.unwrap();
        delete["op"] = json!("delete_entity_limits");
        twins.table.theirs.ask(delete).await;
        twins.same(&format!("{id} {name:?} deleted")).await;
    }
    config
        .delete(&ConfigScope::Resource(resource("gpt-4")))
        .await
        .unwrap();
    config.delete(&ConfigScope::System).await.unwrap();
    let deletions =
        "await limiter.delete_resource_defaults('gpt-4'); await limiter.delete_system_defaults()";
    twins.table.python(deletions).await;
    twins.same("a resource's and the system's deleted").await;
    config
        .delete(&ConfigScope::Resource(resource("openai/gpt-4")))
        .await
        .unwrap();
    twins
        .table
        .python("await limiter.delete_resource_defaults('openai/gpt-4')")
        .await;
    twins.same("the last resource's deleted").await;
}

fn scope_of(id: &str, name: Option<&str>) -> (ConfigScope, Value) {
    match name {
        Some(name) => (
            ConfigScope::EntityResource(entity(id), resource(name)),
            json!({"entity": id, "resource": name}),
        ),
        None => (ConfigScope::Entity(entity(id)), json!({"entity": id})),
    }
}

#[tokio::test]
async fn both_clients_write_the_same_entities_and_buckets() {
    let Some(mut twins) = twins_or_skip(Maker::Ours).await else {
        return;
    };
    let limiter = twins.table.ours.clone();
    let limits = [slow("rpd", 100), slow("tpd", 1000)];
    limiter
        .config()
        .set(ConfigScope::System, limits.clone())
        .await
        .unwrap();
    twins
        .table
        .theirs
        .ask(json!({"op": "set_system", "limits": theirs(&limits)}))
        .await;
    limiter
        .config()
        .set(ConfigScope::Entity(entity("own")), limits.clone())
        .await
        .unwrap();
    twins
        .table
        .theirs
        .ask(json!({"op": "set_entity", "entity": "own", "limits": theirs(&limits)}))
        .await;

    for (new, request) in [
        (Entity::new(entity("org")), json!({"entity": "org"})),
        (
            Entity::new(entity("kid"))
                .with_parent(entity("org"))
                .cascading()
                .with_name("A kid")
                .with_metadata("team", "a"),
            json!({"entity": "kid", "parent": "org", "cascade": true, "name": "A kid", "metadata": {"team": "a"}}),
        ),
        (
            Entity::new(entity("loner")).with_parent(entity("org")),
            json!({"entity": "loner", "parent": "org"}),
        ),
        (
            Entity::new(entity("orphan")).cascading(),
            json!({"entity": "orphan", "cascade": true}),
        ),
        (
            Entity::new(entity("own"))
                .with_parent(entity("nobody"))
                .cascading(),
            json!({"entity": "own", "parent": "nobody", "cascade": true}),
        ),
    ] {
        let id = new.id.clone();
        limiter.entities().create(new).await.unwrap();
        let mut request = request;
        request["op"] = json!("create_entity");
        twins.table.theirs.ask(request).await;
        twins.same(&format!("{id} created")).await;
    }
    for id in ["kid", "loner", "orphan", "own", "stranger", "kid", "own"] {
        limiter
            .acquire(id, "api")
            .cost("rpd", 2)
            .cost("tpd", 30)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        let acquire = json!({"op": "acquire", "entity": id, "resource": "api", "consume": {"rpd": 2, "tpd": 30}});
        twins.table.theirs.ask(acquire).await;
        twins.same(&format!("{id} acquires")).await;
    }
    for id in ["kid", "org", "own", "stranger", "nobody-at-all"] {
        limiter.entities().delete(&entity(id)).await.unwrap();
        twins
            .table
            .theirs
            .ask(json!({"op": "delete_entity", "entity": id}))
            .await;
        if id == "own" {
            // The peer keeps counting a config that is deleted. Correct the count, to compare the
            // rest.
            mend_count(&twins.table, &twins.table.theirs.namespace).await;
        }
        twins.same(&format!("{id} deleted")).await;
    }
}

/// Removes the count of entities with limits for all resources from a namespace's list.
async fn mend_count(table: &Table, namespace: &str) {
    let update = table
        .engine
        .client()
        .update_item()
        .table_name(super::peer::STACK);
    let update = update
        .key("PK", S(format!("{namespace}/SYSTEM#")))
        .key("SK", S("#ENTITY_CONFIG_RESOURCES".into()));
    let update = update
        .update_expression("REMOVE #all")
        .expression_attribute_names("#all", "_default_");
    update.send().await.unwrap();
}

#[tokio::test]
async fn both_clients_write_the_same_items_for_leases() {
    let Some(mut twins) = twins_or_skip(Maker::Ours).await else {
        return;
    };
    let limiter = twins.table.ours.clone();
    let limits = [slow("rpd", 100), slow("tpd", 1000)];
    let rows = theirs(&limits);
    let ask = |rpd: u64, tpd: u64| {
        // The Python client requires every limit that the request names, even with an amount of 0.
        let consume = if tpd > 0 {
            json!({"rpd": rpd, "tpd": tpd})
        } else {
            json!({"rpd": rpd})
        };
        json!({"op": "acquire", "entity": "u1", "resource": "api", "consume": consume, "limits": rows, "hold": "lease"})
    };
    let ours = |rpd: u64, tpd: u64| {
        limiter
            .acquire("u1", "api")
            .limits(limits.clone())
            .cost("rpd", rpd)
            .cost("tpd", tpd)
            .into_future()
    };
    let end = async |twins: &mut Twins, op: &str, step: &str| {
        twins
            .table
            .theirs
            .ask(json!({"op": op, "hold": "lease"}))
            .await;
        twins.same(step).await;
    };
    for (adjustment, step) in [
        (0, "exactly"),
        (50, "more"),
        (-20, "less"),
        (5000, "into debt"),
        (-4000, "unused"),
    ] {
        // While there is a debt, the estimate exceeds what is left.
        let estimate = if adjustment < -1000 { (1, 0) } else { (1, 100) };
        twins.table.theirs.ask(ask(estimate.0, estimate.1)).await;
        let mut lease = ours(estimate.0, estimate.1).await.unwrap();
        twins.same(&format!("held: {step}")).await;
        if adjustment != 0 && estimate.1 > 0 {
            let adjust = json!({"op": "adjust", "hold": "lease", "amounts": {"tpd": adjustment}});
            twins.table.theirs.ask(adjust).await;
            lease.adjust("tpd", adjustment).unwrap();
        }
        lease.commit().await.unwrap();
        end(&mut twins, "commit", step).await;
    }
    twins.table.theirs.ask(ask(3, 0)).await;
    let lease = ours(3, 0).await.unwrap();
    lease.rollback().await.unwrap();
    end(&mut twins, "rollback", "rolled back").await;

    // The bucket is short: neither client writes anything.
    let before = twins.table.items().await;
    assert_eq!(
        twins.table.theirs.try_ask(ask(1, 1)).await["error"],
        "denied"
    );
    assert!(ours(1, 1).await.unwrap_err().denied().is_some());
    assert_eq!(twins.table.items().await, before);
}

#[tokio::test]
async fn both_clients_write_the_same_refill_to_the_capacity() {
    let Some(mut twins) = twins_or_skip(Maker::Ours).await else {
        return;
    };
    let limiter = twins.table.ours.clone();
    let limits = [Limit::per_second("rps", 5), slow("rpd", 100)];
    let ask = json!({
        "op": "acquire", "entity": "u1", "resource": "api", "consume": {"rps": 5, "rpd": 1}, "limits": theirs(&limits),
    });
    for step in ["created", "refilled", "refilled again"] {
        limiter
            .acquire("u1", "api")
            .limits(limits.clone())
            .cost("rps", 5)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        twins.table.theirs.ask(ask.clone()).await;
        twins.same(step).await;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }
}

#[tokio::test]
async fn both_clients_write_the_same_namespace_records() {
    let Some(mut twins) = twins_or_skip(Maker::Theirs).await else {
        return;
    };
    twins.same("registered").await;
    let namespaces = twins.table.ours.namespaces();
    namespaces
        .delete(&NamespaceName::new("ours").unwrap())
        .await
        .unwrap();
    twins
        .table
        .python("await repository.delete_namespace('theirs')")
        .await;
    twins.same("deleted").await;
    namespaces
        .recover(&NamespaceId::new(&twins.ours))
        .await
        .unwrap();
    twins
        .table
        .python("await repository.recover_namespace(sys.argv[3])")
        .await;
    twins.same("recovered").await;
}

#[tokio::test]
async fn both_clients_write_the_same_version_record() {
    let mut records = Vec::new();
    for maker in [Maker::Ours, Maker::Theirs] {
        let table = table_or_skip!(maker);
        let items = table.items().await;
        let record = items
            .iter()
            .find(|item| item["SK"] == S("#VERSION".into()))
            .unwrap();
        let mut record = timeless(record, "no namespace");
        let by = record.remove("updated_by").unwrap();
        assert!(by.as_s().unwrap().split_once(':').is_some(), "{by:?}");
        // We write null, because the functions of the table do not belong to this client.
        let functions = record.remove("lambda_version").unwrap();
        records.push((record, functions));
    }
    assert_eq!(records[0].0, records[1].0);
    assert_eq!(records[0].1, AttributeValue::Null(true));
}
