//! The limiter without async: from plain threads, and from inside a runtime.

use std::time::{Duration, UNIX_EPOCH};

use tollgate::{
    EntityId, Error, Limit, LimitName, RateLimiter, Resource,
    blocking::{Wait, runtime},
    error::Invalid,
    limiter::Prefetch,
    model::{ConfigScope, ConfigSource, Entity, NamespaceName, UsageWindow},
    store::{MemoryStore, dynamodb::CreateTable},
};
use tollgate_testkit::Engine;

fn entity(id: &str) -> EntityId {
    EntityId::new(id).unwrap()
}

/// Uses a limiter in every way, for buckets in memory and in a store.
fn use_it(limiter: &RateLimiter) {
    limiter
        .config()
        .set(ConfigScope::System, Limit::per_hour("tpm", 100))
        .wait()
        .unwrap();
    let key = Entity::new(entity("key"))
        .with_parent(entity("project"))
        .cascading();
    limiter.entities().create(key).wait().unwrap();

    let mut lease = limiter
        .acquire("key", "gpt-4")
        .cost("tpm", 10)
        .wait()
        .unwrap();
    lease.consume("tpm", 5).wait().unwrap();
    lease.settle("tpm", 40).unwrap();
    assert_eq!(lease.consumed("tpm"), Some(40));
    assert_eq!(
        (lease.limits().len(), lease.parent()),
        (1, Some(&entity("project")))
    );
    lease.commit().wait().unwrap();
    let available = limiter.available("key", "gpt-4").wait().unwrap();
    assert_eq!(available.get("tpm").unwrap().available, 60);

    let buckets = limiter.buckets();
    let top_up = buckets
        .top_up("key", "gpt-4", [("tpm", 50)])
        .wait()
        .unwrap();
    // The bucket has refilled a little.
    assert!((39..=40).contains(&top_up.amount("tpm")));
    let reset = buckets.reset("key", "gpt-4").by("ops").wait().unwrap();
    assert_eq!(reset.amount("tpm"), 0);
    limiter
        .acquire("key", "gpt-4")
        .cost("tpm", 40)
        .wait()
        .unwrap()
        .commit()
        .wait()
        .unwrap();

    let reset = buckets.reset("project", "gpt-4").wait().unwrap();
    assert!((79..=80).contains(&reset.amount("tpm")));

    let found = limiter
        .config()
        .resolve("key", "gpt-4")
        .wait()
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.limits.len(), found.source),
        (1, ConfigSource::System)
    );

    let denied = limiter
        .acquire("key", "gpt-4")
        .cost("tpm", 61)
        .wait()
        .unwrap_err();
    assert!(denied.denied().is_some(), "{denied:?}");
    limiter
        .acquire("key", "gpt-4")
        .cost("tpm", 60)
        .wait()
        .unwrap()
        .rollback()
        .wait()
        .unwrap();

    let failed = limiter
        .acquire("key", "gpt-4")
        .cost("tpm", 60)
        .run(async |lease| {
            lease.adjust("tpm", 1)?;
            Err::<(), Error>(Error::from(Invalid::LeaseClosed))
        });
    assert!(failed.wait().is_err());
    limiter.shutdown().wait();
    let wait = limiter
        .time_until_available("key", "gpt-4")
        .cost("tpm", 60)
        .wait()
        .unwrap();
    assert_eq!(wait, Some(std::time::Duration::ZERO));

    limiter.ping().wait().unwrap();
    assert!(limiter.status().wait().available);
    let (gpt, tpm) = (
        Resource::new("gpt-4").unwrap(),
        LimitName::new("tpm").unwrap(),
    );
    let left = limiter
        .usage()
        .resource_capacity(&gpt, &tpm)
        .wait()
        .unwrap();
    assert_eq!((left.entities.len(), left.total_capacity), (2, 200));
    assert!(
        limiter
            .usage()
            .resource_capacity_of_parents(&gpt, &tpm)
            .wait()
            .unwrap()
            .entities
            .is_empty()
    );
    assert_eq!(limiter.usage().buckets(&gpt).all().wait().unwrap().len(), 2);
    let snapshots = limiter
        .usage()
        .of_entity(entity("key"))
        .resource(gpt)
        .window(UsageWindow::Hourly)
        .since(UNIX_EPOCH)
        .until(UNIX_EPOCH + Duration::from_secs(1));
    assert_eq!(snapshots.clone().list().all().wait().unwrap().len(), 0);
    assert_eq!(snapshots.summary().wait().unwrap().snapshots, 0);

    let mut children = limiter.entities().children(&entity("project"));
    assert_eq!(children.next().wait().unwrap().unwrap().id, entity("key"));
    assert!(children.next().wait().is_none());
    assert_eq!(limiter.entities().delete(&entity("key")).wait().unwrap(), 2);
}

