//! The circuit breaker with its default settings, in front of a store that is silent, slow or down.
//! In virtual time.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tollgate::{Error, Lease, error::Unavailable, limiter::Acquire, store::StoreErrorKind};

use super::slow_store::{NEVER, PATIENT, Setting};

fn is_open(result: &Result<Lease, Error>) -> bool {
    matches!(result, Err(Error::Unavailable(Unavailable::BreakerOpen)))
}

/// Keeps `callers` requests in flight. Returns the time until a request fails because the breaker
/// is open.
async fn opens_after(
    at: &Arc<Setting>,
    callers: usize,
    ask: impl Fn(&Setting, &str) -> Acquire,
) -> Duration {
    let begun = Instant::now();
    let mut asked = JoinSet::new();
    let mut n = 0;
    loop {
        while asked.len() < callers {
            asked.spawn(ask(at, &format!("user-{n}")).into_future());
            n += 1;
        }
        let answer = asked.join_next().await.unwrap().unwrap();
        if is_open(&answer) {
            return begun.elapsed();
        }
        assert!(
            !matches!(
                answer,
                Err(Error::Unavailable(Unavailable::Throttled { .. }))
            ),
            "{answer:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5), "it stays closed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_opens_the_breaker_within_about_a_second() {
    for callers in [1, 5, 50] {
        for known in [false, true] {
            for looks_up in [false, true] {
                let at = Arc::new(Setting::new(Duration::from_millis(5)));
                if known {
                    at.alone("before").await.unwrap().commit();
                    sleep(Duration::from_secs(60)).await;
                }
                at.store.take(NEVER);
                let ask =
                    |at: &Setting, who: &str| if looks_up { at.ask(who) } else { at.alone(who) };
                let after = opens_after(&at, callers, ask).await;
                assert!(
                    after <= Duration::from_millis(1_300),
                    "{callers} {known} {looks_up}: {after:?}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_probed_after_50_ms_and_then_less_and_less_often() {
    let at = Setting::new(Duration::ZERO);
    at.store.fail("create", StoreErrorKind::NotApplied);
    for n in 0..5 {
        let error = at.alone(&format!("user-{n}")).await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(Unavailable::Store(_))),
            "{error:?}"
        );
    }
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        let _ = at.alone("user").await;
        sleep(Duration::from_millis(1)).await;
    }
    let calls: Vec<Instant> = at
        .store
        .calls()
        .iter()
        .skip(4)
        .map(|call| call.at)
        .collect();
    let pauses: Vec<u64> = calls
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_millis() as u64)
        .collect();
    assert!(pauses.len() > 15, "{pauses:?}");
    for (n, pause) in pauses.iter().enumerate() {
        let least = (50 << n.min(10)).min(1000);
        // A pause is up to half longer, and a few ms pass until the next request.
        assert!(
            (least..=least * 3 / 2 + 4).contains(pause),
            "{n}: {pauses:?}"
        );
    }
    at.store.fail("create", None);
    sleep(Duration::from_millis(1_500)).await;
    at.alone("user").await.unwrap().commit();
    assert!(at.is_closed());
}

#[tokio::test(start_paused = true)]
async fn failed_look_ups_say_why() {
    let at = Setting::new(NEVER);
    let error = at.ask("first").await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Deadline)),
        "{error:?}"
    );
    // The look-up has a deadline of its own, which comes first.
    let error = at
        .ask("second")
        .deadline(Duration::from_secs(3))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Deadline)),
        "{error:?}"
    );
    let at = Setting::new(Duration::ZERO);
    at.store.fail("look_up", StoreErrorKind::NotApplied);
    for n in 0..5 {
        let error = at.ask(&format!("user-{n}")).await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(Unavailable::Store(_))),
            "{error:?}"
        );
    }
    assert!(is_open(&at.ask("user").await));
    assert_eq!(at.store.count("look_up"), 5);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_too_late_is_not_down() {
    for first in [5, 400] {
        let at = Arc::new(Setting::new(Duration::from_millis(first)));
        at.alone("before")
            .deadline(Duration::from_secs(5))
            .await
            .unwrap()
            .commit();
        // The limiter knows nothing about a store that it has not called.
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
async fn transactions_that_fail_by_their_number_do_not_open_the_breaker() {
    let at = Setting::new(Duration::from_millis(5));
    at.family().await;
    at.ask("ann").await.unwrap().commit().await.unwrap();
    for kind in [
        StoreErrorKind::Busy,
        StoreErrorKind::Unknown,
        StoreErrorKind::NotApplied,
    ] {
        at.store.fail("transact", kind);
        for _ in 0..20 {
            let error = at.ask("ann").in_one_transaction().await.unwrap_err();
            assert!(
                !matches!(error, Error::Unavailable(Unavailable::BreakerOpen)),
                "{kind:?}"
            );
        }
        assert!(at.is_closed(), "{kind:?}");
    }
}

/// A bucket that was throttled an hour ago does not hide that the store is silent now: its requests
/// miss their deadlines, and the breaker counts that.
#[tokio::test(start_paused = true)]
async fn a_bucket_that_was_throttled_long_ago_opens_the_breaker_too() {
    let at = Arc::new(Setting::new(Duration::from_millis(5)));
    at.alone("user").await.unwrap().commit();
    at.store.fail("update", StoreErrorKind::Busy);
    let error = at.alone("user").await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Throttled { .. })),
        "{error:?}"
    );
    at.store.fail("update", None);
    sleep(Duration::from_secs(3600)).await;
    at.store.take(NEVER);
    let after = opens_after(&at, 5, |at, _| at.alone("user")).await;
    assert!(after <= Duration::from_millis(1_300), "{after:?}");
}

/// A throttled transaction is an answer. The store is not silent, even if many transactions miss
/// their deadlines meanwhile.
#[tokio::test(start_paused = true)]
async fn throttled_transactions_count_as_answers() {
    let at = Arc::new(Setting::new(Duration::from_millis(5)));
    at.family().await;
    at.ask("ann")
        .in_one_transaction()
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    at.store.fail("transact", StoreErrorKind::Busy);
    at.store.answer_late("transact", Duration::from_millis(195));
    let mut asked = JoinSet::new();
    for task in 0..10 {
        let at = at.clone();
        // The starts are spread, so that a transaction is always in flight.
        asked.spawn(async move {
            sleep(Duration::from_millis(task * 20)).await;
            for _ in 0..20 {
                let acquire = at
                    .ask("ann")
                    .in_one_transaction()
                    .deadline(Duration::from_millis(150));
                let error = acquire.await.unwrap_err();
                assert!(
                    matches!(error, Error::Unavailable(Unavailable::Deadline)),
                    "{error:?}"
                );
            }
        });
    }
    while let Some(asked) = asked.join_next().await {
        asked.unwrap();
    }
    assert!(at.is_closed());
}

/// A call that hangs holds the only place. A look-up fails at once because the breaker is open, and
/// does not wait for the place.
#[tokio::test(start_paused = true)]
async fn no_request_waits_for_a_place_behind_an_open_breaker() {
    let at = Arc::new(Setting::with(NEVER, |builder| {
        builder.max_store_calls(1).store_deadline(PATIENT)
    }));
    let hung = tokio::spawn(at.alone("hung").deadline(PATIENT).into_future());
    sleep(Duration::from_millis(1)).await;
    opens_after(&at, 5, Setting::alone).await;
    for n in 0..10 {
        let begun = Instant::now();
        let answer = at.ask(&format!("fresh-{n}")).await;
        assert!(is_open(&answer), "{answer:?}");
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
    hung.abort();
}
