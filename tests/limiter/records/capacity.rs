//! Usage of a limit over all entities of a resource.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    LimitName, RateLimiter, clock::ManualClock, model::Entity, store::dynamodb::CreateTable,
};

use super::fixture::{START, Table, entity, in_memory, on_both, resource, rpm, settings};

on_both!(
    usage_adds_up_all_entities_as_of_now,
    usage_counts_only_parents_on_demand,
    usage_is_read_over_many_pages
);

fn name(limit: &str) -> LimitName {
    LimitName::new(limit).unwrap()
}

async fn spend(limiter: &RateLimiter, entity: &str, tokens: u64) {
    let lease = limiter
        .acquire(entity, "api")
        .limits(rpm(60))
        .cost("rpm", tokens)
        .await
        .unwrap();
    lease.commit().await.unwrap();
}

async fn usage_adds_up_all_entities_as_of_now(limiter: RateLimiter, clock: ManualClock) {
    let usage = limiter.usage();
    let nothing = usage
        .resource_capacity(&resource("api"), &name("rpm"))
        .await
        .unwrap();
    assert_eq!(
        (
            nothing.total_capacity,
            nothing.utilization_pct,
            nothing.entities.len()
        ),
        (0, 0.0, 0)
    );

    spend(&limiter, "b", 60).await;
    spend(&limiter, "a", 30).await;
    limiter
        .acquire("a", "other")
        .limits(rpm(60))
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let mut lease = limiter
        .acquire("c", "api")
        .limits(rpm(60))
        .cost("rpm", 10)
        .await
        .unwrap();
    lease.settle("rpm", 90).unwrap();
    lease.commit().await.unwrap();
    let now = usage
        .resource_capacity(&resource("api"), &name("rpm"))
        .await
        .unwrap();
    assert_eq!(
        (now.resource.clone(), now.limit.clone()),
        (resource("api"), name("rpm"))
    );
    let rows: Vec<_> = now
        .entities
        .iter()
        .map(|row| (row.entity.as_str(), row.capacity, row.available))
        .collect();
    assert_eq!(rows, [("a", 60, 30), ("b", 60, 0), ("c", 60, -30)]);
    assert_eq!(
        (now.total_capacity, now.total_available, now.utilization_pct),
        (180, 0, 100.0)
    );
    assert_eq!(now.entities[2].utilization_pct, 150.0);

    // One token a second, up to the capacity.
    clock.advance(Duration::from_secs(45));
    let later = usage
        .resource_capacity(&resource("api"), &name("rpm"))
        .await
        .unwrap();
    let available: Vec<_> = later.entities.iter().map(|row| row.available).collect();
    assert_eq!((available, later.total_available), (vec![60, 45, 15], 120));
    let other = usage
        .resource_capacity(&resource("api"), &name("tpm"))
        .await
        .unwrap();
    assert!(other.entities.is_empty());
}

async fn usage_counts_only_parents_on_demand(limiter: RateLimiter, _: ManualClock) {
    let entities = limiter.entities();
    entities.create(Entity::new(entity("org"))).await.unwrap();
    entities
        .create(
            Entity::new(entity("kid"))
                .with_parent(entity("org"))
                .cascading(),
        )
        .await
        .unwrap();
    spend(&limiter, "kid", 10).await;
    spend(&limiter, "stranger", 10).await;
    let usage = limiter.usage();
    let all = usage
        .resource_capacity(&resource("api"), &name("rpm"))
        .await
        .unwrap();
    assert_eq!(all.entities.len(), 3);
    let parents = usage
        .resource_capacity_of_parents(&resource("api"), &name("rpm"))
        .await
        .unwrap();
    assert_eq!(
        (parents.entities.len(), parents.entities[0].entity.clone()),
        (1, entity("org"))
    );
    assert_eq!((parents.total_capacity, parents.total_available), (60, 50));
}

async fn usage_is_read_over_many_pages(limiter: RateLimiter, _: ManualClock) {
    for index in 0..250 {
        spend(&limiter, &format!("key-{index:03}"), 1).await;
    }
    let capacity = limiter
        .usage()
        .resource_capacity(&resource("api"), &name("rpm"))
        .await
        .unwrap();
    assert_eq!(
        (capacity.entities.len(), capacity.total_available),
        (250, 250 * 59)
    );
    assert_eq!(
        limiter
            .usage()
            .buckets(&resource("api"))
            .all()
            .await
            .unwrap()
            .len(),
        250
    );
}

/// A peer has split the bucket into two shards, each with its part of the tokens.
#[tokio::test]
async fn usage_adds_up_shards_and_leaves_out_expired_buckets() {
    for provision in [
        CreateTable::new(),
        CreateTable::new().with_reference_projection(),
    ] {
        let (table, clock) = (Table::create().await, ManualClock::at(START));
        let made = RateLimiter::open()
            .stack("limits")
            .client(table.engine.client());
        made.provision(provision.without_stream()).await.unwrap();
        let limiter = table.limiter(&clock).await;
        spend(&limiter, "a", 20).await;
        spend(&limiter, "gone", 20).await;
        let (ns, client) = (table.namespace().await, table.engine.client());
        let put = async |item| {
            client
                .put_item()
                .table_name("limits")
                .set_item(Some(item))
                .send()
                .await
                .unwrap()
        };
        let (string, number) = (
            |text: String| AttributeValue::S(text),
            |n: i64| AttributeValue::N(n.to_string()),
        );

        let mut shard = table.item("BUCKET#a#api#0", "#STATE").await.unwrap();
        shard.insert("shard_count".into(), number(2));
        shard.insert("b_rpm_tk".into(), number(20_500));
        put(shard.clone()).await;
        shard.insert("PK".into(), string(format!("{ns}/BUCKET#a#api#1")));
        shard.insert("GSI2SK".into(), string("BUCKET#a#1".into()));
        shard.insert("GSI3SK".into(), string("BUCKET#api#1".into()));
        shard.insert("GSI4SK".into(), string("BUCKET#a#api#1".into()));
        shard.insert("b_rpm_tk".into(), number(10_500));
        put(shard).await;
        let mut gone = table.item("BUCKET#gone#api#0", "#STATE").await.unwrap();
        gone.insert("ttl".into(), number(START / 1000 - 1));
        put(gone).await;

        let capacity = limiter
            .usage()
            .resource_capacity(&resource("api"), &name("rpm"))
            .await
            .unwrap();
        let rows: Vec<_> = capacity
            .entities
            .iter()
            .map(|row| (row.entity.as_str(), row.capacity, row.available))
            .collect();
        assert_eq!(rows, [("a", 60, 31)], "{provision:?}");
        clock.advance(Duration::from_secs(120));
        let full = limiter
            .usage()
            .resource_capacity(&resource("api"), &name("rpm"))
            .await
            .unwrap();
        assert_eq!(
            (full.total_capacity, full.total_available),
            (60, 60),
            "{provision:?}"
        );
    }
}

#[tokio::test]
async fn a_limiter_with_gates_reads_the_same_usage() {
    let clock = ManualClock::at(START);
    let limiter = settings(&clock)
        .build(tollgate::store::MemoryStore::new())
        .unwrap();
    spend(&limiter, "a", 20).await;
    let direct = in_memory(&clock);
    spend(&direct, "a", 20).await;
    for limiter in [limiter, direct] {
        let capacity = limiter
            .usage()
            .resource_capacity(&resource("api"), &name("rpm"))
            .await
            .unwrap();
        assert_eq!(capacity.total_available, 40);
    }
}
