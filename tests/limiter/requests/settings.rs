//! Settings that make no sense, and extreme ones.

use std::{sync::Arc, time::Duration};

use tollgate::{
    Error, Limit, RateLimiter,
    error::Invalid,
    limiter::{Breaker, RateLimiterBuilder},
    store::{MemoryStore, dynamodb::CreateTable},
};

use super::{flaky_store::FlakyStore, memory::wait};
use crate::engine::TestEngine;

fn senseless() -> Vec<(RateLimiterBuilder, &'static str)> {
    let new = RateLimiter::builder;
    let mut all = vec![
        (new().deadline(Duration::ZERO), "deadline"),
        (new().store_deadline(Duration::ZERO), "store_deadline"),
        (new().call_deadline(Duration::ZERO), "call_deadline"),
    ];
    all.extend(
        [0, 3, 31, 33, 64, 1000, u32::MAX].map(|shards| (new().max_shards(shards), "max_shards")),
    );
    all
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_refused() {
    for (settings, name) in senseless() {
        let error = settings.build(MemoryStore::new()).unwrap_err();
        assert!(
            matches!(error, Invalid::Setting { setting, .. } if setting == name),
            "{name}: {error:?}"
        );
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(Error::from(error).code(), Some("TG011"));
    }
    for shards in [1, 2, 4, 8, 16, 32] {
        RateLimiter::builder()
            .max_shards(shards)
            .build(MemoryStore::new())
            .unwrap();
    }
}

/// Opening refuses the setting before it makes any call.
#[tokio::test]
async fn opening_refuses_a_setting_that_makes_no_sense() {
    let engine = TestEngine::start().await;
    for (settings, name) in senseless() {
        let open = RateLimiter::open()
            .client(engine.client())
            .provision(CreateTable::new().without_stream());
        let error = open.settings(settings).await.unwrap_err();
        let refused = |invalid: &Invalid| matches!(invalid, Invalid::Setting { setting, .. } if *setting == name);
        assert!(
            matches!(&error, Error::Invalid(invalid) if refused(invalid)),
            "{name}: {error:?}"
        );
    }
    let tables = engine.client().list_tables().send().await.unwrap();
    assert!(tables.table_names().is_empty(), "{tables:?}");
}

/// Grants two tokens, and denies the third.
async fn counts(limiter: &RateLimiter) {
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_day("rpd", 2))
    };
    ask().await.unwrap().commit();
    ask().await.unwrap().commit();
    assert!(matches!(ask().await, Err(Error::Denied(_))));
    assert!(matches!(ask().await, Err(Error::Denied(_))));
}

#[tokio::test]
async fn the_least_and_the_greatest_settings_work() {
    let (least, most) = (Duration::ZERO, Duration::MAX);
    let quick = Breaker::new()
        .failures(0)
        .failure_rate(0, 0)
        .cool_down(least);
    let slow = Breaker::new()
        .failures(u32::MAX)
        .failure_rate(u32::MAX, u32::MAX)
        .cool_down(most);
    let zero = RateLimiter::builder()
        .config_ttl(least)
        .flush_after(least)
        .deny_from_memory(least)
        .audit_retention(least)
        .max_store_calls(0)
        .remembered_buckets(0)
        .breaker(quick);
    let all = RateLimiter::builder()
        .deadline(most)
        .store_deadline(most)
        .call_deadline(most)
        .config_ttl(most)
        .flush_after(most)
        .deny_from_memory(most)
        .audit_retention(most)
        .max_store_calls(usize::MAX)
        .remembered_buckets(usize::MAX)
        .breaker(slow);
    for settings in [zero, all] {
        let memory = settings.clone().build_memory(MemoryStore::new());
        let limiter = settings.build(MemoryStore::new()).unwrap();
        for limiter in [memory, limiter] {
            counts(&limiter).await;
            limiter
                .config()
                .set(
                    tollgate::model::ConfigScope::System,
                    Limit::per_day("rpd", 2),
                )
                .await
                .unwrap();
            limiter.acquire("other", "api").await.unwrap().commit();
            limiter.shutdown().await;
        }
    }
}

/// An image that a refused write has shown decides the requests that wait for it. It denied the
/// next request too, however old it was.
#[tokio::test]
async fn a_denial_of_before_denies_no_later_request() {
    let store = Arc::new(MemoryStore::new());
    let limiter = || {
        let settings = RateLimiter::builder().deny_from_memory(Duration::ZERO);
        let limiter = settings
            .flush_after(Duration::ZERO)
            .build_shared(store.clone());
        limiter.unwrap()
    };
    let (one, other) = (limiter(), limiter());
    let ask = |limiter: &RateLimiter| {
        let acquire = limiter.acquire("user", "api");
        acquire.limits(Limit::per_day("rpd", 2)).into_future()
    };
    ask(&one).await.unwrap().commit().await.unwrap();
    let lease = ask(&other).await.unwrap();
    assert!(matches!(ask(&one).await, Err(Error::Denied(_))));
    lease.rollback().await.unwrap();
    ask(&one).await.unwrap().commit().await.unwrap();
}

/// With room for one bucket, a limiter still remembers the bucket that was used last: it denies
/// from memory.
#[tokio::test]
async fn at_least_one_bucket_is_remembered() {
    let store = Arc::new(FlakyStore::default());
    let settings = RateLimiter::builder()
        .remembered_buckets(0)
        .deny_from_memory(Duration::from_secs(600));
    let limiter = settings.build_shared(store.clone()).unwrap();
    counts(&limiter).await;
    let calls = store.calls();
    let ask = limiter
        .acquire("user", "api")
        .limits(Limit::per_day("rpd", 2));
    assert!(matches!(ask.await, Err(Error::Denied(_))));
    assert_eq!(store.calls(), calls);
}

#[test]
fn a_memory_store_has_room_for_some_whatever_is_asked() {
    for capacity in [0, 1, usize::MAX] {
        let store = MemoryStore::with_capacity(capacity);
        assert!(store.capacity() > 0, "{capacity}");
        wait(Box::pin(async {
            counts(&RateLimiter::builder().build_memory(store)).await
        }));
    }
}
