//! A store that refuses every write for now: who waits for a flight that would come too late is denied,
//! with the time at which there may be another one. In virtual time.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tollgate::{Denied, Error, Lease, Limit, RateLimiter, error::Unavailable, limiter::Acquire, store::StoreErrorKind};

use super::flaky::{Flaky, RuntimeClock};

const ROUND_TRIP: Duration = Duration::from_millis(5);

/// The default.
const DEADLINE: Duration = Duration::from_millis(250);

struct Setting {
    store: Arc<Flaky>,
    limiter: RateLimiter,
}

impl Setting {
    fn new() -> Self {
        let store = Arc::new(Flaky::default());
        store.take(ROUND_TRIP);
        let limiter = RateLimiter::builder().clock(RuntimeClock::start()).build_shared(store.clone()).unwrap();
        Self { store, limiter }
    }

    fn ask(&self, cost: u64) -> Acquire {
        self.limiter.acquire("user", "api").limits(Limit::per_minute("tokens", 60)).cost("tokens", cost)
    }

    async fn spend(&self, cost: u64) {
        self.ask(cost).await.unwrap().commit().await.unwrap();
    }
}

/// The denial, and when it came.
async fn denied(acquire: Acquire) -> (Denied, Duration) {
    let begun = Instant::now();
    match acquire.await.map(Lease::commit) {
        Err(Error::Denied(denied)) => (*denied, begun.elapsed()),
        other => panic!("{other:?} after {:?}", begun.elapsed()),
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_bucket_holds_is_denied_before_the_deadline() {
    for (deadline, cost) in [(DEADLINE, 1), (DEADLINE, 50), (Duration::from_millis(60), 1)] {
        let at = Setting::new();
        at.spend(10).await;
        at.store.fail(StoreErrorKind::Busy);
        let (denied, after) = denied(at.ask(cost).deadline(deadline)).await;
        assert!(after <= deadline, "{after:?}");
        let wait = denied.retry_after().unwrap();
        // The next flight, and not a token more: there are enough.
        assert!(!wait.is_zero() && wait <= ROUND_TRIP * 15, "{wait:?}");
        assert_eq!(denied.limits[0].available, 50);
        // One that comes meanwhile knows at once whether it can be served in time.
        let (_, after) = self::denied(at.ask(cost).deadline(Duration::from_millis(4))).await;
        assert!(after <= Duration::from_millis(4), "{after:?}");
        at.store.fail(None);
        tokio::time::sleep(wait).await;
        at.ask(cost).deadline(deadline).await.unwrap().commit().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_bucket_does_not_hold_is_denied_by_arithmetic() {
    let at = Setting::new();
    at.spend(60).await;
    at.store.fail(StoreErrorKind::Busy);
    let begun = Instant::now();
    // A token a second: it is known to be short.
    let (denied, after) = denied(at.ask(3)).await;
    assert!(after.is_zero(), "{after:?}");
    let wait = denied.retry_after().unwrap();
    assert!((2_900..=3_000).contains(&wait.as_millis()), "{wait:?}");
    tokio::time::sleep(wait).await;
    // By then it has what was asked for, but nobody can write.
    let (denied, after) = self::denied(at.ask(3)).await;
    assert!(after <= DEADLINE, "{after:?}");
    assert!(denied.retry_after().unwrap() <= ROUND_TRIP * 15, "{denied:?}");
    // One who asks for more waits for that, and not for the next flight.
    let (denied, _) = self::denied(at.ask(30)).await;
    let until = begun.elapsed() + denied.retry_after().unwrap();
    assert!((29_900..=30_100).contains(&until.as_millis()), "{until:?}");
}

/// Of a bucket that was never seen nobody knows when it will have what is asked for.
#[tokio::test(start_paused = true)]
async fn what_was_never_seen_is_not_denied() {
    let at = Setting::new();
    at.store.fail(StoreErrorKind::Busy);
    let error = at.ask(1).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(Unavailable::Deadline)), "{error:?}");
}
