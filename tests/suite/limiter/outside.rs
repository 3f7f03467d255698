//! Limiters over a store, used from outside their runtime, and after its end.

use std::{thread, time::Duration};

use tokio::runtime::{Builder, Runtime};
use tollgate::{Error, Lease, Limit, RateLimiter, error::Unavailable, limiter::SettleError, store::MemoryStore};

use super::memory::wait;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn limiter(runtime: &Runtime) -> RateLimiter {
    let settings = RateLimiter::builder().runtime(runtime.handle().clone()).flush_after(Duration::from_secs(600));
    settings.build(MemoryStore::new()).unwrap()
}

fn acquire(limiter: &RateLimiter, cost: u64) -> Result<Lease, Error> {
    wait(limiter.acquire("user", "api").limits(Limit::per_hour("tokens", 100)).cost("tokens", cost))
}

fn left(limiter: &RateLimiter) -> Result<i64, Error> {
    let available = wait(limiter.available("user", "api").limits(Limit::per_hour("tokens", 100)))?;
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
fn after_the_runtimes_end_requests_are_refused_and_nobody_waits() {
    let runtime = runtime();
    let limiter = limiter(&runtime);
    let leases = [acquire(&limiter, 10).unwrap(), acquire(&limiter, 10).unwrap(), acquire(&limiter, 10).unwrap()];
    let [before, after, dropped] = leases;
    // Its timer runs when the runtime ends.
    let before = before.rollback();
    drop(runtime);

    assert!(matches!(wait(before), Err(SettleError::ShutDown)));
    assert!(matches!(wait(after.rollback()), Err(SettleError::ShutDown)));
    drop(dropped);
    for _ in 0..2 {
        let error = acquire(&limiter, 10).unwrap_err();
        assert!(matches!(error, Error::Unavailable(Unavailable::ShutDown)), "{error:?}");
        assert!(matches!(left(&limiter), Err(Error::Unavailable(Unavailable::ShutDown))));
    }
    wait(limiter.shutdown());
}

#[test]
fn after_shutdown_requests_are_refused_and_leases_are_settled() {
    let runtime = runtime();
    let limiter = limiter(&runtime);
    let lease = acquire(&limiter, 10).unwrap();
    wait(limiter.shutdown());
    let error = acquire(&limiter, 10).unwrap_err();
    assert!(matches!(error, Error::Unavailable(Unavailable::ShutDown)), "{error:?}");
    // At once, not in ten minutes.
    wait(lease.rollback()).unwrap();
    assert_eq!(left(&limiter).unwrap(), 100);
}

#[test]
fn a_limiter_that_remembers_nothing_decides_all_the_same() {
    let runtime = runtime();
    let settings = RateLimiter::builder().runtime(runtime.handle().clone()).remembered_buckets(0);
    let limiter = settings.build(MemoryStore::new()).unwrap();
    for _ in 0..10 {
        acquire(&limiter, 10).unwrap().commit();
    }
    assert!(acquire(&limiter, 1).unwrap_err().denied().is_some());
}

#[test]
fn a_denial_that_is_not_remembered_is_asked_for() {
    let runtime = runtime();
    let settings = RateLimiter::builder().runtime(runtime.handle().clone()).deny_from_memory(Duration::ZERO);
    let limiter = settings.build(MemoryStore::new()).unwrap();
    acquire(&limiter, 100).unwrap().commit();
    for _ in 0..3 {
        assert!(acquire(&limiter, 1).unwrap_err().denied().is_some());
    }
}
