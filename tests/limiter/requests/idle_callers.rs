//! A request that is polled once and then left alone: no other request depends on its caller. In
//! virtual time.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::time::{sleep, timeout};
use tollgate::{Error, Lease, Limit, RateLimiter};

use super::flaky_store::{FlakyStore, RuntimeClock};

/// The duration of a store call.
const ROUND_TRIP: Duration = Duration::from_millis(10);

/// A time that is longer than any step here may take.
const LONG: Duration = Duration::from_millis(500);

type Acquiring = Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send>>;

fn limiter() -> (RateLimiter, Arc<FlakyStore>) {
    let store = Arc::new(FlakyStore::default());
    store.take(ROUND_TRIP);
    let settings = RateLimiter::builder()
        .clock(RuntimeClock::start())
        .deadline(Duration::from_secs(5));
    (settings.build_shared(store.clone()).unwrap(), store)
}

fn acquire(limiter: &RateLimiter) -> Acquiring {
    let acquire = limiter
        .acquire("user", "api")
        .limits(Limit::per_hour("tokens", 100))
        .cost("tokens", 10)
        .without_parent();
    Box::pin(acquire.into_future())
}

async fn left(limiter: &RateLimiter) -> i64 {
    limiter
        .available("user", "api")
        .limits(Limit::per_hour("tokens", 100))
        .await
        .unwrap()
        .get("tokens")
        .unwrap()
        .available
}

/// Polls the request once.
async fn start(acquiring: &mut Acquiring) {
    poll_fn(|context| {
        assert!(acquiring.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// Runs a test as a task, as servers run their requests.
async fn in_a_task(test: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move { timeout(LONG, test).await.expect("nobody waits in vain") })
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_joins_a_write_does_not_depend_on_a_caller_that_is_not_polled() {
    in_a_task(async {
        let (limiter, _) = limiter();
        let mut idle = acquire(&limiter);
        start(&mut idle).await;
        acquire(&limiter).await.unwrap().commit();
        assert_eq!(left(&limiter).await, 80);
        // The idle request gets its lease as soon as it is polled again.
        idle.await.unwrap().commit();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_write_others_joined_gets_its_decision() {
    in_a_task(async {
        let (limiter, _) = limiter();
        let first = tokio::spawn(acquire(&limiter));
        sleep(ROUND_TRIP / 2).await;
        let second = tokio::spawn(acquire(&limiter));
        first.await.unwrap().unwrap().commit();
        second.await.unwrap().unwrap().commit();
        assert_eq!(left(&limiter).await, 80);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn settlements_do_not_depend_on_a_caller_that_is_not_polled() {
    in_a_task(async {
        let (limiter, _) = limiter();
        let lease = acquire(&limiter).await.unwrap();
        let mut idle = acquire(&limiter);
        start(&mut idle).await;
        lease.rollback().await.unwrap();
        assert_eq!(left(&limiter).await, 90);
        idle.await.unwrap().commit();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_dropped_cancels_nothing() {
    in_a_task(async {
        let (limiter, store) = limiter();
        acquire(&limiter).await.unwrap().commit();
        let mut dropped = acquire(&limiter);
        start(&mut dropped).await;
        sleep(ROUND_TRIP / 2).await;
        drop(dropped);
        sleep(ROUND_TRIP * 2).await;
        // The charge was written, and is given back.
        assert_eq!((left(&limiter).await, store.calls()), (90, 3));
        limiter.shutdown().await;
        assert_eq!(store.calls(), 4);
        assert_eq!(left(&limiter).await, 90);
    })
    .await;
}

/// A settlement is carried by a write that an idle caller has begun.
#[tokio::test(start_paused = true)]
async fn a_settlement_on_a_write_does_not_depend_on_the_caller_that_began_the_write() {
    in_a_task(async {
        let (limiter, _) = limiter();
        let lease = acquire(&limiter).await.unwrap();
        let settled = lease.rollback();
        let mut idle = acquire(&limiter);
        start(&mut idle).await;
        settled.await.unwrap();
        idle.await.unwrap().commit();
        assert_eq!(left(&limiter).await, 90);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_depend_on_a_caller_that_is_not_polled() {
    in_a_task(async {
        let (limiter, _) = limiter();
        let mut idle = acquire(&limiter);
        start(&mut idle).await;
        limiter.shutdown().await;
        idle.await.unwrap().commit();
        assert_eq!(left(&limiter).await, 90);
    })
    .await;
}
