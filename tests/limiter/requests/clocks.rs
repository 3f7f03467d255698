//! Wrong clocks are corrected by the store's answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    Error, Limit, RateLimiter,
    clock::{Clock, ManualClock, MonotonicClock, StoreTime},
    error::Unavailable,
    limiter::RateLimiterBuilder,
    model::{BucketKey, BucketState, ConfigScope, Create, Update},
    store::{MemoryStore, Store, StoreFuture, WriteOutcome, dynamodb::DynamoDbStore},
};
use tollgate_testkit::Fault;

use super::fixture::{STACK, Table, integer, key};

const HOUR: i64 = 3_600_000;

fn system_time() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64
}

fn builder() -> RateLimiterBuilder {
    RateLimiter::builder()
        .deadline(Duration::from_secs(20))
        .flush_after(Duration::ZERO)
}

/// A system clock that is off by this number of ms.
#[derive(Debug)]
struct Wrong(i64);

impl Clock for Wrong {
    fn now(&self) -> i64 {
        system_time() + self.0
    }
}

/// 10 tokens, refilled at 10 an hour.
fn limit() -> Limit {
    Limit::per_hour("tokens", 10)
}

async fn spend(limiter: &RateLimiter, tokens: u64) -> Result<(), tollgate::Error> {
    limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", tokens)
        .await?
        .commit()
        .await
        .unwrap();
    Ok(())
}

async fn refilled_at(table: &Table) -> i64 {
    integer(&table.item("user", "api").await.unwrap(), "rf")
}

#[tokio::test]
async fn a_clock_that_is_hours_off_fills_no_bucket_and_starves_none() {
    for off in [24 * HOUR, HOUR, -HOUR, -24 * HOUR] {
        let table = Table::create().await;
        let right = table.limiter(builder()).await;
        let wrong = table.limiter(builder().wall_clock(Wrong(off))).await;
        spend(&right, 10).await.unwrap();
        assert!(
            spend(&wrong, 1).await.unwrap_err().denied().is_some(),
            "{off}"
        );
        // A new limiter with the same wrong clock is denied too, and it leaves the refill time
        // right for later limiters.
        let wrong = table.limiter(builder().wall_clock(Wrong(off))).await;
        let limits = [limit(), Limit::per_hour("requests", 10)];
        let denied = wrong
            .acquire("user", "api")
            .limits(limits)
            .cost("tokens", 1)
            .await
            .unwrap_err();
        let wait = denied.denied().unwrap().retry_after().unwrap();
        assert!((350..=365).contains(&wait.as_secs()), "{off}: {wait:?}");
        let apart = refilled_at(&table).await - system_time();
        assert!(apart.abs() < 30_000, "{off}: {apart}");
    }
}

/// Spends with a limiter that was built without `open`, so it has no answer of the store when it
/// begins.
async fn spend_first(table: &Table, off: i64, tokens: u64) -> Result<(), Error> {
    let limiter = builder()
        .wall_clock(Wrong(off))
        .build(table.store())
        .unwrap();
    let lease = limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", tokens)
        .without_parent()
        .await?;
    lease.commit().await.unwrap();
    limiter.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn the_first_write_of_a_clock_that_is_ahead_replaces_no_bucket() {
    let table = Table::create().await;
    spend(&table.limiter(builder()).await, 10).await.unwrap();
    let expires_at = integer(&table.item("user", "api").await.unwrap(), "ttl") * 1000;
    let off = 24 * HOUR;
    assert!(expires_at < system_time() + off, "it would count as gone");
    let denied = spend_first(&table, off, 10).await.unwrap_err();
    assert!(denied.denied().is_some(), "{denied}");
}

#[tokio::test]
async fn a_clock_that_is_off_begins_a_bucket_at_the_stores_time() {
    for off in [-24 * HOUR, -HOUR, HOUR, 24 * HOUR] {
        let table = Table::create().await;
        let (reads, writes) = (table.reads(), table.writes());
        spend_first(&table, off, 10).await.unwrap();
        assert_eq!(
            (table.reads() - reads, table.writes() - writes),
            (1, 1),
            "it looks first"
        );
        let apart = refilled_at(&table).await - system_time();
        assert!(apart.abs() < 30_000, "{off}: {apart}");
        let right = table.limiter(builder()).await;
        let denied = spend(&right, 1).await.unwrap_err();
        let wait = denied.denied().unwrap().retry_after().unwrap();
        assert!((350..=365).contains(&wait.as_secs()), "{off}: {wait:?}");
    }
}

/// Limits that were looked up with a wrong clock must not count as newer than they are.
#[tokio::test]
async fn a_clock_that_is_off_writes_no_old_limits_over_new_ones() {
    for off in [-HOUR, HOUR] {
        let table = Table::create().await;
        let right = table.limiter(builder()).await;
        let wrong = builder()
            .wall_clock(Wrong(off))
            .build(table.store())
            .unwrap();
        let ask = async |limiter: &RateLimiter| {
            limiter
                .acquire("user", "api")
                .await
                .unwrap()
                .commit()
                .await
                .unwrap()
        };
        right
            .config()
            .set(ConfigScope::System, [Limit::per_hour("tokens", 100)])
            .await
            .unwrap();
        ask(&wrong).await;
        right
            .config()
            .set(ConfigScope::System, [limit()])
            .await
            .unwrap();
        ask(&right).await;
        for _ in 0..3 {
            ask(&wrong).await;
            let capacity = integer(&table.item("user", "api").await.unwrap(), "b_tokens_cp");
            assert_eq!(capacity, 10_000, "{off}");
        }
    }
}

#[tokio::test]
async fn a_failed_read_of_the_stores_time_decides_nothing() {
    let table = Table::create().await;
    table.proxy.set_fault(Fault::refuse().on("GetItem").once());
    let error = spend_first(&table, HOUR, 1).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Store(_))),
        "{error:?}"
    );
    assert!(table.item("user", "api").await.is_none());
}

