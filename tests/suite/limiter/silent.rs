//! The breaker as it is set by default, before a store that is silent, slow, or down. In virtual time.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tollgate::{
    Error, Lease, Limit, RateLimiter,
    error::Unavailable,
    limiter::Acquire,
    model::{BreakerState, Entity},
    store::StoreErrorKind,
};

use super::{crowd::Crowd, flaky::RuntimeClock};

const NEVER: Duration = Duration::from_secs(1_000_000);

struct Setting {
    store: Arc<Crowd>,
    limiter: RateLimiter,
}

impl Setting {
    fn new(takes: Duration) -> Self {
        let store = Arc::new(Crowd::taking(takes));
        let limiter = RateLimiter::builder().clock(RuntimeClock::start()).build_shared(store.clone()).unwrap();
        Self { store, limiter }
    }

    fn ask(&self, who: &str) -> Acquire {
        self.limiter.acquire(who, "api").limits(Limit::per_hour("tokens", 100_000))
    }

    fn alone(&self, who: &str) -> Acquire {
        self.ask(who).without_parent()
    }

    fn is_closed(&self) -> bool {
        self.limiter.breaker_state() == BreakerState::Closed
    }
}

fn is_open(result: &Result<Lease, Error>) -> bool {
    matches!(result, Err(Error::Unavailable(Unavailable::BreakerOpen)))
}

/// So many callers, each asking again as soon as it is told something. How long until one is told that it is open.
async fn opens_after(at: &Arc<Setting>, callers: usize, ask: impl Fn(&Setting, &str) -> Acquire) -> Duration {
    let begun = Instant::now();
    let mut asked = JoinSet::new();
    let mut n = 0;
    loop {
        while asked.len() < callers {
            asked.spawn(ask(at, &format!("user-{n}")).into_future());
            n += 1;
        }
        if is_open(&asked.join_next().await.unwrap().unwrap()) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "it stays closed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_opens_it_within_about_a_second() {
    for callers in [1, 5, 50] {
        for known in [false, true] {
            for looks_up in [false, true] {
                let at = Arc::new(Setting::new(Duration::from_millis(5)));
                if known {
                    at.alone("before").await.unwrap().commit();
                    sleep(Duration::from_secs(60)).await;
                }
                at.store.take(NEVER);
                let ask = |at: &Setting, who: &str| if looks_up { at.ask(who) } else { at.alone(who) };
                let after = opens_after(&at, callers, ask).await;
                assert!(after <= Duration::from_millis(1_300), "{callers} {known} {looks_up}: {after:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_asked_after_50_ms_and_then_less_and_less_often() {
    let at = Setting::new(Duration::ZERO);
    at.store.fail("create", StoreErrorKind::NotApplied);
    for n in 0..5 {
        let error = at.alone(&format!("user-{n}")).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(Unavailable::Store(_))), "{error:?}");
    }
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        let _ = at.alone("user").await;
        sleep(Duration::from_millis(1)).await;
    }
    let calls: Vec<Instant> = at.store.calls().iter().skip(4).map(|call| call.at).collect();
    let pauses: Vec<u64> = calls.windows(2).map(|pair| (pair[1] - pair[0]).as_millis() as u64).collect();
    assert!(pauses.len() > 15, "{pauses:?}");
    for (n, pause) in pauses.iter().enumerate() {
        let least = (50 << n.min(10)).min(1000);
        // Up to half as long again, and a few ms until somebody asks.
        assert!((least..=least * 3 / 2 + 4).contains(pause), "{n}: {pauses:?}");
    }
    at.store.fail("create", None);
    sleep(Duration::from_millis(1_500)).await;
    at.alone("user").await.unwrap().commit();
    assert!(at.is_closed());
}

#[tokio::test(start_paused = true)]
async fn look_ups_that_fail_say_why() {
    let at = Setting::new(NEVER);
    let error = at.ask("first").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(Unavailable::Deadline)), "{error:?}");
    // The look-up's own deadline comes first.
    let error = at.ask("second").deadline(Duration::from_secs(3)).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(Unavailable::Deadline)), "{error:?}");
    let at = Setting::new(Duration::ZERO);
    at.store.fail("look_up", StoreErrorKind::NotApplied);
    for n in 0..5 {
        let error = at.ask(&format!("user-{n}")).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(Unavailable::Store(_))), "{error:?}");
    }
    assert!(is_open(&at.ask("user").await));
    assert_eq!(at.store.count("look_up"), 5);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_too_late_is_not_down() {
    for first in [5, 400] {
        let at = Arc::new(Setting::new(Duration::from_millis(first)));
        at.alone("before").deadline(Duration::from_secs(5)).await.unwrap().commit();
        // Nothing is heard of a store that nobody asks.
        sleep(Duration::from_secs(60)).await;
        at.store.take(Duration::from_millis(400));
        let until = Instant::now() + Duration::from_secs(10);
        let mut running = JoinSet::new();
        for task in 0..100 {
            let at = at.clone();
            running.spawn(async move {
                sleep(Duration::from_millis(task * 5)).await;
                for n in 0.. {
                    if Instant::now() >= until {
                        return;
                    }
                    let asked = at.alone(&format!("{task}-{n}")).await;
                    assert!(!is_open(&asked), "{first}");
                    assert!(at.is_closed(), "{first}");
                }
            });
        }
        running.join_all().await;
    }
}

#[tokio::test(start_paused = true)]
async fn transactions_that_fail_by_their_number_do_not_open_it() {
    let at = Setting::new(Duration::from_millis(5));
    let kid = Entity::new("ann".try_into().unwrap()).with_parent("org".try_into().unwrap()).cascading();
    at.limiter.entities().create(kid).await.unwrap();
    at.ask("ann").await.unwrap().commit().await.unwrap();
    for kind in [StoreErrorKind::Busy, StoreErrorKind::Unknown, StoreErrorKind::NotApplied] {
        at.store.fail("transact", kind);
        for _ in 0..20 {
            let error = at.ask("ann").in_one_transaction().await.unwrap_err();
            assert!(!matches!(error, Error::Unavailable(Unavailable::BreakerOpen)), "{kind:?}");
        }
        assert!(at.is_closed(), "{kind:?}");
    }
}
