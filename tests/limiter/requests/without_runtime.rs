//! Limiters over a store, used outside their runtime and after its end.

use std::{
    future::pending,
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};
use tollgate::{
    Error, Lease, Limit, RateLimiter,
    error::Unavailable,
    limiter::SettleError,
    model::{BucketKey, BucketState, Create, Update},
    store::{MemoryStore, Store, StoreFuture, WriteOutcome},
};

use super::{fixture::key, memory::wait};

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

fn limiter(runtime: &Runtime) -> RateLimiter {
    let settings = RateLimiter::builder()
        .runtime(runtime.handle().clone())
        .flush_after(Duration::from_secs(600));
    settings.build(MemoryStore::new()).unwrap()
}

fn acquire(limiter: &RateLimiter, cost: u64) -> Result<Lease, Error> {
    wait(
        limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 100))
            .cost("tokens", cost),
    )
}

fn left(limiter: &RateLimiter) -> Result<i64, Error> {
    let available = wait(
        limiter
            .available("user", "api")
            .limits(Limit::per_hour("tokens", 100)),
    )?;
    Ok(available.get("tokens").unwrap().available)
}

#[test]
fn a_thread_without_a_runtime_can_acquire_settle_and_look() {
    let runtime = runtime();
    let limiter = limiter(&runtime);
    let other = limiter.clone();
    let lease = thread::spawn(move || {
        acquire(&other, 20).unwrap().commit();
        assert_eq!(left(&other).unwrap(), 80);
        acquire(&other, 30).unwrap()
    });
    drop(lease.join().unwrap());
    wait(limiter.shutdown());
    assert_eq!(left(&limiter).unwrap(), 80);
}

#[test]
fn requests_after_the_end_of_the_runtime_are_refused_and_none_waits() {
    let runtime = runtime();
    let limiter = limiter(&runtime);
    let leases = [
        acquire(&limiter, 10).unwrap(),
        acquire(&limiter, 10).unwrap(),
        acquire(&limiter, 10).unwrap(),
    ];
    let [before, after, dropped] = leases;
    // The flush timer of this settlement is running when the runtime ends.
    let before = before.rollback();
    drop(runtime);

    assert!(matches!(wait(before), Err(SettleError::ShutDown)));
    assert!(matches!(wait(after.rollback()), Err(SettleError::ShutDown)));
    drop(dropped);
    for _ in 0..2 {
        let error = acquire(&limiter, 10).unwrap_err();
        // The error must not say that the limiter was shut down.
        assert!(
            matches!(error, Error::Unavailable(Unavailable::RuntimeGone)),
            "{error:?}"
        );
        assert!(!error.to_string().contains("shut down"), "{error}");
        assert!(matches!(
            left(&limiter),
            Err(Error::Unavailable(Unavailable::RuntimeGone))
        ));
    }
    wait(limiter.shutdown());
    wait(limiter.flush());
}

/// Shutdown and flush end even if nobody drives the runtime while something is to be written.
#[test]
fn shutdown_and_flush_end_although_nobody_drives_the_runtime() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let settings = RateLimiter::builder()
        .runtime(runtime.handle().clone())
        .store_deadline(Duration::from_millis(50));
    let limiter = settings.build(MemoryStore::new()).unwrap();
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 100))
            .cost("tokens", 10)
    };
    let lease = runtime.block_on(ask().into_future()).unwrap();
    let settlement = lease.rollback();
    let (ended, end) = std::sync::mpsc::channel();
    let other = limiter.clone();
    thread::spawn(move || {
        wait(other.flush());
        wait(other.shutdown());
        // Both calls return although nobody drives the limiter's runtime.
        ended.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(30)).expect("it ends");
    // The difference is written when the runtime is driven again.
    runtime.block_on(settlement.into_future()).unwrap();
}

#[test]
fn an_availability_request_ends_although_nobody_drives_the_runtime() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let settings = RateLimiter::builder()
        .runtime(runtime.handle().clone())
        .call_deadline(Duration::from_millis(50));
    let limiter = settings.build(MemoryStore::new()).unwrap();
    let (ended, end) = std::sync::mpsc::channel();
    thread::spawn(move || ended.send(left(&limiter)).unwrap());
    let seen = end.recv_timeout(Duration::from_secs(30)).expect("it ends");
    assert!(
        matches!(seen, Err(Error::Unavailable(Unavailable::Deadline))),
        "{seen:?}"
    );
}

/// A flush writes what was settled, and the limiter stays usable.
#[test]
fn flush_writes_at_once_and_leaves_the_limiter_usable() {
    let (runtime, store) = (runtime(), MemoryStore::new());
    // Without a flush, the differences would wait ten minutes.
    let settings = RateLimiter::builder()
        .runtime(runtime.handle().clone())
        .flush_after(Duration::from_secs(600));
    let limiter = settings.build(store.clone()).unwrap();
    let consumed = || {
        let bucket = wait(store.read(&key("user", "api"))).unwrap().unwrap();
        bucket.limits()[0].consumed
    };
    for round in 0..3 {
        let (lease, held) = (
            acquire(&limiter, 30).unwrap(),
            acquire(&limiter, 10).unwrap(),
        );
        drop(lease.rollback());
        wait(limiter.flush());
        assert_eq!(consumed(), 10_000, "round {round}");
        let settlement = held.rollback();
        wait(limiter.flush());
        wait(settlement).unwrap();
        assert_eq!(consumed(), 0, "round {round}");
    }
    wait(limiter.flush());
}

