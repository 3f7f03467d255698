//! A store that throttles every write. If the next write would come after a request's deadline, the
//! request gets no decision and is told when to try again. In virtual time.

use std::time::Duration;

use tokio::time::Instant;
use tollgate::{Error, Lease, Limit, error::Unavailable, limiter::Acquire, store::StoreErrorKind};

use super::slow_store::Setting;

const ROUND_TRIP: Duration = Duration::from_millis(5);

/// The default deadline.
const DEADLINE: Duration = Duration::from_millis(250);

/// 60 tokens, refilled at one a second.
fn setting() -> Setting {
    Setting {
        limit: Limit::per_minute("tokens", 60),
        ..Setting::new(ROUND_TRIP)
    }
}

fn ask(at: &Setting, cost: u64) -> Acquire {
    at.alone("user").cost("tokens", cost)
}

async fn spend(at: &Setting, cost: u64) {
    ask(at, cost).await.unwrap().commit().await.unwrap();
}

/// Starts or stops throttling writes.
fn throttle(at: &Setting, throttles: bool) {
    for what in ["create", "update"] {
        at.store
            .fail(what, throttles.then_some(StoreErrorKind::Busy));
    }
}

/// Returns the retry time that the error states, and how long the request took.
async fn throttled(acquire: Acquire) -> (Duration, Duration) {
    let begun = Instant::now();
    match acquire.await.map(Lease::commit) {
        Err(Error::Unavailable(error @ Unavailable::Throttled { .. })) => {
            (error.retry_after().unwrap(), begun.elapsed())
        }
        other => panic!("{other:?} after {:?}", begun.elapsed()),
    }
}

/// A limit that has enough tokens is never reported as short.
#[tokio::test(start_paused = true)]
async fn a_cost_that_the_bucket_holds_gets_no_decision_before_the_deadline() {
    for (deadline, cost) in [
        (DEADLINE, 1),
        (DEADLINE, 50),
        (Duration::from_millis(60), 1),
    ] {
        let at = setting();
        spend(&at, 10).await;
        throttle(&at, true);
        let (wait, after) = throttled(ask(&at, cost).deadline(deadline)).await;
        assert!(after <= deadline, "{after:?}");
        assert!(
            !wait.is_zero() && wait <= Duration::from_millis(750),
            "{wait:?}"
        );
        throttle(&at, false);
        tokio::time::sleep(wait).await;
        ask(&at, cost)
            .deadline(deadline)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_cost_that_the_bucket_does_not_hold_is_denied_by_arithmetic() {
    let at = setting();
    spend(&at, 60).await;
    throttle(&at, true);
    // One token a second: the limiter knows that the bucket is short.
    let begun = Instant::now();
    let denied = ask(&at, 3).await.unwrap_err();
    assert!(begun.elapsed().is_zero());
    let wait = denied.denied().unwrap().retry_after().unwrap();
    assert!((2_900..=3_000).contains(&wait.as_millis()), "{wait:?}");
    tokio::time::sleep(wait).await;
    // By then the bucket has enough tokens, but no write succeeds.
    let (_, after) = throttled(ask(&at, 3)).await;
    assert!(after <= DEADLINE, "{after:?}");
}

/// A bucket that was never seen has no known time at which it will have the tokens.
#[tokio::test(start_paused = true)]
async fn a_bucket_that_was_never_seen_denies_nothing() {
    let at = setting();
    throttle(&at, true);
    let error = ask(&at, 1).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Throttled { .. })),
        "{error:?}"
    );
}
