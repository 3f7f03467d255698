//! The action for a request if the store gives no decision.

use std::{sync::Arc, time::Duration};

use tollgate::{
    Cost, Error, Limit, RateLimiter,
    clock::ManualClock,
    error::{Invalid, Unavailable},
    limiter::{Acquire, LocalShare, OnUnavailable},
    model::{ConfigScope, StoredConfig, StoredOnUnavailable},
    store::StoreErrorKind,
};

use tollgate_testkit::Fault;

use super::{
    fixture::{START, Table, settings},
    flaky_store::FlakyStore,
};

fn limit() -> Limit {
    Limit::per_minute("tokens", 100)
}

fn flaky() -> (Arc<FlakyStore>, RateLimiter) {
    let store = Arc::new(FlakyStore::default());
    let clock = ManualClock::at(START);
    let limiter = settings(&clock).build_shared(store.clone()).unwrap();
    (store, limiter)
}

fn ask(limiter: &RateLimiter) -> Acquire {
    limiter.acquire("user", "api").limits(limit())
}

async fn store_mode(limiter: &RateLimiter, mode: StoredOnUnavailable) {
    let config = StoredConfig::new([limit()]).with_on_unavailable(mode);
    limiter
        .config()
        .set(ConfigScope::system(), config)
        .await
        .unwrap();
}

fn is_unavailable(result: Result<tollgate::Lease, Error>) -> bool {
    matches!(result, Err(Error::Unavailable(_)))
}

#[tokio::test]
async fn the_action_of_the_acquire_decides_while_the_store_is_down() {
    let (store, limiter) = flaky();
    store.fail(StoreErrorKind::NotApplied);
    assert!(is_unavailable(ask(&limiter).await));
    let block = ask(&limiter).on_unavailable(OnUnavailable::Block);
    assert!(is_unavailable(block.await));
    let lease = ask(&limiter)
        .on_unavailable(OnUnavailable::Allow)
        .await
        .unwrap();
    assert!(lease.is_degraded());
    assert_eq!(
        (lease.entity().as_str(), lease.resource().as_str()),
        ("user", "api")
    );
    let local = OnUnavailable::Local {
        share: LocalShare::one_of(4),
    };
    let lease = ask(&limiter).on_unavailable(local).await.unwrap();
    assert_eq!(lease.statuses()[0].limit.capacity(), 25);
    // The last call counts.
    let block = ask(&limiter)
        .or_locally(LocalShare::one_of(4))
        .on_unavailable(OnUnavailable::Block);
    assert!(is_unavailable(block.await));
    let no_share = LocalShare::percent(0);
    let invalid = ask(&limiter).on_unavailable(OnUnavailable::Local { share: no_share });
    assert!(matches!(invalid.await, Err(Error::Invalid(Invalid::Share))));
}

#[tokio::test]
async fn a_lease_without_a_decision_charges_nothing_and_takes_any_name() {
    let (store, limiter) = flaky();
    let _ = ask(&limiter).cost("tokens", 10).await.unwrap().commit();
    store.fail(StoreErrorKind::NotApplied);
    let allow = || ask(&limiter).on_unavailable(OnUnavailable::Allow);
    let mut lease = allow().cost("tokens", 50).await.unwrap();
    lease.settle("tokens", 500).unwrap();
    lease.adjust("other", 1).unwrap();
    lease.consume("tokens", 1_000_000).await.unwrap();
    let more = Cost::new().with("tokens", 5).unwrap();
    lease.consume_all(&more).await.unwrap();
    assert!(lease.statuses().is_empty());
    assert_eq!(lease.consumed("tokens"), None);
    lease.commit().await.unwrap();
    drop(allow().await.unwrap());
    store.fail(None);
    let available = limiter.available("user", "api").limits(limit());
    let available = available.await.unwrap().get("tokens").unwrap().available;
    assert_eq!(available, 90);
}

#[tokio::test]
async fn the_stored_action_is_the_default() {
    let (store, limiter) = flaky();
    store_mode(&limiter, StoredOnUnavailable::Allow).await;
    // The request's own look-up shows the action.
    store.fail(StoreErrorKind::NotApplied);
    assert!(limiter.acquire("user", "api").await.unwrap().is_degraded());
    assert!(ask(&limiter).await.unwrap().is_degraded());
    let wait = ask(&limiter).until_ready(Duration::from_secs(1));
    assert!(wait.await.unwrap().is_degraded());
    let handle = limiter.bucket("user", "api").unwrap();
    assert!(handle.acquire().await.unwrap().is_degraded());
    let block = ask(&limiter).on_unavailable(OnUnavailable::Block);
    assert!(is_unavailable(block.await));
    store.fail(None);
    store_mode(&limiter, StoredOnUnavailable::Block).await;
    let _ = limiter.acquire("user", "api").await.unwrap().commit();
    store.fail(StoreErrorKind::NotApplied);
    assert!(is_unavailable(limiter.acquire("user", "api").await));
    let allow = ask(&limiter).on_unavailable(OnUnavailable::Allow);
    assert!(allow.await.unwrap().is_degraded());
}

#[tokio::test]
async fn a_failure_that_lasts_passes_nobody() {
    let (store, limiter) = flaky();
    store.fail(StoreErrorKind::Rejected);
    let allow = ask(&limiter).on_unavailable(OnUnavailable::Allow);
    assert!(is_unavailable(allow.await));
    store.fail(None);
    limiter.shutdown().await;
    let allow = ask(&limiter).on_unavailable(OnUnavailable::Allow);
    let error = allow.await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(Unavailable::ShutDown)));
}

/// A change of stored limits is written to the buckets of the entity. It must not pass for done if
/// that write fails.
#[tokio::test]
async fn a_change_of_limits_fails_if_its_bucket_cannot_be_written() {
    let (store, limiter) = flaky();
    store_mode(&limiter, StoredOnUnavailable::Allow).await;
    let _ = limiter.acquire("user", "api").await.unwrap().commit();
    store.fail_writes(StoreErrorKind::NotApplied);
    let scope = ConfigScope::entity_resource("user", "api").unwrap();
    let set = limiter.config().set(scope, limit()).await;
    assert!(matches!(set, Err(Error::Unavailable(_))), "{set:?}");
}

#[tokio::test]
async fn a_table_that_is_down_passes_requests_as_the_stored_config_says() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table
        .limiter(settings(&clock).store_deadline(Duration::from_millis(300)))
        .await;
    store_mode(&limiter, StoredOnUnavailable::Allow).await;
    let _ = limiter.acquire("user", "api").await.unwrap().commit();
    table.proxy.set_fault(Fault::refuse());
    let lease = limiter.acquire("user", "api").await.unwrap();
    assert!(lease.is_degraded());
}