/// A store whose answers never carry the time.
#[derive(Debug)]
struct Undated {
    inner: MemoryStore,
    time: Arc<StoreTime>,
    reads: AtomicU64,
}

impl Store for Undated {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read(bucket)
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.inner.update(bucket, update)
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.inner.create(bucket, create)
    }

    fn time(&self) -> Option<Arc<StoreTime>> {
        Some(self.time.clone())
    }
}

#[tokio::test]
async fn a_store_that_dates_no_answer_is_read_once() {
    let time = Arc::new(StoreTime::new(MonotonicClock::new()));
    let store = Arc::new(Undated {
        inner: MemoryStore::new(),
        time,
        reads: AtomicU64::new(0),
    });
    let clock = ManualClock::at(system_time());
    let limiter = builder()
        .wall_clock(clock.clone())
        .build_shared(store.clone())
        .unwrap();
    for _ in 0..5 {
        let lease = limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", 2)
            .without_parent()
            .await
            .unwrap();
        lease.commit().await.unwrap();
        assert_eq!(store.reads.load(Ordering::SeqCst), 1);
    }
    // The clock is used uncorrected.
    clock.advance(Duration::from_secs(3600));
    limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 10)
        .without_parent()
        .await
        .unwrap()
        .commit();
    assert_eq!(store.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_clock_that_is_given_for_tests_is_not_corrected() {
    let table = Table::create().await;
    let clock = ManualClock::at(system_time());
    let limiter = table.limiter(builder().clock(clock.clone())).await;
    spend(&limiter, 10).await.unwrap();
    clock.advance(Duration::from_secs(3600));
    spend(&limiter, 10).await.unwrap();
}

async fn left_ahead(table: &Table, millis: i64) {
    let mut item = table.item("user", "api").await.unwrap();
    item.insert(
        "rf".into(),
        AttributeValue::N((system_time() + millis).to_string()),
    );
    table
        .engine
        .client()
        .put_item()
        .table_name(STACK)
        .set_item(Some(item))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refill_time_that_others_left_far_ahead_counts_as_now() {
    let table = Table::create().await;
    let limiter = table.limiter(builder()).await;
    spend(&limiter, 10).await.unwrap();
    left_ahead(&table, HOUR).await;
    let fresh = table.limiter(builder()).await;
    let denied = spend(&fresh, 1).await.unwrap_err();
    let wait = denied.denied().unwrap().retry_after().unwrap();
    assert!(
        (350..=365).contains(&wait.as_secs()),
        "no hour more: {wait:?}"
    );
    assert!((refilled_at(&table).await - system_time()).abs() < 30_000);
    let item = table.item("user", "api").await.unwrap();
    assert_eq!(integer(&item, "b_tokens_tk"), 0, "nothing is credited");
}

#[tokio::test]
async fn a_refill_time_a_little_ahead_is_never_moved_back() {
    let table = Table::create().await;
    let limiter = table.limiter(builder()).await;
    spend(&limiter, 5).await.unwrap();
    left_ahead(&table, 1_500).await;
    let ahead = refilled_at(&table).await;
    let limits = [limit(), Limit::per_hour("requests", 10)];
    // With a second limit, the write refills the bucket.
    limiter
        .acquire("user", "api")
        .limits(limits)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert!(refilled_at(&table).await > ahead);
}

#[tokio::test]
async fn a_limiter_that_does_not_know_the_stores_time_moves_nothing_back() {
    let table = Table::create().await;
    let right = table.limiter(builder()).await;
    spend(&right, 10).await.unwrap();
    let before = refilled_at(&table).await;
    let behind = table.limiter(builder().clock(Wrong(-HOUR))).await;
    let limits = [limit(), Limit::per_hour("requests", 10)];
    let _ = behind
        .acquire("user", "api")
        .limits(limits)
        .cost("tokens", 0)
        .await
        .unwrap();
    assert!(refilled_at(&table).await >= before);
    assert!(spend(&right, 1).await.unwrap_err().denied().is_some());
}

#[tokio::test]
async fn every_answer_tells_the_stores_time() {
    let table = Table::create().await;
    let store = DynamoDbStore::with_time(
        &table.engine.client(),
        STACK,
        "none",
        StoreTime::new(MonotonicClock::new()),
    );
    let time = store.time().unwrap();
    assert!(!time.is_known());
    assert_eq!(store.read(&key("user", "api")).await.unwrap(), None);
    assert!(time.is_known());
    assert!(time.error().unwrap() >= 999);
    let corrected = time.correct(0);
    assert!((corrected - system_time()).abs() < 30_000, "{corrected}");
}
