//! Requests to a store that never answers end at their deadlines and leave nothing behind. In
//! virtual time.

use std::{
    future::{IntoFuture, pending},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};
use tollgate::{
    Error, Limit, RateLimiter,
    error::Unavailable,
    limiter::RateLimiterBuilder,
    model::{BucketKey, BucketState, Create, Update},
    store::{Store, StoreFuture, WriteOutcome},
};

/// A store that never answers.
#[derive(Debug, Default)]
struct Silent;

impl Store for Silent {
    fn read<'a>(&'a self, _: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        Box::pin(pending())
    }

    fn update<'a>(&'a self, _: &'a BucketKey, _: &'a Update) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(pending())
    }

    fn create<'a>(&'a self, _: &'a BucketKey, _: &'a Create) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(pending())
    }
}

/// The precision of a deadline.
const TICK: Duration = Duration::from_millis(3);

fn settings() -> RateLimiterBuilder {
    RateLimiter::builder().store_deadline(Duration::from_secs(600))
}

/// Returns how long a request waits in vain with this deadline.
async fn wait(limiter: &RateLimiter, entity: &str, deadline: Duration) -> Duration {
    let begun = Instant::now();
    let acquire = limiter
        .acquire(entity, "api")
        .limits(Limit::per_hour("tokens", 100))
        .deadline(deadline);
    let error = acquire.await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Deadline)),
        "{error:?}"
    );
    begun.elapsed()
}

fn assert_in_time(waited: Duration, deadline: Duration) {
    assert!(
        waited >= deadline && waited <= deadline + TICK,
        "{waited:?} instead of {deadline:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn each_request_has_a_deadline_of_its_own() {
    let limiter = settings().build(Silent).unwrap();
    let deadlines = [900, 20, 4000, 7, 70_000, 20].map(Duration::from_millis);
    let waits = deadlines.iter().enumerate().map(|(index, deadline)| {
        let limiter = limiter.clone();
        let deadline = *deadline;
        // Some requests share a bucket, and all begin at different times.
        tokio::spawn(async move {
            sleep(Duration::from_millis(3 * index as u64)).await;
            (
                wait(&limiter, ["user-1", "user-2"][index % 2], deadline).await,
                deadline,
            )
        })
    });
    for wait in waits.collect::<Vec<_>>() {
        let (waited, deadline) = wait.await.unwrap();
        assert_in_time(waited, deadline);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_call_ends_at_the_stores_deadline() {
    let (store, own) = (Duration::from_millis(150), Duration::from_secs(5));
    let limiter = RateLimiter::builder()
        .store_deadline(store)
        .build(Silent)
        .unwrap();
    let begun = Instant::now();
    let limits = Limit::per_hour("tokens", 100);
    let error = limiter
        .acquire("user", "api")
        .limits(limits)
        .deadline(own)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Store(_))),
        "{error:?}"
    );
    // One create and one repeat of it. The repeat is safe: at most one of them makes the bucket.
    assert_in_time(begun.elapsed(), store * 2);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_too_far_away_is_as_good_as_none() {
    let limiter = RateLimiter::builder()
        .store_deadline(Duration::MAX)
        .build(Silent)
        .unwrap();
    let patient = limiter
        .acquire("user", "api")
        .limits(Limit::per_hour("tokens", 100))
        .deadline(Duration::MAX);
    let patient = tokio::spawn(patient.into_future());
    assert_in_time(
        wait(&limiter, "user", Duration::from_millis(30)).await,
        Duration::from_millis(30),
    );
    sleep(Duration::from_secs(7200)).await;
    assert!(!patient.is_finished());
    patient.abort();
}

#[tokio::test(start_paused = true)]
async fn requests_that_gave_up_leave_nothing_behind() {
    let settings = RateLimiter::builder()
        .store_deadline(Duration::from_millis(50))
        .without_breaker();
    let limiter = settings.build(Silent).unwrap();
    for round in 0..3 {
        let waits = (0..100).map(|user| {
            let limiter = limiter.clone();
            async move {
                // Half of the requests are dropped before their deadline.
                let patience = Duration::from_millis(if user % 2 == 0 { 5 } else { 100 });
                let entity = format!("user-{user}");
                let _ = tokio::time::timeout(
                    patience,
                    wait(&limiter, &entity, Duration::from_millis(20)),
                )
                .await;
            }
        });
        let waits: Vec<_> = waits.map(tokio::spawn).collect();
        for wait in waits {
            wait.await.unwrap();
        }
        sleep(Duration::from_secs(2)).await;
        assert_eq!(
            Handle::current().metrics().num_alive_tasks(),
            0,
            "round {round}"
        );
    }
}
