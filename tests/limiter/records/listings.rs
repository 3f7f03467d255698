//! Listings of many rows, page by page.
//!
//! | rows | a page is |
//! |---|---|
//! | children, configs | a megabyte of items |
//! | buckets | a hundred: what one batch reads |

use tollgate::{
    RateLimiter,
    clock::ManualClock,
    model::{ConfigScope, Entity},
};

use super::fixture::{START, Table, entity, on_both, renamed, resource, rpm};

on_both!(
    children_and_configs_are_listed_in_order,
    resources_are_listed_by_name,
    the_buckets_of_an_entity_are_listed
);

async fn resources_are_listed_by_name(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    for name in ["b", "a", "c/d"] {
        config
            .set(ConfigScope::Resource(resource(name)), rpm(5))
            .await
            .unwrap();
        config
            .set(
                ConfigScope::EntityResource(entity("key"), resource(name)),
                rpm(5),
            )
            .await
            .unwrap();
    }
    config
        .set(ConfigScope::Entity(entity("key")), rpm(5))
        .await
        .unwrap();
    config
        .set(ConfigScope::Resource(resource("a")), rpm(6))
        .await
        .unwrap();
    let all = [resource("a"), resource("b"), resource("c/d")];
    assert_eq!(config.resources().await.unwrap(), all);
    assert_eq!(config.resources_with_entity_limits().await.unwrap(), all);
    assert_eq!(
        config.entities_with_limits(None).all().await.unwrap(),
        [entity("key")]
    );
    config
        .delete(&ConfigScope::Resource(resource("b")))
        .await
        .unwrap();
    config
        .delete(&ConfigScope::EntityResource(entity("key"), resource("b")))
        .await
        .unwrap();
    let rest = [resource("a"), resource("c/d")];
    assert_eq!(config.resources().await.unwrap(), rest);
    assert_eq!(config.resources_with_entity_limits().await.unwrap(), rest);
}

async fn the_buckets_of_an_entity_are_listed(limiter: RateLimiter, _: ManualClock) {
    for index in 0..150 {
        let lease = limiter
            .acquire("key", format!("r{index:03}"))
            .limits(rpm(5))
            .await
            .unwrap();
        lease.commit();
    }
    limiter
        .acquire("stranger", "r000")
        .limits(rpm(5))
        .await
        .unwrap()
        .commit();
    let buckets = limiter
        .entities()
        .buckets(&entity("key"))
        .all()
        .await
        .unwrap();
    assert_eq!(buckets.len(), 150);
    assert!(
        buckets
            .iter()
            .all(|(key, state)| key.entity == entity("key")
                && state.limits()[0].level.tokens == 4000)
    );
}

async fn children_and_configs_are_listed_in_order(limiter: RateLimiter, _: ManualClock) {
    let (entities, config) = (limiter.entities(), limiter.config());
    let ids: Vec<_> = (0..30)
        .map(|index| entity(&format!("key-{index:02}")))
        .collect();
    for id in ids.iter().rev() {
        entities
            .create(Entity::new(id.clone()).with_parent(entity("project")))
            .await
            .unwrap();
        config
            .set(
                ConfigScope::EntityResource(id.clone(), resource("api")),
                rpm(5),
            )
            .await
            .unwrap();
    }
    let children = entities.children(&entity("project")).all().await.unwrap();
    assert_eq!(
        children
            .into_iter()
            .map(|child| child.id)
            .collect::<Vec<_>>(),
        ids
    );
    assert_eq!(
        config
            .entities_with_limits(Some(resource("api")))
            .all()
            .await
            .unwrap(),
        ids
    );
}

/// Returns a table with `rows` rows. `first` creates the records of the entity `row-00000`, and the
/// other rows are copies of them. Also returns the limiter of the table.
async fn filled(rows: usize, first: impl AsyncFn(&RateLimiter)) -> (Table, RateLimiter) {
    let table = Table::create().await;
    let limiter = table.limiter(&ManualClock::at(START)).await;
    first(&limiter).await;
    limiter.shutdown().await;
    let mut model = table.items(&table.namespace().await).await;
    model.retain(|item| {
        item.values()
            .any(|value| value.as_s().is_ok_and(|text| text.contains("row-00000")))
    });
    let copies =
        |item| (1..rows).map(move |row| renamed(item, "row-00000", &format!("row-{row:05}")));
    table.put_all(model.iter().flat_map(copies).collect()).await;
    let limiter = table.limiter(&ManualClock::at(START)).await;
    (table, limiter)
}

fn rows(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|row| format!("row-{row:05}"))
}

#[tokio::test]
async fn a_thousand_children_are_listed_page_by_page() {
    let (table, limiter) = filled(1000, async |limiter| {
        // DynamoDB's page of a megabyte cannot hold all of them.
        let child = Entity::new(entity("row-00000")).with_parent(entity("project"));
        limiter
            .entities()
            .create(child.with_metadata("note", "x".repeat(1200)))
            .await
            .unwrap();
    })
    .await;
    let mut children = limiter.entities().children(&entity("project"));
    for expected in rows(1000) {
        assert_eq!(
            children.next().await.unwrap().unwrap().id.as_str(),
            expected
        );
        if expected == "row-00000" {
            assert_eq!(
                table.proxy.count("Query"),
                1,
                "the others come when they are asked for"
            );
        }
    }
    assert!(children.next().await.is_none());
    assert!(
        (2..=4).contains(&table.proxy.count("Query")),
        "{:?}",
        table.proxy.counts()
    );
}

#[tokio::test]
async fn a_thousand_configs_are_listed_page_by_page() {
    let (_table, limiter) = filled(1000, async |limiter| {
        let config = limiter.config();
        config
            .set(
                ConfigScope::EntityResource(entity("row-00000"), resource("api")),
                rpm(5),
            )
            .await
            .unwrap();
    })
    .await;
    let listed = limiter
        .config()
        .entities_with_limits(Some(resource("api")))
        .all()
        .await
        .unwrap();
    assert!(
        listed
            .iter()
            .map(|id| id.as_str().to_owned())
            .eq(rows(1000))
    );
    assert!(
        limiter
            .config()
            .entities_with_limits(None)
            .all()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn ten_thousand_buckets_are_listed_page_by_page() {
    const BUCKETS: usize = 10_000;
    let (table, limiter) = filled(BUCKETS, async |limiter| {
        limiter
            .acquire("key", "row-00000")
            .limits(rpm(5))
            .await
            .unwrap()
            .commit();
        limiter
            .acquire("stranger", "api")
            .limits(rpm(5))
            .await
            .unwrap()
            .commit();
    })
    .await;
    let calls = || {
        (
            table.proxy.count("Query"),
            table.proxy.count("BatchGetItem"),
        )
    };
    let before = calls();
    let mut buckets = limiter.entities().buckets(&entity("key"));
    for (row, expected) in rows(BUCKETS).enumerate() {
        let (key, state) = buckets.next().await.unwrap().unwrap();
        assert_eq!(
            (key.resource.as_str(), state.limits()[0].level.tokens),
            (expected.as_str(), 4000)
        );
        let pages = row as u64 / 100 + 1;
        assert_eq!(calls(), (before.0 + pages, before.1 + pages));
    }
    assert!(buckets.next().await.is_none());
}