/// A memory store that never answers an update.
#[derive(Debug, Default)]
struct Silent(MemoryStore);

impl Store for Silent {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.0.read(bucket)
    }

    fn update<'a>(&'a self, _: &'a BucketKey, _: &'a Update) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(pending())
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.0.create(bucket, create)
    }
}

#[test]
fn no_request_waits_for_a_write_that_ended_with_its_runtime() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let settings = RateLimiter::builder()
        .runtime(runtime.handle().clone())
        .flush_after(Duration::from_millis(1));
    let limiter = settings.build(Silent::default()).unwrap();
    let acquire = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 100))
            .into_future()
    };
    let (flying, late, request) = runtime.block_on(async {
        // One create charges both requests.
        let (first, second) = tokio::join!(acquire(), acquire());
        let flying = first.unwrap().rollback();
        // By then the first difference is in flight. A settlement that comes now waits for that
        // write.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let (late, request) = (second.unwrap().rollback(), acquire());
        tokio::time::sleep(Duration::from_millis(10)).await;
        (flying, late, request)
    });
    drop(runtime);
    assert!(matches!(wait(flying), Err(SettleError::ShutDown)));
    assert!(matches!(wait(late), Err(SettleError::ShutDown)));
    assert!(matches!(
        wait(request),
        Err(Error::Unavailable(Unavailable::RuntimeGone))
    ));
}

/// The timers of the runtime stand still too.
#[test]
fn a_runtime_that_nobody_drives_keeps_no_request_beyond_its_deadline() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let deadline = Duration::from_millis(50);
    let settings = || {
        RateLimiter::builder()
            .runtime(runtime.handle().clone())
            .deadline(deadline)
    };
    let (known, new) = (
        settings().build(MemoryStore::new()).unwrap(),
        settings().build(MemoryStore::new()).unwrap(),
    );
    let first = known
        .acquire("user", "api")
        .limits(Limit::per_hour("tokens", 100))
        .into_future();
    runtime.block_on(first).unwrap().commit();
    // One limiter waits for the bucket, the other one for stored limits. Two threads use the first
    // limiter at once. The second round repeats everything.
    for _ in 0..2 {
        let requests = [&known, &new, &known].map(|limiter| {
            let limiter = limiter.clone();
            thread::spawn(move || {
                let begun = Instant::now();
                (acquire(&limiter, 1).unwrap_err(), begun.elapsed())
            })
        });
        for request in requests {
            let (error, waited) = request.join().unwrap();
            assert!(
                matches!(error, Error::Unavailable(Unavailable::Deadline)),
                "{error:?}"
            );
            assert!(waited >= deadline && waited < deadline * 20, "{waited:?}");
        }
    }
    // The request runs in another runtime, which is driven.
    let apart = Builder::new_current_thread().build().unwrap();
    let error = apart.block_on(
        known
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 100))
            .into_future(),
    );
    assert!(
        matches!(error, Err(Error::Unavailable(Unavailable::Deadline))),
        "{error:?}"
    );
    // The limiter works again when its runtime is driven.
    let last = known
        .acquire("user", "api")
        .limits(Limit::per_hour("tokens", 100))
        .deadline(Duration::from_secs(20));
    runtime.block_on(last.into_future()).unwrap().commit();
}

#[test]
fn after_shutdown_requests_are_refused_and_leases_are_settled() {
    let runtime = runtime();
    let limiter = limiter(&runtime);
    let lease = acquire(&limiter, 10).unwrap();
    wait(limiter.shutdown());
    let error = acquire(&limiter, 10).unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::ShutDown)),
        "{error:?}"
    );
    // The give-back is written at once, not after ten minutes.
    wait(lease.rollback()).unwrap();
    assert_eq!(left(&limiter).unwrap(), 100);
}

#[test]
fn a_limiter_that_remembers_no_bucket_decides_all_the_same() {
    let runtime = runtime();
    let settings = RateLimiter::builder()
        .runtime(runtime.handle().clone())
        .remembered_buckets(0);
    let limiter = settings.build(MemoryStore::new()).unwrap();
    for _ in 0..10 {
        acquire(&limiter, 10).unwrap().commit();
    }
    assert!(acquire(&limiter, 1).unwrap_err().denied().is_some());
}

#[test]
fn a_bucket_whose_denial_is_not_remembered_is_asked_again() {
    let runtime = runtime();
    let settings = RateLimiter::builder()
        .runtime(runtime.handle().clone())
        .deny_from_memory(Duration::ZERO);
    let limiter = settings.build(MemoryStore::new()).unwrap();
    acquire(&limiter, 100).unwrap().commit();
    for _ in 0..3 {
        assert!(acquire(&limiter, 1).unwrap_err().denied().is_some());
    }
}
