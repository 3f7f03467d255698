//! Waiting for capacity. Paused time jumps from timer to timer, so each millisecond counts.

use std::{
    future::IntoFuture,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{task::JoinHandle, time::Instant};
use tollgate::{
    EntityId, Error, Lease, Limit, RateLimiter,
    blocking::Wait,
    clock::{Clock, ManualClock},
    error::Invalid,
    limiter::Acquire,
    model::Entity,
    store::MemoryStore,
};

use super::{
    fixture::{START, Table},
    flaky_store::{FlakyStore, RuntimeClock},
};

const LONG: Duration = Duration::from_secs(3600);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn memory() -> RateLimiter {
    RateLimiter::builder()
        .clock(RuntimeClock::start())
        .build_memory(MemoryStore::new())
}

fn gated() -> (RateLimiter, Arc<FlakyStore>) {
    let store = Arc::new(FlakyStore::default());
    let limiter = RateLimiter::builder()
        .clock(RuntimeClock::start())
        .flush_after(Duration::ZERO);
    (limiter.build_shared(store.clone()).unwrap(), store)
}

/// 10 tokens a second, at most 10 at once.
fn limit() -> Limit {
    Limit::per_second("tokens", 10)
}

fn ask(limiter: &RateLimiter, cost: u64) -> Acquire {
    limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", cost)
}

async fn drain(limiter: &RateLimiter) {
    ask(limiter, 10).await.unwrap().commit().await.unwrap();
}

/// The requests that were granted, with their times, in order.
#[derive(Clone)]
struct Grants {
    start: Instant,
    granted: Arc<Mutex<Vec<(&'static str, u64)>>>,
}

impl Grants {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            granted: Arc::default(),
        }
    }

    /// Spawns a request that waits behind those that already wait.
    async fn wait(&self, name: &'static str, acquire: Acquire) -> JoinHandle<Result<(), Error>> {
        let grants = self.clone();
        let task = tokio::spawn(async move {
            acquire.await?.commit();
            let at = u64::try_from(grants.start.elapsed().as_millis()).unwrap();
            grants.granted.lock().unwrap().push((name, at));
            Ok(())
        });
        settle().await;
        task
    }

    fn all(&self) -> Vec<(&'static str, u64)> {
        self.granted.lock().unwrap().clone()
    }
}

/// Lets all tasks run as far as they can.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Returns the wait that a denial states, in ms.
fn stated_wait(result: Result<Lease, Error>) -> u64 {
    let error = result.unwrap_err();
    let wait = error
        .denied()
        .unwrap_or_else(|| panic!("{error:?}"))
        .retry_after()
        .unwrap();
    u64::try_from(wait.as_millis()).unwrap()
}

macro_rules! in_memory_and_through_gates {
    ($($test:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test(start_paused = true)]
            async fn $test() {
                super::$test(super::memory()).await;
            })+
        }
        mod through_gates {
            $(#[tokio::test(start_paused = true)]
            async fn $test() {
                super::$test(super::gated().0).await;
            })+
        }
    };
}

in_memory_and_through_gates!(
    a_request_does_not_wait_if_the_bucket_has_its_tokens,
    a_request_waits_exactly_as_long_as_the_refill_takes,
    waiters_start_in_the_order_in_which_they_came,
    a_large_request_is_not_starved_by_small_ones,
    a_request_that_would_wait_too_long_is_denied_at_once,
    the_number_of_waiters_is_bounded,
    a_waiter_that_is_dropped_leaves_its_place,
    a_request_that_no_wait_helps_is_refused_at_once,
    a_request_waits_for_its_parent,
    no_request_waits_for_a_limit_that_only_observes,
    a_bucket_handle_waits_by_stored_limits,
    a_request_that_may_not_wait_is_denied_while_others_wait,
);

