//! More requests than the limit of concurrent store calls allows. In virtual time.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tollgate::{
    Error, Lease, error::Unavailable, limiter::RateLimiterBuilder, store::StoreErrorKind,
};

use super::slow_store::{NEVER, PATIENT, Setting};

const CALL: Duration = Duration::from_millis(10);

/// The default deadline.
const DEADLINE: Duration = Duration::from_millis(250);
const STORE_DEADLINE: Duration = Duration::from_secs(1);

fn setting(places: usize, takes: Duration) -> Setting {
    with(places, takes, |builder| builder)
}

fn with(
    places: usize,
    takes: Duration,
    change: impl Fn(RateLimiterBuilder) -> RateLimiterBuilder,
) -> Setting {
    Setting::with(takes, |builder| {
        change(builder.without_breaker().max_store_calls(places))
    })
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_in_flight_than_there_are_places() {
    let at = with(4, CALL, |builder| {
        builder.deadline(PATIENT).flush_after(Duration::ZERO)
    });
    at.family().await;
    at.sharded("wide").await;
    let mut asked = JoinSet::new();
    for n in 0..100 {
        let fresh = format!("fresh-{n}");
        asked.spawn(at.ask(&fresh).into_future());
        asked.spawn(at.alone(&format!("alone-{n}")).into_future());
        asked.spawn(at.ask("hot").into_future());
        asked.spawn(
            at.ask("wide")
                .cost("tokens", 1 + n % 3 * 1200)
                .into_future(),
        );
        asked.spawn(at.ask("ann").in_one_transaction().into_future());
        asked.spawn(at.ask("bob").into_future());
        let who = ["wide", "hot"][usize::try_from(n % 2).unwrap()];
        let look = at
            .limiter
            .available(who, "api")
            .limits(at.limit.clone())
            .into_future();
        asked.spawn(async move {
            look.await.unwrap();
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
    let at = with(1, CALL, |builder| builder.deadline(PATIENT));
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
    // The request may have failed because it was refused too often.
    let answer = hot.await.unwrap();
    assert!(
        matches!(
            answer,
            Ok(_) | Err(Error::Unavailable(Unavailable::Store(_)))
        ),
        "{answer:?}"
    );
    drop(answer);
    assert!(at.store.count("split") > 0);
    assert_eq!(at.store.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_store_call_is_made_for_a_request_that_gave_up() {
    let at = setting(1, Duration::from_millis(100));
    // This request takes the only place.
    let first = tokio::spawn(at.alone("first").into_future());
    sleep(Duration::from_millis(1)).await;
    let mut gone = JoinSet::new();
    for n in 0..10 {
        gone.spawn(at.alone(&format!("gone-create-{n}")).into_future());
        gone.spawn(at.ask(&format!("gone-look-up-{n}")).into_future());
        let look = at
            .limiter
            .available(format!("gone-read-{n}").as_str(), "api")
            .limits(at.limit.clone())
            .into_future();
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
async fn an_old_cache_entry_is_not_refreshed_for_a_request_that_gave_up() {
    let at = with(1, Duration::from_millis(100), |builder| {
        builder.config_ttl(Duration::from_secs(1))
    });
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
    assert_eq!(
        at.store.calls_for("gone"),
        before + 2,
        "a look-up and a write"
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_of_shards_that_nobody_waits_for_is_not_begun() {
    let at = setting(1, Duration::from_millis(100));
    at.sharded("wide").await;
    at.ask("wide").deadline(PATIENT).await.unwrap().commit();
    let first = tokio::spawn(at.alone("first").into_future());
    sleep(Duration::from_millis(1)).await;
    let before = at.store.calls_for("wide");
    let look = tokio::spawn(
        at.limiter
            .available("wide", "api")
            .limits(at.limit.clone())
            .into_future(),
    );
    sleep(Duration::from_millis(1)).await;
    look.abort();
    first.await.unwrap().unwrap().commit();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(at.store.calls_for("wide"), before);
}

#[tokio::test(start_paused = true)]
async fn no_store_call_is_made_for_a_request_whose_deadline_has_passed() {
    for looks_up in [false, true] {
        let at = setting(1, Duration::from_millis(100));
        let mut asked = JoinSet::new();
        for n in 0..50 {
            let who = format!("fresh-{n}");
            let acquire = if looks_up {
                at.ask(&who)
            } else {
                at.alone(&who)
            };
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
    let at = with(1, CALL, |builder| builder.deadline(PATIENT));
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
    timeout(Duration::from_secs(120), everything)
        .await
        .expect("nothing waits for itself");
    assert_eq!(at.store.most(), 1);
    assert_eq!(
        at.consumed("last").await,
        5_000,
        "shutting down has written it"
    );
}

/// The number of grants stays near the maximum that the places allow, even with many more tasks.
#[tokio::test(start_paused = true)]
async fn many_more_tasks_than_places_get_nearly_as_much_done_as_there_can_be() {
    const PLACES: usize = 16;
    let time = Duration::from_secs(3);
    for tasks in [PLACES, 40 * PLACES, 100 * PLACES] {
        let at = Arc::new(setting(PLACES, CALL));
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
        // The timer counts whole milliseconds and rounds up.
        let best = time.as_secs_f64() / (CALL.as_secs_f64() + 0.001) * PLACES as f64;
        assert!(
            f64::from(granted) > 0.9 * best,
            "{tasks} tasks: {granted} of {best}"
        );
        assert!(at.store.most() <= PLACES);
    }
}

/// A throttled look-up sleeps between its tries and holds no place meanwhile.
#[tokio::test(start_paused = true)]
async fn look_ups_that_are_throttled_leave_the_places_to_others() {
    let at = setting(4, Duration::from_millis(1));
    at.alone("known").await.unwrap().commit();
    at.store.fail("look_up", StoreErrorKind::Busy);
    let mut asked = JoinSet::new();
    for n in 0..40 {
        asked.spawn(
            at.ask(&format!("fresh-{n}"))
                .deadline(PATIENT)
                .into_future(),
        );
    }
    let until = Instant::now() + Duration::from_millis(500);
    let mut granted = 0;
    while Instant::now() < until {
        at.alone("known").await.expect("it has its turn").commit();
        granted += 1;
    }
    println!("{granted} grants in 500 ms");
    assert!(granted >= 50, "{granted}");
    assert!(
        at.store.count("look_up") > 400,
        "{}",
        at.store.count("look_up")
    );
    // A look-up without a caller is not repeated.
    asked.shutdown().await;
    sleep(Duration::from_millis(50)).await;
    let before = at.store.count("look_up");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(at.store.count("look_up"), before);
}

/// No transaction is sent after its caller has gone, neither for a child and its parent nor for
/// several shards, whether or not the limiter has seen the buckets.
#[tokio::test(start_paused = true)]
async fn no_transaction_is_sent_for_a_request_that_gave_up() {
    for seen in [true, false] {
        let at = setting(1, Duration::from_millis(100));
        at.family().await;
        at.sharded("wide").await;
        let asks = || {
            [
                at.ask("ann").in_one_transaction(),
                at.ask("wide").cost("tokens", 1200),
            ]
        };
        for ask in asks() {
            let ask = if seen { ask } else { ask.cost("tokens", 9000) };
            let _ = ask.deadline(PATIENT).await.map(Lease::commit);
        }
        let first = tokio::spawn(at.alone("first").into_future());
        sleep(Duration::from_millis(1)).await;
        let before = at.store.calls().len();
        let mut gone = JoinSet::new();
        for ask in asks() {
            gone.spawn(ask.into_future());
        }
        sleep(Duration::from_millis(1)).await;
        gone.shutdown().await;
        first.await.unwrap().unwrap().commit();
        sleep(Duration::from_secs(10)).await;
        assert_eq!(
            at.store.calls()[before..].len(),
            0,
            "{seen} {:?}",
            &at.store.calls()[before..]
        );
    }
}

/// 500 leases have differences to write, and there are 16 places. If the store does not answer,
/// their settlements fail within four store deadlines. If it answers, even slowly, nothing is lost.
#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_in_time_and_loses_nothing_while_the_store_answers() {
    let (slow, fast) = (Duration::from_millis(900), CALL);
    for (takes, answers, suspects) in [
        (NEVER, false, false),
        (NEVER, false, true),
        (fast, true, false),
        (fast, true, true),
        (slow, true, false),
    ] {
        let at = with(16, Duration::ZERO, |builder| builder.deadline(PATIENT));
        let mut settled = Vec::new();
        for n in 0..500 {
            let mut lease = at.alone(&format!("user-{n}")).await.unwrap();
            // Half of the leases give back.
            lease.settle("tokens", n % 2 * 2).unwrap();
            settled.push(lease.commit());
        }
        if suspects {
            // The limiter suspects that the table was replaced, and asks the registry before it
            // writes.
            at.store.fail("create", StoreErrorKind::Missing);
            assert!(at.alone("other").await.is_err());
        }
        at.store.take(takes);
        let begun = Instant::now();
        at.limiter.shutdown().await;
        let after = begun.elapsed();
        let mut written = 0;
        for settled in settled {
            written += usize::from(settled.await.is_ok());
        }
        assert!(at.store.most() <= 16, "{takes:?}");
        assert_eq!(
            written,
            if answers { 500 } else { 0 },
            "{takes:?} {suspects}"
        );
        assert!(answers || after <= 4 * STORE_DEADLINE, "{after:?}");
    }
}
