//! Look-ups for the cache use eventually consistent reads, at half the price. Reads are consistent for records that
//! this process has changed, or that a bucket has shown to be changed.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::{
    Client,
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};
use tollgate::{
    Limit, RateLimiter,
    clock::ManualClock,
    model::{ConfigScope, Entity},
    store::dynamodb::CreateTable,
};

use super::fixture::{START, Table, entity, rpm, settings};

/// Records for each look-up if it was consistent, in order.
#[derive(Clone, Debug, Default)]
struct LookUps(Arc<Mutex<Vec<bool>>>);

impl Intercept for LookUps {
    fn name(&self) -> &'static str {
        "LookUps"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        if request.headers().get("x-amz-target").is_some_and(|target| target.ends_with(".BatchGetItem")) {
            let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
            self.0.lock().unwrap().push(body.contains("\"ConsistentRead\":true"));
        }
        Ok(())
    }
}

impl LookUps {
    fn take(&self) -> Vec<bool> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn open(table: &Table, clock: &ManualClock, seen: &LookUps) -> RateLimiter {
    let config = table.engine.through(&table.proxy).config().to_builder().interceptor(seen.clone()).build();
    RateLimiter::open()
        .stack("limits")
        .client(Client::from_conf(config))
        .provision(CreateTable::new().without_stream())
        .settings(settings(clock))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_first_touch_is_read_loosely_and_what_was_changed_here_consistently() {
    let (table, clock, seen) = (Table::create().await, ManualClock::at(START), LookUps::default());
    open(&table, &clock, &seen).await.config().set(ConfigScope::System, rpm(10)).await.unwrap();

    seen.take();
    let limiter = open(&table, &clock, &seen).await;
    limiter.acquire("user-1", "api").await.unwrap().commit();
    assert_eq!(seen.take(), [false], "an entity that was not seen yet");
    limiter.config().resolve("user-2", "api").await.unwrap();
    assert_eq!(seen.take(), [false]);

    // An explicit read is consistent.
    limiter.config().get(&ConfigScope::System).await.unwrap();
    limiter.entities().get(&entity("user-1")).await.unwrap();
    assert_eq!(seen.take(), [true, true]);

    // This process sees its own changes at once.
    limiter.config().set(ConfigScope::Entity(entity("user-3")), rpm(20)).await.unwrap();
    seen.take();
    let limits = limiter.config().resolve("user-3", "api").await.unwrap().unwrap();
    assert_eq!(limits.limits[0].capacity(), 20);
    limiter.entities().create(Entity::new(entity("user-4")).with_parent(entity("org")).cascading()).await.unwrap();
    limiter.acquire("user-4", "api").await.unwrap().commit();
    assert!(seen.take().into_iter().all(|consistent| consistent));
}

#[tokio::test]
async fn without_a_cache_every_look_up_is_consistent() {
    let (table, clock, seen) = (Table::create().await, ManualClock::at(START), LookUps::default());
    let config = table.engine.through(&table.proxy).config().to_builder().interceptor(seen.clone()).build();
    let limiter = RateLimiter::open()
        .stack("limits")
        .client(Client::from_conf(config))
        .settings(settings(&clock).config_ttl(std::time::Duration::ZERO))
        .await
        .unwrap();
    let acquire = || limiter.acquire("user-1", "api").default_limits(Limit::per_minute("rpm", 10));
    for _ in 0..2 {
        acquire().await.unwrap().commit();
    }
    assert_eq!(seen.take(), [true, true]);
}
