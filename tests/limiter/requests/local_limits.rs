//! Decisions by this process's local share of the limits while the store is down.

use std::{sync::Arc, time::Duration};

use tollgate::{
    EntityId, Error, Limit, RateLimiter,
    clock::ManualClock,
    error::{Invalid, Unavailable},
    limiter::{Acquire, Breaker, LocalShare},
    model::{ConfigScope, Entity, Owner},
    store::StoreErrorKind,
};

use super::{
    fixture::{START, Table, integer, settings},
    flaky_store::FlakyStore,
};

struct Setting {
    store: Arc<FlakyStore>,
    clock: ManualClock,
    limiter: RateLimiter,
}

impl Setting {
    fn new() -> Self {
        let (store, clock) = (Arc::new(FlakyStore::default()), ManualClock::at(START));
        let limiter = settings(&clock)
            .breaker(Breaker::new())
            .build_shared(store.clone())
            .unwrap();
        Self {
            store,
            clock,
            limiter,
        }
    }

    /// Requests a quarter of 100 tokens a minute as the local share.
    fn ask(&self, cost: u64) -> Acquire {
        self.any(cost).limits(limit())
    }

    fn any(&self, cost: u64) -> Acquire {
        self.limiter
            .acquire("user", "api")
            .cost("tokens", cost)
            .or_locally(LocalShare::one_of(4))
    }
}

fn limit() -> Limit {
    Limit::per_minute("tokens", 100)
}

fn down(store: &FlakyStore) {
    store.fail(StoreErrorKind::NotApplied);
}

#[tokio::test]
async fn requests_are_decided_by_the_share_of_capacity_and_rate() {
    let at = Setting::new();
    assert!(!at.ask(10).await.unwrap().is_degraded());
    down(&at.store);
    let lease = at.ask(20).await.unwrap();
    assert!(lease.is_degraded());
    let status = &lease.statuses()[0];
    assert_eq!((status.limit.capacity(), status.available), (25, 5));
    lease.commit().await.unwrap();
    // 25 tokens a minute: 15 more tokens take 36 seconds.
    let error = at.ask(20).await.unwrap_err();
    assert_eq!(
        error.denied().unwrap().retry_after(),
        Some(Duration::from_secs(36))
    );
    at.clock.advance(Duration::from_secs(36));
    at.ask(20).await.unwrap().commit();
    assert!(at.ask(1).await.is_err());
}

#[tokio::test]
async fn settlements_of_local_decisions_stay_local() {
    let at = Setting::new();
    at.ask(30).await.unwrap().commit();
    down(&at.store);
    let mut more = at.ask(10).await.unwrap();
    more.settle("tokens", 22).unwrap();
    more.consume("tokens", 3).await.unwrap();
    more.commit().await.unwrap();
    assert!(at.ask(1).await.is_err());
    at.clock.advance(Duration::from_secs(60));
    let held = at.ask(25).await.unwrap();
    at.store.fail(None);
    at.clock.advance(Duration::from_secs(60));
    // The bucket has refilled since, and does not know of the local leases.
    held.rollback().await.unwrap();
    at.ask(100).await.unwrap().commit();
    assert!(at.ask(1).await.is_err());
}

#[tokio::test]
async fn an_outage_that_comes_and_goes_fills_no_bucket() {
    let at = Setting::new();
    at.ask(10).await.unwrap().commit();
    let mut granted = 0;
    for _ in 0..10 {
        down(&at.store);
        while at.ask(5).await.is_ok_and(|lease| {
            assert!(lease.is_degraded());
            drop(lease.commit());
            true
        }) {
            granted += 5;
        }
        at.store.fail(None);
        // The breaker does not call the store before its cool-down is over.
        at.clock.advance(Duration::from_secs(2));
        let _ = at.ask(0).await.unwrap().commit();
    }
    // 25 tokens, and the refill of a quarter of the rate since.
    assert!((25..=35).contains(&granted), "{granted}");
}

#[tokio::test]
async fn an_open_breaker_costs_no_store_call() {
    let at = Setting::new();
    down(&at.store);
    for _ in 0..10 {
        at.ask(1).await.unwrap().commit();
    }
    let calls = at.store.calls();
    for _ in 0..10 {
        assert!(at.ask(1).await.unwrap().is_degraded());
    }
    assert_eq!(at.store.calls(), calls);
}

