//! Items of stored limits, entities and history, compared attribute by attribute.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    clock::ManualClock,
    model::{ConfigScope, Entity, StoredConfig, StoredOnUnavailable},
};

use super::fixture::{START, Table, entity, resource, rpm, settings};

type Item = HashMap<String, AttributeValue>;

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Returns an item without its keys, which were needed to find it.
async fn item(table: &Table, key: &str, sort_key: &str) -> Item {
    let mut item = table.item(key, sort_key).await.expect(sort_key);
    item.remove("PK");
    item.remove("SK");
    item
}

fn expected<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[tokio::test]
async fn a_config_has_the_attributes_of_the_wire_format() {
    let table = Table::create().await;
    let limiter = table.limiter(&ManualClock::at(START)).await;
    let (config, ns) = (limiter.config(), table.namespace().await);
    let system = StoredConfig::from(rpm(10)).with_on_unavailable(StoredOnUnavailable::Allow);
    config.set(ConfigScope::System, system).await.unwrap();
    config
        .set(
            ConfigScope::Resource(resource("gpt-4")),
            rpm(20).with_burst(25),
        )
        .await
        .unwrap();
    config
        .set(
            ConfigScope::EntityResource(entity("c2"), resource("gpt-4")),
            rpm(30),
        )
        .await
        .unwrap();
    config
        .set(ConfigScope::Entity(entity("c2")), rpm(40))
        .await
        .unwrap();

    let limit = |cp, ra| {
        [
            ("l_rpm_cp", number(cp)),
            ("l_rpm_ra", number(ra)),
            ("l_rpm_rp", number(60)),
        ]
    };
    let [cp, ra, rp] = limit(10, 10);
    assert_eq!(
        item(&table, "SYSTEM#", "#CONFIG").await,
        expected([
            ("config_version", number(1)),
            ("on_unavailable", text("allow")),
            cp,
            ra,
            rp,
            ("GSI4PK", text(&ns)),
            ("GSI4SK", text(format!("{ns}/SYSTEM#"))),
        ])
    );
    let [cp, ra, rp] = limit(25, 20);
    assert_eq!(
        item(&table, "RESOURCE#gpt-4", "#CONFIG").await,
        expected([
            ("resource", text("gpt-4")),
            ("config_version", number(1)),
            cp,
            ra,
            rp,
            ("GSI4PK", text(&ns)),
            ("GSI4SK", text(format!("{ns}/RESOURCE#gpt-4"))),
        ])
    );
    for (word, amount) in [("gpt-4", 30), ("_default_", 40)] {
        let [cp, ra, rp] = limit(amount, amount);
        assert_eq!(
            item(&table, "ENTITY#c2", &format!("#CONFIG#{word}")).await,
            expected([
                ("entity_id", text("c2")),
                ("resource", text(word)),
                ("config_version", number(1)),
                cp,
                ra,
                rp,
                ("GSI3PK", text(format!("{ns}/ENTITY_CONFIG#{word}"))),
                ("GSI3SK", text("c2")),
                ("GSI4PK", text(&ns)),
                ("GSI4SK", text(format!("{ns}/ENTITY#c2"))),
            ])
        );
    }
    let lists = [
        ("GSI4PK", text(&ns)),
        ("GSI4SK", text(format!("{ns}/SYSTEM#"))),
    ];
    let [hash, range] = lists.clone();
    assert_eq!(
        item(&table, "SYSTEM#", "#RESOURCES").await,
        expected([
            ("resources", AttributeValue::Ss(vec!["gpt-4".into()])),
            hash,
            range
        ])
    );
    let [hash, range] = lists;
    assert_eq!(
        item(&table, "SYSTEM#", "#ENTITY_CONFIG_RESOURCES").await,
        expected([("gpt-4", number(1)), ("_default_", number(1)), hash, range])
    );
}

#[tokio::test]
async fn a_set_keeps_what_others_have_stored_beside_the_limits() {
    let table = Table::create().await;
    let limiter = table.limiter(&ManualClock::at(START)).await;
    let (config, scope) = (limiter.config(), ConfigScope::Resource(resource("api")));
    config
        .set(
            scope.clone(),
            [rpm(10), tollgate::Limit::per_hour("rph", 5)],
        )
        .await
        .unwrap();
    let ns = table.namespace().await;
    let client = table.engine.client();
    let update = client
        .update_item()
        .table_name("limits")
        .key("PK", text(format!("{ns}/RESOURCE#api")))
        .key("SK", text("#CONFIG"))
        .update_expression("SET #cascade = :yes, novelty = :novelty")
        .expression_attribute_names("#cascade", "cascade")
        .expression_attribute_values(":yes", AttributeValue::Bool(true))
        .expression_attribute_values(":novelty", text("kept"));
    update.send().await.unwrap();

    config.set(scope, rpm(20)).await.unwrap();
    let item = table.item("RESOURCE#api", "#CONFIG").await.unwrap();
    assert_eq!(
        (&item["cascade"], &item["novelty"]),
        (&AttributeValue::Bool(true), &text("kept"))
    );
    assert_eq!(
        (&item["l_rpm_cp"], &item["config_version"]),
        (&number(20), &number(2))
    );
    assert!(
        !item.keys().any(|name| name.starts_with("l_rph")),
        "{item:?}"
    );
}

