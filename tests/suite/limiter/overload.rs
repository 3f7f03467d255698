//! More is asked than the store may be asked at once. In virtual time.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tollgate::{
    Error, Lease, Limit, RateLimiter,
    error::Unavailable,
    limiter::{Acquire, Builder},
    model::{Entity, Split, WriteId},
    store::{Store, StoreErrorKind},
};

use super::{crowd::Crowd, fixture::key, flaky::RuntimeClock};

const CALL: Duration = Duration::from_millis(10);

/// The default.
const DEADLINE: Duration = Duration::from_millis(250);

struct Setting {
    store: Arc<Crowd>,
    limiter: RateLimiter,
}

impl Setting {
    fn new(places: usize, takes: Duration) -> Self {
        Self::with(places, takes, |builder| builder)
    }

    fn with(places: usize, takes: Duration, change: impl Fn(Builder) -> Builder) -> Self {
        let store = Arc::new(Crowd::taking(takes));
        let builder = RateLimiter::builder().clock(RuntimeClock::start()).without_breaker().max_store_calls(places);
        let limiter = change(builder).build_shared(store.clone()).unwrap();
        Self { store, limiter }
    }

    fn ask(&self, who: &str) -> Acquire {
        self.limiter.acquire(who, "api").limits(limit())
    }

    /// It looks nothing up.
    fn alone(&self, who: &str) -> Acquire {
        self.ask(who).without_parent()
    }

    async fn family(&self) {
        for kid in ["ann", "bob"] {
            let kid = Entity::new(kid.try_into().unwrap()).with_parent("org".try_into().unwrap()).cascading();
            self.limiter.entities().create(kid).await.unwrap();
        }
    }

    /// A bucket of 8 shards that the limiter has not seen.
    async fn sharded(&self, who: &str) {
        let other = RateLimiter::builder().clock(RuntimeClock::start()).build_shared(self.store.clone()).unwrap();
        other.acquire(who, "api").limits(limit()).deadline(PATIENT).await.unwrap().commit().await.unwrap();
        for shard_count in [1, 2, 4] {
            let split = Split { id: WriteId::from_number(shard_count.into()), now: super::fixture::START, shard_count };
            assert!(self.store.inner.split(&key(who, "api"), &split).await.unwrap());
        }
    }
}

const PATIENT: Duration = Duration::from_secs(60);

