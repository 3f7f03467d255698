//! Requests that are dropped before their decision. In virtual time.

use std::{future::IntoFuture, pin::pin, sync::Arc, task::Poll, time::Duration};

use tokio::time::sleep;
use tollgate::{Limit, RateLimiter, limiter::Acquire};

use super::flaky_store::{FlakyStore, RuntimeClock};

/// The duration of a store call.
const ROUND_TRIP: Duration = Duration::from_millis(10);

fn limit() -> Limit {
    Limit::per_hour("rph", 50)
}

fn limiter() -> (RateLimiter, Arc<FlakyStore>) {
    let store = Arc::new(FlakyStore::default());
    store.take(ROUND_TRIP);
    let settings = RateLimiter::builder()
        .clock(RuntimeClock::start())
        .deadline(Duration::from_secs(5))
        .without_breaker();
    (settings.build_shared(store.clone()).unwrap(), store)
}

fn acquire(limiter: &RateLimiter) -> Acquire {
    limiter
        .acquire("user", "api")
        .limits(limit())
        .without_parent()
}

async fn left(limiter: &RateLimiter) -> i64 {
    limiter
        .available("user", "api")
        .limits(limit())
        .await
        .unwrap()
        .get("rph")
        .unwrap()
        .available
}

/// Polls an acquire and drops it before its answer.
async fn cancel(acquire: Acquire, after: Duration) {
    let mut acquire = pin!(acquire.into_future());
    let mut gone = pin!(sleep(after));
    std::future::poll_fn(|context| match acquire.as_mut().poll(context) {
        Poll::Ready(answer) => {
            // A denial from memory costs nothing.
            assert!(answer.is_err(), "{answer:?}");
            Poll::Ready(())
        }
        Poll::Pending => gone.as_mut().poll(context),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_few_cancelled_requests_are_given_back() {
    let (limiter, _) = limiter();
    acquire(&limiter).await.unwrap().commit();
    for _ in 0..16 {
        cancel(acquire(&limiter), ROUND_TRIP / 2).await;
        sleep(ROUND_TRIP * 2).await;
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(left(&limiter).await, 49);
}

#[tokio::test(start_paused = true)]
async fn further_cancelled_requests_stay_charged() {
    let (limiter, store) = limiter();
    acquire(&limiter).await.unwrap().commit();
    for _ in 0..500 {
        cancel(acquire(&limiter), Duration::from_millis(4)).await;
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(left(&limiter).await, 0, "500 of 50 were asked for");
    assert!(store.writes() < 100, "{} writes", store.writes());
    // Refilled tokens are granted as usual.
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(left(&limiter).await, 50);
    acquire(&limiter).await.unwrap().commit();
}

/// The same bound holds for requests that wait: only some of the dropped reservations are given
/// back.
#[tokio::test(start_paused = true)]
async fn further_cancelled_reservations_stay_charged() {
    let (limiter, _) = limiter();
    acquire(&limiter).cost("rph", 50).await.unwrap().commit();
    for _ in 0..30 {
        cancel(
            acquire(&limiter).until_ready(Duration::from_secs(3600)),
            ROUND_TRIP * 3,
        )
        .await;
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(left(&limiter).await, -14, "16 of the 30 were given back");
}

/// If the store is slow and a request misses its deadline, its charge is always given back.
#[tokio::test(start_paused = true)]
async fn a_request_that_misses_its_deadline_is_given_back_however_often() {
    let (limiter, store) = limiter();
    acquire(&limiter).await.unwrap().commit();
    store.take(ROUND_TRIP * 4);
    for _ in 0..40 {
        assert!(acquire(&limiter).deadline(ROUND_TRIP).await.is_err());
        sleep(ROUND_TRIP * 20).await;
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(left(&limiter).await, 49);
}
