//! The circuit breaker: it stops calls to a store that keeps failing, and probes the store later.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use tollgate::{
    Error, Lease, Limit, RateLimiter,
    clock::ManualClock,
    error::Unavailable,
    limiter::{Acquire, Breaker, Prefetch, RateLimiterBuilder},
    model::{BreakerState, ConfigScope},
    store::{MemoryStore, StoreErrorKind},
};
use tollgate_testkit::Fault;

use super::{
    fixture::{START, Table, settings},
    flaky_store::FlakyStore,
};

const COOL_DOWN: Duration = Duration::from_secs(10);

/// The cool-down with the largest jitter.
const LONGEST: Duration = Duration::from_secs(15);

struct Setting {
    store: Arc<FlakyStore>,
    clock: ManualClock,
    limiter: RateLimiter,
}

impl Setting {
    fn new() -> Self {
        let (store, clock) = (Arc::new(FlakyStore::default()), ManualClock::at(START));
        let limiter = breaks(&clock).build_shared(store.clone()).unwrap();
        Self {
            store,
            clock,
            limiter,
        }
    }

    fn ask(&self, who: &str) -> Acquire {
        // Make no look-ups: they would succeed and show the breaker that the store answers. Only
        // bucket calls fail here.
        let ask = self.limiter.acquire(who, "api").without_parent();
        ask.limits(Limit::per_hour("tokens", 100))
            .cost("tokens", 10)
    }

    async fn open(&self) {
        self.store.fail(StoreErrorKind::NotApplied);
        for _ in 0..3 {
            let _ = self.ask("user").await.unwrap_err();
        }
        assert_eq!(self.limiter.breaker_state(), BreakerState::Open);
    }
}

fn breaks(clock: &ManualClock) -> RateLimiterBuilder {
    settings(clock).breaker(Breaker::new().failures(3).cool_down(COOL_DOWN))
}

fn is_open(result: Result<Lease, Error>) -> bool {
    matches!(result, Err(Error::Unavailable(Unavailable::BreakerOpen)))
}

#[tokio::test]
async fn the_breaker_opens_after_a_number_of_failures() {
    let at = Setting::new();
    at.ask("user").await.unwrap().commit();
    assert_eq!(at.limiter.breaker_state(), BreakerState::Closed);
    at.open().await;
    let calls = at.store.calls();
    for user in ["user", "other"] {
        assert!(is_open(at.ask(user).await));
    }
    assert_eq!(at.store.calls(), calls);
}

#[tokio::test]
async fn one_probe_at_a_time_is_sent_and_its_success_closes_the_breaker() {
    let at = Setting::new();
    at.open().await;
    at.clock.advance(Duration::from_millis(49));
    assert!(is_open(at.ask("user").await));
    at.clock.advance(LONGEST);
    at.store.take(Duration::from_millis(20));
    let calls = at.store.calls();
    let asked: Vec<_> = (0..10)
        .map(|n| tokio::spawn(at.ask(&format!("user-{n}")).into_future()))
        .collect();
    let mut refused = 0;
    for task in asked {
        refused += usize::from(is_open(task.await.unwrap()));
    }
    assert_eq!(
        (refused, at.store.calls() - calls),
        (9, 1),
        "one has found out, in vain"
    );
    assert!(is_open(at.ask("user").await));

    at.store.fail(None);
    at.store.take(Duration::ZERO);
    at.clock.advance(LONGEST);
    at.ask("user").await.unwrap().commit();
    assert_eq!(at.limiter.breaker_state(), BreakerState::Closed);
    at.ask("other").await.unwrap().commit();
}

#[tokio::test]
async fn a_failure_rate_opens_the_breaker_if_every_other_call_fails() {
    let at = Setting::new();
    let rate = |breaker: Breaker| {
        settings(&at.clock)
            .breaker(breaker.failures(3))
            .build_shared(at.store.clone())
            .unwrap()
    };
    let in_a_row = rate(Breaker::new());
    let rated = rate(Breaker::new().failure_rate(50, 6));
    let ask = async |limiter: &RateLimiter, fails: bool| {
        at.store.fail(fails.then_some(StoreErrorKind::NotApplied));
        let ask = limiter.acquire("user", "api").without_parent();
        drop(
            ask.limits(Limit::per_hour("tokens", 1000))
                .cost("tokens", 1)
                .await,
        );
    };
    for call in 0..20 {
        ask(&in_a_row, call % 2 == 0).await;
    }
    assert_eq!(in_a_row.breaker_state(), BreakerState::Closed);
    let mut calls = 0;
    while rated.breaker_state() == BreakerState::Closed {
        ask(&rated, calls % 2 == 0).await;
        calls += 1;
        assert!(calls < 20);
    }
    assert!(is_open(
        rated
            .acquire("other", "api")
            .without_parent()
            .limits(Limit::per_hour("tokens", 9))
            .await
    ));
    // After the breaker has closed, only new calls count.
    at.store.fail(None);
    at.clock.advance(LONGEST);
    ask(&rated, false).await;
    assert_eq!(rated.breaker_state(), BreakerState::Closed);
    ask(&rated, true).await;
    assert_eq!(rated.breaker_state(), BreakerState::Closed);
}