#[tokio::test]
async fn requests_are_decided_by_the_stored_limits_that_were_known_last() {
    let at = Setting::new();
    at.limiter
        .config()
        .set(ConfigScope::system(), limit())
        .await
        .unwrap();
    at.any(10).await.unwrap().commit();
    // The limits are older than their TTL, but nothing newer is available.
    at.clock.advance(Duration::from_secs(600));
    down(&at.store);
    let lease = at.any(20).await.unwrap();
    assert_eq!(
        (lease.is_degraded(), lease.limits()[0].capacity()),
        (true, 25)
    );
}

#[tokio::test]
async fn requests_are_decided_by_default_limits_if_none_are_known_and_refused_without() {
    let table = Table::create().await;
    let limiter = table.limiter(settings(&ManualClock::at(START))).await;
    table.engine.stop().await;
    let ask = || {
        limiter
            .acquire("user", "api")
            .or_locally(LocalShare::percent(10))
    };
    let lease = ask().default_limits(limit()).await.unwrap();
    assert_eq!(
        (lease.is_degraded(), lease.limits()[0].capacity()),
        (true, 10)
    );
    assert!(matches!(ask().await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_local_decision_charges_the_parent_too() {
    let at = Setting::new();
    let parent = EntityId::new("project").unwrap();
    let child = Entity::new(EntityId::new("user").unwrap())
        .with_parent(parent.clone())
        .cascading();
    at.limiter.entities().create(child).await.unwrap();
    let scope = ConfigScope::Entity(parent.clone());
    at.limiter
        .config()
        .set(scope, Limit::per_minute("tokens", 40))
        .await
        .unwrap();
    at.limiter
        .config()
        .set(ConfigScope::system(), limit())
        .await
        .unwrap();
    at.any(1).await.unwrap().commit();
    down(&at.store);
    let lease = at.any(8).await.unwrap();
    assert_eq!(lease.parent(), Some(&parent));
    lease.commit();
    let error = at.any(3).await.unwrap_err();
    let short: Vec<_> = error
        .denied()
        .unwrap()
        .violated()
        .map(|status| (status.owner, status.available))
        .collect();
    assert_eq!(short, [(Owner::Parent, 2)]);
    // The denied request has not charged the child's bucket.
    at.any(2).await.unwrap().commit();
}

#[tokio::test]
async fn a_cost_above_the_share_of_a_capacity_is_not_decided_locally() {
    let at = Setting::new();
    down(&at.store);
    assert!(matches!(
        at.ask(26).await,
        Err(Error::Unavailable(Unavailable::Store(_)))
    ));
    assert!(matches!(at.ask(101).await, Err(Error::ExceedsCapacity(_))));
    at.ask(25).await.unwrap().commit();
}

#[tokio::test]
async fn no_request_is_decided_locally_after_the_shutdown_or_by_a_share_of_zero() {
    let at = Setting::new();
    let error = at
        .ask(1)
        .or_locally(LocalShare::one_of(0))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Invalid(Invalid::Share)), "{error:?}");
    at.limiter.shutdown().await;
    assert!(matches!(
        at.ask(1).await,
        Err(Error::Unavailable(Unavailable::ShutDown))
    ));
}

#[tokio::test]
async fn local_decisions_leave_the_table_as_it_was() {
    let table = Table::create().await;
    let limiter = table.limiter(settings(&ManualClock::at(START))).await;
    let ask = |cost| {
        let ask = limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", cost);
        ask.or_locally(LocalShare::one_of(2))
    };
    ask(10).await.unwrap().commit();
    table.engine.stop().await;
    let mut lease = ask(20).await.unwrap();
    assert!(lease.is_degraded());
    lease.settle("tokens", 5).unwrap();
    table.engine.resume().await;
    lease.commit().await.unwrap();
    assert!(!ask(10).await.unwrap().is_degraded());
    limiter.shutdown().await;
    let item = table.item("user", "api").await.unwrap();
    // The last lease was dropped.
    assert_eq!(
        (integer(&item, "b_tokens_tk"), integer(&item, "b_tokens_tc")),
        (90_000, 10_000)
    );
}