fn limit() -> Limit {
    Limit::per_hour("tokens", 8000)
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_in_flight_than_there_are_places() {
    let at = Setting::with(4, CALL, |builder| builder.deadline(PATIENT).flush_after(Duration::ZERO));
    at.family().await;
    at.sharded("wide").await;
    let mut asked = JoinSet::new();
    for n in 0..100 {
        let fresh = format!("fresh-{n}");
        asked.spawn(at.ask(&fresh).into_future());
        asked.spawn(at.alone(&format!("alone-{n}")).into_future());
        asked.spawn(at.ask("hot").into_future());
        asked.spawn(at.ask("wide").cost("tokens", 1 + n % 3 * 1200).into_future());
        asked.spawn(at.ask("ann").in_one_transaction().into_future());
        asked.spawn(at.ask("bob").into_future());
        let (limiter, who) = (at.limiter.clone(), ["wide", "hot"][usize::try_from(n % 2).unwrap()]);
        asked.spawn(async move {
            limiter.available(who, "api").limits(limit()).await.unwrap();
            Err(Error::Unavailable(Unavailable::Deadline))
        });
    }
    while let Some(asked) = asked.join_next().await {
        if let Ok(lease) = asked.unwrap() {
            lease.rollback().await.unwrap();
        }
    }
    for what in ["look_up", "read", "create", "update", "transact"] {
        assert!(at.store.count(what) > 0, "{what}");
    }
    assert_eq!(at.store.most(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_split_takes_a_place_too() {
    let at = Setting::with(1, CALL, |builder| builder.deadline(PATIENT));
    at.alone("hot").await.unwrap().commit();
    at.store.fail("update", StoreErrorKind::HotKey);
    let hot = tokio::spawn(at.alone("hot").into_future());
    for n in 0..1000 {
        at.alone(&format!("fresh-{n}")).await.unwrap().commit();
    }
    at.store.fail("update", None);
    while !hot.is_finished() {
        at.alone("other").await.unwrap().commit();
    }
    // It may have been refused too often meanwhile.
    let answer = hot.await.unwrap();
    assert!(matches!(answer, Ok(_) | Err(Error::Unavailable(Unavailable::Store(_)))), "{answer:?}");
    drop(answer);
    assert!(at.store.count("split") > 0);
    assert_eq!(at.store.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_for_who_has_given_up() {
    let at = Setting::new(1, Duration::from_millis(100));
    // It takes the place.
    let first = tokio::spawn(at.alone("first").into_future());
    sleep(Duration::from_millis(1)).await;
    let mut gone = JoinSet::new();
    for n in 0..10 {
        gone.spawn(at.alone(&format!("gone-create-{n}")).into_future());
        gone.spawn(at.ask(&format!("gone-look-up-{n}")).into_future());
        let look = at.limiter.available(format!("gone-read-{n}").as_str(), "api").limits(limit()).into_future();
        gone.spawn(async move {
            look.await.unwrap();
            Err(Error::Unavailable(Unavailable::Deadline))
        });
    }
    sleep(Duration::from_millis(1)).await;
    gone.shutdown().await;
    first.await.unwrap().unwrap().commit();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(at.store.calls_for("gone"), 0, "{:?}", at.store.calls());
    at.alone("last").await.unwrap().commit();
}

#[tokio::test(start_paused = true)]
async fn what_is_known_but_too_old_is_not_looked_up_for_nobody() {
    let at = Setting::with(1, Duration::from_millis(100), |builder| builder.config_ttl(Duration::from_secs(1)));
    at.ask("gone").deadline(PATIENT).await.unwrap().commit();
    sleep(Duration::from_secs(10)).await;
    let first = tokio::spawn(at.alone("first").into_future());
    sleep(Duration::from_millis(1)).await;
    let before = at.store.calls_for("gone");
    let again = tokio::spawn(at.ask("gone").into_future());
    sleep(Duration::from_millis(1)).await;
    again.abort();
    first.await.unwrap().unwrap().commit();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(at.store.calls_for("gone"), before);
    at.ask("gone").deadline(PATIENT).await.unwrap().commit();
    assert_eq!(at.store.calls_for("gone"), before + 2, "a look-up and a write");
}

#[tokio::test(start_paused = true)]
async fn a_look_at_shards_that_nobody_waits_for_is_not_begun() {
    let at = Setting::new(1, Duration::from_millis(100));
    at.sharded("wide").await;
    at.ask("wide").deadline(PATIENT).await.unwrap().commit();
    let first = tokio::spawn(at.alone("first").into_future());
    sleep(Duration::from_millis(1)).await;
    let before = at.store.calls_for("wide");
    let look = tokio::spawn(at.limiter.available("wide", "api").limits(limit()).into_future());
    sleep(Duration::from_millis(1)).await;
    look.abort();
    first.await.unwrap().unwrap().commit();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(at.store.calls_for("wide"), before);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_for_whose_deadline_has_passed() {
    for looks_up in [false, true] {
        let at = Setting::new(1, Duration::from_millis(100));
        let mut asked = JoinSet::new();
        for n in 0..50 {
            let who = format!("fresh-{n}");
            let acquire = if looks_up { at.ask(&who) } else { at.alone(&who) };
            asked.spawn(async move {
                let begun = Instant::now();
                let asked = acquire.await;
                (asked.map(Lease::commit).is_ok(), begun.elapsed())
            });
        }
        let mut granted = 0;
        while let Some(asked) = asked.join_next().await {
            let (grant, after) = asked.unwrap();
            granted += usize::from(grant);
            assert!(after <= DEADLINE + Duration::from_millis(2), "{after:?}");
        }
        assert!(looks_up || granted == 2, "{granted}");
        sleep(Duration::from_secs(60)).await;
        assert!(at.store.calls().len() <= 4, "{:?}", at.store.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn one_place_is_enough_for_everything() {
    let at = Setting::with(1, CALL, |builder| builder.deadline(PATIENT));
    at.family().await;
    at.sharded("wide").await;
    let everything = async {
        let mut asked = JoinSet::new();
        for n in 0..8 {
            asked.spawn(at.ask("ann").into_future());
            asked.spawn(at.ask("bob").in_one_transaction().into_future());
            asked.spawn(at.ask("wide").cost("tokens", 1100).into_future());
            asked.spawn(at.ask(&format!("fresh-{n}")).into_future());
        }
        while let Some(asked) = asked.join_next().await {
            match asked.unwrap() {
                Ok(mut lease) => {
                    lease.settle("tokens", 2).unwrap();
                    lease.commit().await.unwrap();
                }
                Err(Error::Denied(_) | Error::Unavailable(Unavailable::Contended)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let mut lease = at.ask("last").await.unwrap();
        lease.settle("tokens", 5).unwrap();
        drop(lease.commit());
        at.limiter.shutdown().await;
    };
    timeout(Duration::from_secs(120), everything).await.expect("nothing waits for itself");
    assert_eq!(at.store.most(), 1);
    let last = at.store.inner.read(&key("last", "api")).await.unwrap().unwrap();
    assert_eq!(last.limits[0].consumed, 5_000, "shutting down has written it");
}

/// As many grants as the places allow, whatever is asked beside.
#[tokio::test(start_paused = true)]
async fn many_more_tasks_than_places_get_nearly_as_much_done_as_there_can_be() {
    const PLACES: usize = 16;
    let time = Duration::from_secs(3);
    for tasks in [PLACES, 40 * PLACES, 100 * PLACES] {
        let at = Arc::new(Setting::new(PLACES, CALL));
        let until = Instant::now() + time;
        let mut running = JoinSet::new();
        for task in 0..tasks {
            let at = at.clone();
            running.spawn(async move {
                let mut granted = 0u32;
                for n in 0.. {
                    if Instant::now() >= until {
                        break;
                    }
                    if let Ok(lease) = at.alone(&format!("{task}-{n}")).await {
                        lease.commit();
                        granted += 1;
                    }
                }
                granted
            });
        }
        let granted: u32 = running.join_all().await.into_iter().sum();
        // The timer counts whole milliseconds, and rounds up.
        let best = time.as_secs_f64() / (CALL.as_secs_f64() + 0.001) * PLACES as f64;
        assert!(f64::from(granted) > 0.9 * best, "{tasks} tasks: {granted} of {best}");
        assert!(at.store.most() <= PLACES);
    }
}