fn over_dynamodb() -> (Engine, RateLimiter) {
    let engine = Engine::start_blocking();
    let opened = RateLimiter::open()
        .stack("limits")
        .client(engine.client())
        .provision(CreateTable::new());
    (engine, opened.wait().unwrap())
}

#[test]
fn a_plain_thread_can_wait_in_memory() {
    use_it(&RateLimiter::memory());
}

#[test]
fn a_plain_thread_can_wait_through_gates() {
    use_it(
        &RateLimiter::builder()
            .runtime(runtime().unwrap())
            .build(MemoryStore::new())
            .unwrap(),
    );
}

#[test]
fn a_plain_thread_can_wait_over_dynamodb() {
    let (_engine, limiter) = over_dynamodb();
    use_it(&limiter);
}

#[tokio::test]
async fn a_blocking_thread_of_a_runtime_can_wait() {
    let used = tokio::task::spawn_blocking(|| {
        let (_engine, limiter) = over_dynamodb();
        use_it(&limiter);
        // The limiter is dropped here, inside the runtime's context.
    });
    used.await.unwrap();
}

#[tokio::test]
async fn a_wait_in_an_async_task_blocks_and_does_not_panic() {
    let limiter = RateLimiter::memory();
    use_it(&limiter);
    drop(limiter);
}

/// Uses a bucket's handle: with limits of its own, with default limits, and with stored limits.
fn hold_a_bucket(limiter: &RateLimiter) {
    let bucket = limiter.bucket("user", "api").unwrap();
    assert_eq!(
        (bucket.entity().as_str(), bucket.resource().as_str()),
        ("user", "api")
    );
    assert!(matches!(
        bucket.acquire().wait().unwrap_err(),
        Error::Invalid(Invalid::NoLimits)
    ));
    let limited = bucket.clone().limits(Limit::per_hour("rph", 2)).unwrap();
    limited.acquire().wait().unwrap().commit().wait().unwrap();
    let or_else = bucket.default_limits(Limit::per_hour("rph", 2)).unwrap();
    or_else
        .acquire()
        .run(async |_| Ok::<(), Error>(()))
        .wait()
        .unwrap();
    assert!(limited.acquire().wait().unwrap_err().denied().is_some());
    assert!(limiter.bucket("", "api").is_err());
}

#[test]
fn bucket_handles_can_be_used_without_async() {
    hold_a_bucket(&RateLimiter::memory());
    let (_engine, limiter) = over_dynamodb();
    hold_a_bucket(&limiter);
}

#[test]
fn tokens_are_prefetched_without_async() {
    let (_engine, limiter) = over_dynamodb();
    let mut asked = 0;
    while limiter.prefetch_stats().served == 0 {
        asked += 1;
        let acquire = limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("rph", 10_000));
        acquire
            .prefetch(Prefetch::new())
            .wait()
            .unwrap()
            .commit()
            .wait()
            .unwrap();
        assert!(
            asked < 10_000,
            "none was granted from memory: {:?}",
            limiter.prefetch_stats()
        );
    }
    let stats = limiter.prefetch_stats();
    assert_eq!(stats.served + stats.missed, asked);
    limiter.shutdown().wait();
}

#[test]
fn namespaces_are_managed_without_async() {
    let (_engine, limiter) = over_dynamodb();
    let name = NamespaceName::new("red").unwrap();
    let info = limiter.namespaces().register(&name).wait().unwrap();
    let red = limiter.namespace("red").wait().unwrap();
    red.config()
        .set(ConfigScope::System, Limit::per_hour("tpm", 100))
        .wait()
        .unwrap();
    drop(red.acquire("key", "gpt-4").wait().unwrap().commit());
    red.shutdown().wait();
    assert!(limiter.acquire("key", "gpt-4").wait().is_err());
    assert_eq!(limiter.namespaces().list().all().wait().unwrap().len(), 2);
    limiter.namespaces().delete(&name).wait().unwrap();
    // Three items are deleted: the config, the event of its history, and the bucket.
    assert_eq!(limiter.namespaces().purge(&info.id).wait().unwrap(), 3);
}
