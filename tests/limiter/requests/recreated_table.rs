//! A table that was deleted and created again under the same name. Processes that know the old
//! table grant nothing from their memory of it.

use std::{
    future::IntoFuture,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
    time::Duration,
};

use tokio::{task::JoinSet, time::sleep};
use tollgate::{
    Error, Lease, Limit, RateLimiter, clock::ManualClock, error::Unavailable,
    limiter::RateLimiterBuilder, model::Entity, store::StoreErrorKind,
};

use super::{
    fixture::{STACK, Table, on_table, settings},
    slow_store::Setting,
};

struct World {
    table: Table,
    clock: ManualClock,
    limiter: RateLimiter,
}

fn limit() -> Limit {
    Limit::per_hour("tokens", 100)
}

impl World {
    async fn new() -> Self {
        Self::with(|settings| settings).await
    }

    async fn with(change: impl Fn(RateLimiterBuilder) -> RateLimiterBuilder) -> Self {
        let (table, clock, limiter) = on_table(change).await;
        Self {
            table,
            clock,
            limiter,
        }
    }

    async fn ask(&self, who: &str, cost: u64) -> Result<Lease, Error> {
        self.limiter
            .acquire(who, "api")
            .limits(limit())
            .cost("tokens", cost)
            .await
    }

    async fn spend(&self, who: &str, cost: u64) {
        self.ask(who, cost).await.unwrap().commit().await.unwrap();
    }

    async fn delete(&self) {
        self.table
            .engine
            .client()
            .delete_table()
            .table_name(STACK)
            .send()
            .await
            .unwrap();
    }

    /// Another process creates the table again.
    async fn remake(&self) -> RateLimiter {
        self.delete().await;
        self.table.limiter(settings(&self.clock)).await
    }

    async fn buckets(&self) -> usize {
        let items = self
            .table
            .engine
            .client()
            .scan()
            .table_name(STACK)
            .send()
            .await
            .unwrap()
            .items
            .unwrap_or_default();
        items
            .iter()
            .filter(|item| item["PK"].as_s().unwrap().contains("/BUCKET#"))
            .count()
    }
}

#[track_caller]
fn assert_unregistered<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(
        matches!(result, Err(Error::Unavailable(Unavailable::Unregistered))),
        "{result:?}"
    );
}