#[tokio::test]
async fn denials_and_bad_arguments_are_no_failures() {
    let at = Setting::new();
    // Denials come from the store too.
    let limiter = breaks(&at.clock)
        .deny_from_memory(Duration::ZERO)
        .build_shared(at.store.clone())
        .unwrap();
    let ask = |cost| {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 100))
            .cost("tokens", cost)
    };
    ask(100).await.unwrap().commit();
    for _ in 0..10 {
        assert!(matches!(ask(100).await, Err(Error::Denied(_))));
        assert!(matches!(ask(101).await, Err(Error::ExceedsCapacity(_))));
    }
    assert_eq!(limiter.breaker_state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_busy_store_is_no_failure() {
    let at = Setting::new();
    at.store.fail(StoreErrorKind::Busy);
    let error = at
        .ask("user")
        .deadline(Duration::from_millis(100))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Throttled { .. })),
        "{error:?}"
    );
    assert!(at.store.calls() >= 3, "{}", at.store.calls());
    assert_eq!(at.limiter.breaker_state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_limiter_can_do_without_a_breaker() {
    let at = Setting::new();
    let limiter = settings(&at.clock)
        .without_breaker()
        .build_shared(at.store.clone())
        .unwrap();
    at.store.fail(StoreErrorKind::NotApplied);
    for asked in 1..20 {
        let error = limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 100))
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(Unavailable::Store(_))),
            "{error:?}"
        );
        assert_eq!(at.store.calls(), asked);
    }
}

#[tokio::test]
async fn a_settlement_is_repeated_and_closes_the_breaker() {
    let at = Setting::new();
    let mut lease = at.ask("user").await.unwrap();
    at.open().await;
    lease.settle("tokens", 25).unwrap();
    let settlement = lease.commit();
    at.store.fail(None);
    settlement.await.unwrap();
    assert_eq!(at.limiter.breaker_state(), BreakerState::Closed);
    let available = at
        .limiter
        .available("user", "api")
        .limits(Limit::per_hour("tokens", 100))
        .await
        .unwrap();
    assert_eq!(available.get("tokens").unwrap().available, 75);
}

#[tokio::test]
async fn decisions_without_a_store_call_go_on_behind_an_open_breaker() {
    let at = Setting::new();
    let ahead = || {
        at.ask("busy")
            .cost("tokens", 1)
            .prefetch(Prefetch::new().share(50))
    };
    for _ in 0..20 {
        ahead().await.unwrap().commit();
        at.clock.advance(Duration::from_millis(10));
    }
    at.ask("short").cost("tokens", 100).await.unwrap().commit();
    let before = at.limiter.prefetch_stats();
    at.open().await;
    ahead().await.unwrap().commit();
    assert_ne!(at.limiter.prefetch_stats(), before);
    assert!(matches!(at.ask("short").await, Err(Error::Denied(_))));
    let memory = RateLimiter::builder().build_memory(MemoryStore::new());
    assert_eq!(memory.breaker_state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_black_hole_opens_the_breaker_over_dynamodb() {
    let table = Table::create().await;
    let clock = ManualClock::at(START);
    let limiter = table
        .limiter(breaks(&clock).store_deadline(Duration::from_millis(200)))
        .await;
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 100))
            .cost("tokens", 10)
    };
    ask().await.unwrap().commit();
    table.proxy.set_fault(Fault::black_hole());
    let mut asked = 0;
    while !is_open(ask().await) {
        asked += 1;
        assert!(asked <= 3);
    }
    let status = limiter.status().await;
    assert_eq!(
        (status.available, status.breaker),
        (false, BreakerState::Open)
    );
    assert_eq!(serde_json::to_value(&status).unwrap()["breaker"], "open");
    let calls = (table.reads(), table.updates());
    for _ in 0..100 {
        assert!(is_open(ask().await));
    }
    assert_eq!((table.reads(), table.updates()), calls);
    table.proxy.clear_faults();
    clock.advance(LONGEST);
    let granted = ask().deadline(Duration::from_secs(20)).await;
    // On a busy machine the deadline may be missed once more.
    if granted.is_ok() {
        assert_eq!(limiter.status().await.breaker, BreakerState::Closed);
    }
}

#[tokio::test]
async fn failed_look_ups_count_and_cached_limits_are_used_behind_an_open_breaker() {
    let table = Table::create().await;
    let clock = ManualClock::at(START);
    let limiter = table.limiter(breaks(&clock)).await;
    limiter
        .config()
        .set(ConfigScope::system(), Limit::per_hour("tokens", 100))
        .await
        .unwrap();
    limiter
        .acquire("user", "api")
        .prefetch(Prefetch::new())
        .await
        .unwrap()
        .commit();
    table.engine.stop().await;
    for user in ["a", "b", "c"] {
        let error = limiter.acquire(user, "api").await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(Unavailable::Store(_))),
            "{error:?}"
        );
    }
    assert_eq!(limiter.breaker_state(), BreakerState::Open);
    let reads = table.proxy.count("BatchGetItem");
    let error = limiter.acquire("d", "api").await.unwrap_err();
    assert!(error.to_string().contains("keeps failing"), "{error}");
    // The limits are older than their TTL, but nothing newer is available.
    clock.advance(Duration::from_secs(120));
    let _ = limiter.acquire("e", "api").await;
    assert!(is_open(limiter.acquire("user", "api").await));
    assert!(table.proxy.count("BatchGetItem") <= reads + 1);
}
