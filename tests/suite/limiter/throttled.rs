//! A store that throttles every write: a request that the next write would come too late for has no decision, and is
//! told when to try again. In virtual time.

use std::time::Duration;

use tokio::time::Instant;
use tollgate::{Error, Lease, Limit, error::Unavailable, limiter::Acquire, store::StoreErrorKind};

use super::crowd::Setting;

const ROUND_TRIP: Duration = Duration::from_millis(5);

/// The default.
const DEADLINE: Duration = Duration::from_millis(250);

/// 60 tokens, one a second.
fn setting() -> Setting {
    Setting { limit: Limit::per_minute("tokens", 60), ..Setting::new(ROUND_TRIP) }
}

fn ask(at: &Setting, cost: u64) -> Acquire {
    at.alone("user").cost("tokens", cost)
}

async fn spend(at: &Setting, cost: u64) {
    ask(at, cost).await.unwrap().commit().await.unwrap();
}

/// Throttles writes from now on, or not.
fn throttle(at: &Setting, throttles: bool) {
    for what in ["create", "update"] {
        at.store.fail(what, throttles.then_some(StoreErrorKind::Busy));
    }
}

/// The time to try again, and when that was told.
async fn throttled(acquire: Acquire) -> (Duration, Duration) {
    let begun = Instant::now();
    match acquire.await.map(Lease::commit) {
        Err(Error::Unavailable(error @ Unavailable::Throttled { .. })) => {
            (error.retry_after().unwrap(), begun.elapsed())
        }
        other => panic!("{other:?} after {:?}", begun.elapsed()),
    }
}

/// A limit that has room is never named as short.
#[tokio::test(start_paused = true)]
async fn what_the_bucket_holds_has_no_decision_before_the_deadline() {
    for (deadline, cost) in [(DEADLINE, 1), (DEADLINE, 50), (Duration::from_millis(60), 1)] {
        let at = setting();
        spend(&at, 10).await;
        throttle(&at, true);
        let (wait, after) = throttled(ask(&at, cost).deadline(deadline)).await;
        assert!(after <= deadline, "{after:?}");
        assert!(!wait.is_zero() && wait <= Duration::from_millis(750), "{wait:?}");
        throttle(&at, false);
        tokio::time::sleep(wait).await;
        ask(&at, cost).deadline(deadline).await.unwrap().commit().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_bucket_does_not_hold_is_denied_by_arithmetic() {
    let at = setting();
    spend(&at, 60).await;
    throttle(&at, true);
    // A token a second: it is known to be short.
    let begun = Instant::now();
    let denied = ask(&at, 3).await.unwrap_err();
    assert!(begun.elapsed().is_zero());
    let wait = denied.denied().unwrap().retry_after().unwrap();
    assert!((2_900..=3_000).contains(&wait.as_millis()), "{wait:?}");
    tokio::time::sleep(wait).await;
    // By then it has what was asked for, but nobody can write.
    let (_, after) = throttled(ask(&at, 3)).await;
    assert!(after <= DEADLINE, "{after:?}");
}

/// Of a bucket that was never seen nobody knows when it will have what is asked for.
#[tokio::test(start_paused = true)]
async fn what_was_never_seen_is_not_denied() {
    let at = setting();
    throttle(&at, true);
    let error = ask(&at, 1).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(Unavailable::Throttled { .. })), "{error:?}");
}