#[tokio::test]
async fn limits_with_unknown_attributes_are_refused_by_name() {
    let table = Table::create().await;
    let limiter = table.limiter(&ManualClock::at(START)).await;
    limiter
        .config()
        .set(ConfigScope::System, rpm(10))
        .await
        .unwrap();
    let ns = table.namespace().await;
    let schedule = |value: &str| {
        let value = text(value);
        let client = table.engine.client();
        let ns = ns.clone();
        async move {
            let update = client
                .update_item()
                .table_name("limits")
                .key("PK", text(format!("{ns}/SYSTEM#")))
                .key("SK", text("#CONFIG"))
                .update_expression("SET l_rpm_sched = :schedule")
                .expression_attribute_values(":schedule", value);
            update.send().await.unwrap();
        }
    };
    // A dash means that there is no schedule.
    schedule("-").await;
    limiter.config().invalidate();
    limiter.acquire("user", "api").await.unwrap().commit();
    schedule("1;0.5;* 9-17 * * *").await;
    limiter.config().invalidate();
    let error = limiter.acquire("user", "api").await.unwrap_err();
    assert!(error.to_string().contains("l_rpm_sched"), "{error}");
}

#[tokio::test]
async fn entities_and_events_have_the_attributes_of_the_wire_format() {
    let table = Table::create().await;
    let clock = ManualClock::at(START);
    let limiter = table
        .limiter_with(settings(&clock).principal("arn:aws:iam::1:user/ops"))
        .await;
    let ns = table.namespace().await;
    let kid = Entity::new(entity("kid"))
        .with_parent(entity("org"))
        .cascading()
        .with_metadata("team", "a");
    limiter.entities().create(kid).await.unwrap();
    limiter
        .entities()
        .create(Entity::new(entity("org")))
        .await
        .unwrap();

    let metadata = AttributeValue::M(HashMap::from([("team".to_owned(), text("a"))]));
    // The incarnation is random.
    let record = async |id: &str| {
        let mut item = item(&table, &format!("ENTITY#{id}"), "#META").await;
        let incarnation = item.remove("pinc").unwrap();
        let incarnation = incarnation.as_s().unwrap();
        assert!(
            incarnation.len() == 16 && incarnation.bytes().all(|byte| byte.is_ascii_hexdigit())
        );
        item
    };
    assert_eq!(
        record("kid").await,
        expected([
            ("pgen", number(START)),
            ("entity_id", text("kid")),
            ("name", text("kid")),
            ("parent_id", text("org")),
            ("cascade", AttributeValue::Bool(true)),
            ("metadata", metadata.clone()),
            ("created_at", text("2030-03-17T17:46:40Z")),
            ("GSI1PK", text(format!("{ns}/PARENT#org"))),
            ("GSI1SK", text("CHILD#kid")),
            ("GSI4PK", text(&ns)),
            ("GSI4SK", text(format!("{ns}/ENTITY#kid"))),
        ])
    );
    assert_eq!(
        record("org").await,
        expected([
            ("pgen", number(START)),
            ("entity_id", text("org")),
            ("name", text("org")),
            ("parent_id", AttributeValue::Null(true)),
            ("cascade", AttributeValue::Bool(false)),
            ("metadata", AttributeValue::M(HashMap::new())),
            ("created_at", text("2030-03-17T17:46:40Z")),
            ("GSI4PK", text(&ns)),
            ("GSI4SK", text(format!("{ns}/ENTITY#org"))),
        ])
    );

    let subject = tollgate::model::AuditSubject::Entity(entity("kid"));
    let event = limiter
        .audit()
        .events(&subject)
        .next()
        .await
        .unwrap()
        .unwrap();
    let details = AttributeValue::M(HashMap::from([
        ("name".to_owned(), text("kid")),
        ("parent_id".to_owned(), text("org")),
        ("cascade".to_owned(), AttributeValue::Bool(true)),
        ("metadata".to_owned(), metadata),
    ]));
    assert_eq!(
        item(&table, "AUDIT#kid", &format!("#AUDIT#{}", event.event_id)).await,
        expected([
            ("event_id", text(&event.event_id)),
            ("timestamp", text("2030-03-17T17:46:40Z")),
            ("action", text("entity_created")),
            ("entity_id", text("kid")),
            ("resource", AttributeValue::Null(true)),
            ("principal", text("arn:aws:iam::1:user/ops")),
            ("details", details),
            ("ttl", number(START / 1000 + 90 * 86_400)),
            ("GSI4PK", text(&ns)),
            ("GSI4SK", text(format!("{ns}/AUDIT#kid"))),
        ])
    );
}

#[tokio::test]
async fn the_expiry_of_a_bucket_follows_where_its_limits_come_from() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table.limiter(&clock).await;
    let config = limiter.config();
    let expiry = async || {
        table
            .item("BUCKET#user#api#0", "#STATE")
            .await
            .unwrap()
            .get("ttl")
            .cloned()
    };
    let touch = async || {
        clock.advance(std::time::Duration::from_secs(2));
        limiter.acquire("user", "api").await.unwrap().commit();
    };
    config.set(ConfigScope::System, rpm(60)).await.unwrap();
    touch().await;
    assert_eq!(expiry().await, Some(number(START / 1000 + 2 + 3600)));
    config
        .set(ConfigScope::Entity(entity("user")), rpm(60))
        .await
        .unwrap();
    touch().await;
    assert_eq!(expiry().await, None);
    config
        .delete(&ConfigScope::Entity(entity("user")))
        .await
        .unwrap();
    touch().await;
    assert!(expiry().await.is_some());
}