async fn a_request_does_not_wait_if_the_bucket_has_its_tokens(limiter: RateLimiter) {
    let start = Instant::now();
    for _ in 0..10 {
        ask(&limiter, 1).until_ready(LONG).await.unwrap().commit();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    // A request that may wait for 0 ms is denied.
    assert_eq!(
        stated_wait(ask(&limiter, 1).until_ready(Duration::ZERO).await),
        100
    );
}

async fn a_request_waits_exactly_as_long_as_the_refill_takes(limiter: RateLimiter) {
    drain(&limiter).await;
    let grants = Grants::new();
    for name in ["first", "second"] {
        grants
            .wait(name, ask(&limiter, 3).until_ready(LONG))
            .await
            .await
            .unwrap()
            .unwrap();
    }
    let [(_, first), (_, second)] = grants.all()[..] else {
        panic!()
    };
    assert!(
        (300..=301).contains(&first) && (600..=602).contains(&second),
        "{first} {second}"
    );
}

async fn waiters_start_in_the_order_in_which_they_came(limiter: RateLimiter) {
    drain(&limiter).await;
    let grants = Grants::new();
    let mut tasks = Vec::new();
    for (name, cost) in [("a", 3), ("b", 1), ("c", 5), ("d", 1), ("e", 2), ("f", 1)] {
        tasks.push(
            grants
                .wait(name, ask(&limiter, cost).until_ready(LONG))
                .await,
        );
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let (names, times): (Vec<_>, Vec<_>) = grants.all().into_iter().unzip();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
    for (time, due) in times.iter().zip([300, 400, 900, 1000, 1200, 1300]) {
        assert!((due..due + 8).contains(time), "{times:?}");
    }
}

async fn a_large_request_is_not_starved_by_small_ones(limiter: RateLimiter) {
    drain(&limiter).await;
    let grants = Grants::new();
    let big = grants
        .wait("big", ask(&limiter, 10).until_ready(LONG))
        .await;
    let mut small = Vec::new();
    for _ in 0..15 {
        small.push(
            grants
                .wait("small", ask(&limiter, 1).until_ready(LONG))
                .await,
        );
        tokio::time::sleep(ms(50)).await;
    }
    big.await.unwrap().unwrap();
    for task in small {
        task.await.unwrap().unwrap();
    }
    let all = grants.all();
    assert!(
        all[0].0 == "big" && (1000..=1001).contains(&all[0].1),
        "{all:?}"
    );
}

async fn a_request_that_would_wait_too_long_is_denied_at_once(limiter: RateLimiter) {
    drain(&limiter).await;
    let start = Instant::now();
    assert_eq!(
        stated_wait(ask(&limiter, 3).until_ready(ms(299)).await),
        300
    );
    let grants = Grants::new();
    let first = grants
        .wait("first", ask(&limiter, 3).until_ready(ms(300)))
        .await;
    // The requests before this one count.
    assert_eq!(
        stated_wait(ask(&limiter, 2).until_ready(ms(499)).await),
        500
    );
    let second = grants
        .wait("second", ask(&limiter, 2).until_ready(ms(510)))
        .await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
}

async fn the_number_of_waiters_is_bounded(limiter: RateLimiter) {
    drain(&limiter).await;
    let grants = Grants::new();
    let ask = || ask(&limiter, 1).until_ready(LONG).max_waiters(2);
    let mut tasks = Vec::new();
    for name in ["a", "b"] {
        tasks.push(grants.wait(name, ask()).await);
    }
    let error = ask().await.unwrap_err();
    let Error::QueueFull(full) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (full.waiters, full.denied.retry_after()),
        (2, Some(ms(300)))
    );
    assert_eq!(error.category(), tollgate::error::ErrorCategory::RateLimit);
    // Other buckets have their own queues.
    limiter
        .acquire("other", "api")
        .limits(limit())
        .until_ready(LONG)
        .max_waiters(2)
        .await
        .unwrap()
        .commit();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    // There is room in the queue again.
    let start = Instant::now();
    ask().await.unwrap().commit();
    assert!(start.elapsed() >= ms(90));
}

async fn a_waiter_that_is_dropped_leaves_its_place(limiter: RateLimiter) {
    drain(&limiter).await;
    let grants = Grants::new();
    let big = grants
        .wait("big", ask(&limiter, 10).until_ready(LONG))
        .await;
    let middle = grants
        .wait("middle", ask(&limiter, 5).until_ready(LONG))
        .await;
    let small = grants
        .wait("small", ask(&limiter, 1).until_ready(LONG).max_waiters(3))
        .await;
    tokio::time::sleep(ms(50)).await;
    middle.abort();
    big.abort();
    settle().await;
    // A new request takes the tokens that were given back, and starts before one that already has a
    // start time.
    let last = grants
        .wait("last", ask(&limiter, 1).until_ready(LONG).max_waiters(3))
        .await;
    for task in [small, last] {
        task.await.unwrap().unwrap();
    }
    let [("last", last), ("small", small)] = grants.all()[..] else {
        panic!("{:?}", grants.all())
    };
    assert!(
        (200..=202).contains(&last) && (1600..=1602).contains(&small),
        "{last} {small}"
    );
    // Requests that were dropped are charged nothing.
    drain(&limiter).await;
}

async fn a_request_that_no_wait_helps_is_refused_at_once(limiter: RateLimiter) {
    drain(&limiter).await;
    let start = Instant::now();
    for others in [false, true] {
        let _waiting = if others {
            Some(
                Grants::new()
                    .wait("other", ask(&limiter, 10).until_ready(LONG))
                    .await,
            )
        } else {
            None
        };
        assert!(matches!(
            ask(&limiter, 11).until_ready(LONG).await,
            Err(Error::ExceedsCapacity(_))
        ));
        let unknown = ask(&limiter, 1).cost("others", 1).until_ready(LONG).await;
        assert!(
            matches!(unknown, Err(Error::Invalid(Invalid::UnknownLimit(_)))),
            "{unknown:?}"
        );
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

async fn no_request_waits_for_a_limit_that_only_observes(limiter: RateLimiter) {
    let limits = [limit(), Limit::per_hour("seen", 1)];
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(limits.clone())
            .cost("tokens", 10)
            .shadow_limit("seen")
    };
    ask().await.unwrap().commit();
    let grants = Grants::new();
    let mut tasks = Vec::new();
    for name in ["a", "b", "c"] {
        tasks.push(grants.wait(name, ask().until_ready(ms(3100))).await);
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(grants.start.elapsed() <= ms(3010), "{:?}", grants.all());
}

async fn a_request_waits_for_its_parent(limiter: RateLimiter) {
    let [parent, child, sibling] =
        ["project", "child", "sibling"].map(|name| EntityId::new(name).unwrap());
    for id in [child, sibling] {
        let entity = Entity::new(id).with_parent(parent.clone()).cascading();
        limiter.entities().create(entity).await.unwrap();
    }
    let ask = |who: &str| {
        limiter
            .acquire(who, "api")
            .limits(limit())
            .cost("tokens", 10)
    };
    ask("sibling").await.unwrap().commit();
    let start = Instant::now();
    ask("child").until_ready(LONG).await.unwrap().commit();
    assert!(
        (ms(1000)..=ms(1002)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
}

async fn a_bucket_handle_waits_by_stored_limits(limiter: RateLimiter) {
    limiter
        .config()
        .set(tollgate::model::ConfigScope::system(), limit())
        .await
        .unwrap();
    let stored = || {
        limiter
            .acquire("user", "api")
            .cost("tokens", 10)
            .until_ready(LONG)
    };
    stored().await.unwrap().commit();
    let start = Instant::now();
    stored().await.unwrap().commit();
    let handle = limiter
        .bucket("user", "api")
        .unwrap()
        .limits(limit())
        .unwrap();
    handle
        .acquire()
        .cost("tokens", 10)
        .until_ready(LONG)
        .await
        .unwrap()
        .commit();
    assert!(
        (ms(2000)..=ms(2003)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
}

async fn a_request_that_may_not_wait_is_denied_while_others_wait(limiter: RateLimiter) {
    drain(&limiter).await;
    let grants = Grants::new();
    let waiting = grants
        .wait("waiting", ask(&limiter, 10).until_ready(LONG))
        .await;
    tokio::time::sleep(ms(500)).await;
    // 5 tokens have been refilled, and 10 are owed.
    assert_eq!(stated_wait(ask(&limiter, 1).await), 600);
    let available = limiter
        .available("user", "api")
        .limits(limit())
        .await
        .unwrap();
    assert_eq!(available.get("tokens").unwrap().available, -5);
    tokio::time::sleep(ms(600)).await;
    ask(&limiter, 1).await.unwrap().commit();
    waiting.await.unwrap().unwrap();
}

/// Requests of limiters over one memory store wait in the same queue, even if their clocks differ.
#[tokio::test(start_paused = true)]
async fn limiters_that_share_a_memory_store_share_a_queue() {
    let (store, clock) = (MemoryStore::new(), Arc::new(RuntimeClock::start()));
    let limiter = || {
        RateLimiter::builder()
            .clock(Shared(clock.clone()))
            .build_memory(store.clone())
    };
    let [one, other, third] = [limiter(), limiter(), limiter()];
    drain(&one).await;
    let grants = Grants::new();
    let mut tasks = Vec::new();
    // With a queue for each limiter, the small requests would overtake the big one.
    for (name, limiter, cost) in [
        ("a", &one, 5),
        ("b", &other, 1),
        ("c", &one, 1),
        ("d", &third, 1),
    ] {
        tasks.push(
            grants
                .wait(name, ask(limiter, cost).until_ready(LONG))
                .await,
        );
    }
    let error = ask(&other, 1)
        .until_ready(LONG)
        .max_waiters(4)
        .await
        .unwrap_err();
    let Error::QueueFull(full) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (full.waiters, full.denied.retry_after()),
        (4, Some(ms(900))),
        "those of all of them"
    );
    assert_eq!(stated_wait(ask(&third, 1).until_ready(ms(899)).await), 900);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let (names, times): (Vec<_>, Vec<_>) = grants.all().into_iter().unzip();
    assert_eq!(names, ["a", "b", "c", "d"]);
    for (time, due) in times.iter().zip([500, 600, 700, 800]) {
        assert!((due..due + 8).contains(time), "{times:?}");
    }
}

/// One clock for several limiters.
#[derive(Debug)]
struct Shared(Arc<RuntimeClock>);

impl Clock for Shared {
    fn now(&self) -> i64 {
        self.0.now()
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_one_store_call() {
    let (limiter, store) = gated();
    drain(&limiter).await;
    let before = store.calls();
    for _ in 0..10 {
        ask(&limiter, 9).until_ready(LONG).await.unwrap().commit();
    }
    let one_by_one = store.calls() - before;
    assert!(one_by_one <= 11, "{one_by_one}");
    let grants = Grants::new();
    let before = store.calls();
    let mut tasks = Vec::new();
    for _ in 0..10 {
        tasks.push(
            grants
                .wait("waiter", ask(&limiter, 5).until_ready(LONG))
                .await,
        );
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let together = store.calls() - before;
    assert!(together <= 11, "{together}");
}

/// Waiters reserve together: each write carries all requests that came during the one before.
#[tokio::test(start_paused = true)]
async fn a_queue_moves_as_fast_as_the_bucket_refills() {
    let (limiter, store) = gated();
    store.take(ms(5));
    let limit = Limit::per_second("tokens", 1000).with_burst(20);
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(limit.clone())
            .until_ready(LONG)
            .max_waiters(10_000)
    };
    let start = Instant::now();
    let tasks: Vec<_> = (0..2020)
        .map(|_| tokio::spawn(ask().into_future()))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap().commit();
    }
    let took = start.elapsed();
    assert!((ms(1990)..=ms(2100)).contains(&took), "{took:?}");
    assert!(store.calls() <= 10, "{}", store.calls());
}

/// The request is dropped while its write is in flight. Its charge is given back when the write is
/// answered.
#[tokio::test(start_paused = true)]
async fn a_grant_to_a_dropped_request_is_given_back() {
    let (limiter, store) = gated();
    drain(&limiter).await;
    store.take(ms(50));
    let waiting = Grants::new()
        .wait("waiter", ask(&limiter, 10).until_ready(LONG))
        .await;
    tokio::time::sleep(ms(20)).await;
    waiting.abort();
    tokio::time::sleep(ms(200)).await;
    let available = limiter
        .available("user", "api")
        .limits(limit())
        .await
        .unwrap();
    assert_eq!(available.get("tokens").unwrap().available, 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_the_test_moves_wakes_waiters() {
    let clock = ManualClock::at(START);
    for limiter in [
        RateLimiter::builder()
            .clock(clock.clone())
            .build_memory(MemoryStore::new()),
        RateLimiter::builder()
            .clock(clock.clone())
            .build(MemoryStore::new())
            .unwrap(),
    ] {
        drain(&limiter).await;
        let waiting = Grants::new()
            .wait("waiter", ask(&limiter, 10).until_ready(LONG))
            .await;
        tokio::time::sleep(ms(500)).await;
        clock.advance(ms(1000));
        let start = Instant::now();
        waiting.await.unwrap().unwrap();
        assert!(start.elapsed() <= ms(501), "{:?}", start.elapsed());
    }
}

/// The wait ends after the time that was computed, by the runtime's clock, even if the limiter's
/// clock stands still.
#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_delays_no_waiter() {
    let clock = ManualClock::at(START);
    let limiter = RateLimiter::builder()
        .clock(clock.clone())
        .build_memory(MemoryStore::new());
    drain(&limiter).await;
    let grants = Grants::new();
    let first = grants
        .wait("first", ask(&limiter, 5).until_ready(ms(1400)))
        .await;
    let second = grants
        .wait("second", ask(&limiter, 1).until_ready(ms(1300)))
        .await;
    second.await.unwrap().unwrap();
    first.await.unwrap().unwrap();
    let [("first", first), ("second", second)] = grants.all()[..] else {
        panic!("{:?}", grants.all())
    };
    assert!(
        (500..=501).contains(&first) && (600..=601).contains(&second),
        "{first} {second}"
    );
}

#[test]
fn a_memory_store_needs_a_runtime_only_to_wait() {
    let limiter = RateLimiter::builder()
        .clock(ManualClock::at(START))
        .build_memory(MemoryStore::new());
    super::memory::wait(ask(&limiter, 10).until_ready(LONG))
        .unwrap()
        .commit();
    let error = super::memory::wait(ask(&limiter, 10).until_ready(LONG)).unwrap_err();
    assert!(
        matches!(error, Error::Invalid(Invalid::NoRuntime)),
        "{error:?}"
    );
}

#[test]
fn a_request_waits_without_async() {
    let limiter = RateLimiter::memory();
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_second("tokens", 100).with_burst(1))
    };
    let start = std::time::Instant::now();
    for _ in 0..4 {
        ask()
            .until_ready(LONG)
            .max_waiters(1)
            .wait()
            .unwrap()
            .commit()
            .wait()
            .unwrap();
    }
    assert!(start.elapsed() >= ms(29), "{:?}", start.elapsed());
    assert!(matches!(
        ask().until_ready(ms(1)).wait(),
        Err(Error::Denied(_))
    ));
}

#[tokio::test]
async fn a_request_waits_over_dynamodb() {
    let table = Table::create().await;
    let limiter = table
        .limiter(RateLimiter::builder().deadline(Duration::from_secs(20)))
        .await;
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_second("tokens", 20).with_burst(2))
            .cost("tokens", 2)
    };
    ask().await.unwrap().commit();
    let tasks: Vec<_> = (0..5)
        .map(|_| tokio::spawn(ask().until_ready(LONG).into_future()))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap().commit();
    }
}