#[tokio::test]
async fn an_old_limiter_grants_nothing_a_second_time() {
    let world = World::new().await;
    for who in ["ann", "bob"] {
        world.spend(who, 60).await;
    }
    let _new = world.remake().await;
    for _ in 0..3 {
        for who in ["ann", "bob", "new"] {
            assert_unregistered(world.ask(who, 20).await);
        }
    }
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn the_limiter_that_recreated_the_table_grants() {
    let world = World::new().await;
    world.spend("ann", 60).await;
    let new = world.remake().await;
    assert_unregistered(world.ask("ann", 20).await);
    let ask = || {
        new.acquire("ann", "api")
            .limits(limit())
            .cost("tokens", 100)
    };
    ask().await.unwrap().commit().await.unwrap();
    assert_unregistered(world.ask("ann", 20).await);
    assert_eq!(world.buckets().await, 1);
}

#[tokio::test]
async fn an_old_limiter_that_found_the_table_missing_grants_nothing_a_second_time() {
    let world = World::new().await;
    world.spend("ann", 60).await;
    world.delete().await;
    for who in ["ann", "unseen"] {
        let error = world.ask(who, 20).await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(Unavailable::Store(_))),
            "{error:?}"
        );
    }
    let _new = world.table.limiter(settings(&world.clock)).await;
    for who in ["ann", "unseen", "new"] {
        assert_unregistered(world.ask(who, 20).await);
    }
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn a_bucket_of_several_shards_is_not_granted_again() {
    let world = World::new().await;
    world.spend("ann", 1).await;
    for shards in [1, 2] {
        assert!(world.table.split("ann", "api", shards).await);
    }
    for _ in 0..10 {
        world.spend("ann", 1).await;
    }
    let _new = world.remake().await;
    for cost in [1, 1, 60, 1] {
        let asked = world.ask("ann", cost).await;
        assert!(asked.is_err(), "{asked:?}");
    }
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn a_transaction_grants_nothing_a_second_time() {
    let world = World::new().await;
    let kid = Entity::new("kid".try_into().unwrap())
        .with_parent("org".try_into().unwrap())
        .cascading();
    world.limiter.entities().create(kid).await.unwrap();
    let ask = || {
        world
            .limiter
            .acquire("kid", "api")
            .limits(limit())
            .cost("tokens", 20)
            .in_one_transaction()
    };
    ask().await.unwrap().commit().await.unwrap();
    let _new = world.remake().await;
    for _ in 0..3 {
        assert_unregistered(ask().await);
    }
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn an_availability_request_lets_nothing_be_granted_a_second_time() {
    let world = World::new().await;
    world.spend("ann", 60).await;
    let _new = world.remake().await;
    let _ = world.limiter.available("ann", "api").limits(limit()).await;
    assert_unregistered(world.ask("ann", 20).await);
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn a_settlement_creates_no_bucket() {
    let world = World::new().await;
    let mut lease = world.ask("ann", 60).await.unwrap();
    let _new = world.remake().await;
    lease.settle("tokens", 10).unwrap();
    assert!(lease.commit().await.is_err());
    assert_eq!(world.buckets().await, 0);
    assert_unregistered(world.ask("ann", 60).await);
}

#[tokio::test]
async fn a_transaction_notices_that_the_table_is_missing() {
    let world = World::new().await;
    let kid = Entity::new("kid".try_into().unwrap())
        .with_parent("org".try_into().unwrap())
        .cascading();
    world.limiter.entities().create(kid).await.unwrap();
    let ask = || {
        world
            .limiter
            .acquire("kid", "api")
            .limits(limit())
            .cost("tokens", 20)
            .in_one_transaction()
    };
    ask().await.unwrap().commit().await.unwrap();
    world.delete().await;
    assert!(ask().await.is_err());
    let _new = world.table.limiter(settings(&world.clock)).await;
    // No look-up is made, so the limiter knows only from the transaction that the table was
    // missing.
    assert_unregistered(
        world
            .limiter
            .acquire("unseen", "api")
            .without_parent()
            .limits(limit())
            .await,
    );
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn a_look_up_notices_that_the_table_is_missing() {
    let world = World::new().await;
    world.delete().await;
    assert!(world.ask("ann", 20).await.is_err());
    assert!(world.ask("bob", 20).await.is_err());
    let _new = world.table.limiter(settings(&world.clock)).await;
    for who in ["ann", "unseen"] {
        assert_unregistered(world.ask(who, 20).await);
    }
    assert_eq!(world.buckets().await, 0);
}

/// Returns the number of reads of all kinds since `before`.
fn reads(table: &Table, before: u64) -> u64 {
    ["GetItem", "Query", "BatchGetItem"]
        .iter()
        .map(|operation| table.proxy.received(operation))
        .sum::<u64>()
        - before
}

#[tokio::test]
async fn a_bucket_that_somebody_deleted_costs_one_read() {
    let world = World::new().await;
    for who in ["ann", "bob"] {
        world.spend(who, 60).await;
    }
    let before = reads(&world.table, 0);
    for _ in 0..5 {
        world.spend("ann", 1).await;
    }
    assert_eq!(reads(&world.table, before), 0, "nobody suspects anything");
    // An administrator deletes the bucket without this limiter.
    let admin = world.table.limiter(settings(&world.clock)).await;
    assert!(
        admin
            .entities()
            .delete(&"ann".try_into().unwrap())
            .await
            .unwrap()
            > 0
    );
    let before = reads(&world.table, 0);
    world.spend("ann", 30).await;
    assert_eq!(reads(&world.table, before), 1);
    for who in ["ann", "bob", "ann"] {
        world.spend(who, 1).await;
    }
    assert_eq!(reads(&world.table, before), 1);
}

/// The registry is a single item. The registry is read once, not by every request, nor by every
/// request that is in flight.
#[tokio::test]
async fn the_registry_is_read_once() {
    for at_once in [false, true] {
        let world = World::new().await;
        let who = |n: usize| format!("user-{}", n % 10);
        for n in 0..10 {
            world.spend(&who(n), 1).await;
        }
        let _new = world.remake().await;
        let before = world.table.proxy.received("GetItem");
        let ask = |n| {
            world
                .limiter
                .acquire(who(n).as_str(), "api")
                .limits(limit())
                .without_parent()
        };
        if at_once {
            let mut asked: JoinSet<_> = (0..100).map(|n| ask(n).into_future()).collect();
            while let Some(asked) = asked.join_next().await {
                assert_unregistered(asked.unwrap());
            }
        }
        for n in 0..100 {
            assert_unregistered(ask(n).await);
        }
        assert_eq!(
            world.table.proxy.received("GetItem") - before,
            1,
            "{at_once}"
        );
    }
}

/// Differences are written soon, and soon repeated.
fn quick(builder: RateLimiterBuilder) -> RateLimiterBuilder {
    builder
        .without_breaker()
        .flush_after(Duration::from_millis(10))
}

/// Returns a limiter that has found its table missing once and cannot find out if the table is now
/// the same one, with a lease.
async fn doubtful() -> (Setting, Lease) {
    let at = Setting::with(Duration::from_millis(5), quick);
    let lease = at.alone("ann").await.unwrap();
    at.store.fail("update", StoreErrorKind::Missing);
    assert!(at.alone("ann").await.is_err());
    at.store.fail("update", None);
    at.store.fail("is_registered", StoreErrorKind::NotApplied);
    (at, lease)
}

/// Nothing is written before the limiter knows.
#[tokio::test(start_paused = true)]
async fn differences_wait_until_it_is_known_if_it_is_another_table() {
    let (at, mut lease) = doubtful().await;
    let before = at.store.count("update");
    lease.settle("tokens", 10).unwrap();
    let committed = tokio::spawn(lease.commit().into_future());
    sleep(Duration::from_millis(300)).await;
    let asked = at.store.count("is_registered");
    assert!((2..10).contains(&asked), "{asked}");
    assert_eq!(at.store.count("update"), before);
    at.store.fail("is_registered", None);
    committed.await.unwrap().unwrap();
    assert_eq!(at.consumed("ann").await, 10_000);
}

/// A table that is being restored is missing for a while. Differences of leases are kept until it
/// is back.
#[tokio::test(start_paused = true)]
async fn differences_wait_for_a_table_that_is_missing() {
    let at = Setting::with(Duration::from_millis(5), quick);
    let mut lease = at.alone("ann").await.unwrap();
    at.store.fail("update", StoreErrorKind::Missing);
    lease.settle("tokens", 10).unwrap();
    let committed = tokio::spawn(lease.commit().into_future());
    sleep(Duration::from_millis(300)).await;
    assert!(at.store.count("update") > 1);
    at.store.fail("update", None);
    committed.await.unwrap().unwrap();
    assert_eq!(at.consumed("ann").await, 10_000);
}

/// Sends another request as soon as the first one is answered, before the task that brings the
/// answer continues.
struct AskAgain(Mutex<Option<Asking>>);

type Asking = Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send>>;

impl Wake for AskAgain {
    fn wake(self: Arc<Self>) {
        if let Some(next) = self.0.lock().unwrap().as_mut() {
            assert!(
                next.as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
        }
    }
}

/// A request that comes just after the others have failed fails in the same way.
#[tokio::test(start_paused = true)]
async fn nothing_is_written_for_a_request_that_comes_just_after_the_failure() {
    let (at, _lease) = doubtful().await;
    let before = at.store.calls().len();
    let again = Arc::new(AskAgain(Mutex::new(Some(Box::pin(
        at.alone("ann").into_future(),
    )))));
    let mut first = Box::pin(at.alone("ann").into_future());
    let waker = Waker::from(again.clone());
    assert!(
        first
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    sleep(Duration::from_millis(20)).await;
    let second = again.0.lock().unwrap().take().unwrap();
    let second = second.await;
    assert!(
        matches!(second, Err(Error::Unavailable(Unavailable::Store(_)))),
        "{second:?}"
    );
    let since: Vec<_> = at.store.calls()[before..]
        .iter()
        .map(|call| call.what)
        .collect();
    assert_eq!(since, ["is_registered"; 2]);
}

/// All requests that come while the registry is read share its answer, even if it is an error.
#[tokio::test(start_paused = true)]
async fn a_failed_read_of_the_registry_is_not_repeated_by_each_bucket() {
    let (at, _lease) = doubtful().await;
    let before = at.store.count("is_registered");
    let mut asked: JoinSet<_> = (0..50)
        .map(|n| at.alone(&format!("user-{n}")).into_future())
        .collect();
    while let Some(asked) = asked.join_next().await {
        let asked = asked.unwrap();
        assert!(
            matches!(asked, Err(Error::Unavailable(Unavailable::Store(_)))),
            "{asked:?}"
        );
    }
    assert_eq!(at.store.count("is_registered") - before, 1);
    at.store.fail("is_registered", None);
    at.alone("ann").await.expect("it is asked again").commit();
}
