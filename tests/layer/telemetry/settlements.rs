//! Metrics of settlements.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use axum::response::IntoResponse;
use tollgate::{
    RateLimiter,
    layer::Settle,
    limiter::SettleError,
    model::{BucketKey, BucketState, Create, Update},
    store::{MemoryStore, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome},
};

use super::scrape::Recording;
use crate::world::{self, app, ask, from, layer, ten_tokens, tokens};

fn settled(recording: &Recording, direction: &str) -> Option<f64> {
    let labels = [
        ("resource", "api"),
        ("limit", "tpm"),
        ("direction", direction),
    ];
    recording.get("settled_tokens_total", &labels)
}

async fn asked(limiter: &RateLimiter, used: &'static str) {
    let policy = ten_tokens().settle("tpm", Settle::header("x-used"));
    let app = app(layer(limiter, policy), move || {
        ([("x-used", used)], "hello").into_response()
    });
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
}

async fn corrections(limiter: RateLimiter) {
    let recording = Recording::start();
    asked(&limiter, "10").await;
    assert_eq!(
        (settled(&recording, "up"), settled(&recording, "down")),
        (None, None),
        "as estimated"
    );
    asked(&limiter, "30").await;
    asked(&limiter, "4").await;
    assert_eq!(
        (settled(&recording, "up"), settled(&recording, "down")),
        (Some(20.0), Some(6.0))
    );
    drop(
        limiter
            .acquire("alice", "api")
            .limits(tokens())
            .cost("tpm", 5)
            .await
            .unwrap(),
    );
    assert_eq!(settled(&recording, "down"), Some(11.0), "rolled back");
}

#[tokio::test]
async fn corrections_are_recorded_in_memory() {
    corrections(world::memory().0).await;
}

#[tokio::test]
async fn corrections_are_recorded_through_gates() {
    corrections(world::gated().0).await;
}

#[tokio::test]
async fn invalid_values_are_counted() {
    let recording = Recording::start();
    let (limiter, _) = world::memory();
    for used in ["many", "99999999999999999999", "-1"] {
        asked(&limiter, used).await;
    }
    let ignored = |reason| {
        recording.get(
            "settle_values_ignored_total",
            &[("limit", "tpm"), ("reason", reason)],
        )
    };
    assert_eq!(
        (ignored("malformed"), ignored("too_large")),
        (Some(2.0), Some(1.0))
    );
    assert_eq!(settled(&recording, "up"), None);
}

/// Returns how many values were counted as missing after one answer to a request with these rules.
async fn missing<R: IntoResponse + Send + 'static>(
    rules: Vec<Settle>,
    answer: fn() -> R,
) -> Option<f64> {
    let recording = Recording::start();
    let policy = rules
        .into_iter()
        .fold(ten_tokens(), |policy, rule| policy.settle("tpm", rule));
    let response = ask(
        &app(layer(&world::memory().0, policy), answer),
        from("alice"),
    )
    .await;
    crate::bodies::collect(response.into_body()).await.unwrap();
    recording.get(
        "settle_values_ignored_total",
        &[("limit", "tpm"), ("reason", "missing")],
    )
}

#[tokio::test]
async fn missing_values_are_counted() {
    let header = || Settle::header("x-used");
    let [trailer, usage] = [
        || Settle::trailer("x-used"),
        || Settle::usage(tollgate::layer::Usage::total()),
    ];
    let nothing: fn() -> _ = || "hello";
    for rules in [
        vec![header()],
        vec![header(), Settle::header("x-else")],
        vec![trailer()],
        vec![usage()],
    ] {
        assert_eq!(missing(rules, nothing).await, Some(1.0));
    }
    // One value is enough, and an invalid value is not counted as missing too.
    assert_eq!(
        missing(vec![header(), trailer(), usage()], nothing).await,
        Some(1.0)
    );
    let some: fn() -> _ = || ([("x-used", "30")], "hello");
    for rules in [
        vec![header()],
        vec![header(), Settle::header("x-else")],
        vec![header(), trailer()],
    ] {
        assert_eq!(missing(rules, some).await, None);
    }
    assert_eq!(missing(vec![header()], || [("x-used", "many")]).await, None);
    let bad: fn() -> _ = || {
        (
            [("content-type", "application/json")],
            "{\"usage\":{\"total_tokens\":-1}}",
        )
    };
    assert_eq!(missing(vec![usage()], bad).await, None);
    // A rule that counts finds a value in every body.
    assert_eq!(
        missing(vec![Settle::bytes(|bytes| bytes), usage()], nothing).await,
        None
    );
    assert_eq!(missing(vec![], nothing).await, None);
}

#[tokio::test]
async fn an_amount_of_a_handler_leaves_no_value_missing() {
    let recording = Recording::start();
    let handler = async |lease: tollgate::layer::LeaseHandle| lease.settle("tpm", 3).unwrap();
    let layer = layer(
        &world::memory().0,
        ten_tokens().settle("tpm", Settle::header("x-used")),
    );
    let app = axum::Router::new().fallback(handler).layer(layer);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(
        recording.get(
            "settle_values_ignored_total",
            &[("limit", "tpm"), ("reason", "missing")]
        ),
        None
    );
}

/// Each try fails for certain, so it is repeated, ten times in all.
#[tokio::test(start_paused = true)]
async fn settlements_that_the_store_refuses_too_often_are_counted() {
    let recording = Recording::start();
    let store = Arc::new(Refusing::default());
    let settings = RateLimiter::builder()
        .clock(world::clock())
        .without_breaker();
    let limiter = settings.build_shared(store.clone()).unwrap();
    let acquire = || {
        limiter
            .acquire("alice", "api")
            .limits(tokens())
            .cost("tpm", 10)
    };
    let (first, second) = (acquire().await.unwrap(), acquire().await.unwrap());
    store.refuses.store(true, Ordering::SeqCst);
    let error = first.rollback().await.unwrap_err();
    assert!(matches!(error, SettleError::Store(_)), "{error:?}");
    assert_eq!(store.refused.load(Ordering::SeqCst), 10);
    assert_eq!(
        recording.get("settlements_dropped_total", &[("reason", "store")]),
        Some(1.0)
    );
    // That settlement is lost, but the next one is not.
    store.refuses.store(false, Ordering::SeqCst);
    second.rollback().await.unwrap();
    assert_eq!(world::alices_tokens(&limiter).await, 90);
    assert_eq!(recording.get("settlements_dropped_total", &[]), Some(1.0));
}

/// A store that refuses writes on demand.
#[derive(Debug, Default)]
struct Refusing {
    inner: MemoryStore,
    refuses: AtomicBool,
    refused: AtomicU64,
}

impl Store for Refusing {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.inner.read(bucket)
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        if self.refuses.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            let error = StoreError::new(StoreErrorKind::NotApplied, "the test says so");
            return Box::pin(std::future::ready(Err(error)));
        }
        self.inner.update(bucket, update)
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.inner.create(bucket, create)
    }
}

#[tokio::test]
async fn settlements_that_are_dropped_are_counted() {
    let recording = Recording::start();
    let limiter = RateLimiter::builder()
        .clock(world::clock())
        .build(tollgate::store::MemoryStore::new())
        .unwrap();
    let mut lease = limiter
        .acquire("alice", "api")
        .limits(tokens())
        .cost("tpm", 10)
        .await
        .unwrap();
    limiter.entities().delete(lease.entity()).await.unwrap();
    lease.settle("tpm", 20).unwrap();
    lease.commit().await.unwrap_err();
    assert_eq!(
        recording.get("settlements_dropped_total", &[("reason", "gone")]),
        Some(1.0)
    );
}
