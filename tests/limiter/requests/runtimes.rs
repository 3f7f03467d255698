//! Waiting requests on other runtimes than the limiter's, on none, and while a runtime ends.
//!
//! Timers of tokio panic if their runtime has no timers or is shut down. These tests guard against
//! that panic.

use std::{
    future::{Future, IntoFuture},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};
use tollgate::{
    Error, Lease, Limit, RateLimiter,
    error::{Invalid, Unavailable},
    limiter::Acquire,
    store::MemoryStore,
};

const LONG: Duration = Duration::from_secs(3);

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// A limiter whose gates run on `home`, with a bucket that is empty for `wait`.
fn gates(home: &Runtime, wait: Duration) -> (RateLimiter, Acquire) {
    let limiter = RateLimiter::builder()
        .runtime(home.handle().clone())
        .build(MemoryStore::new())
        .unwrap();
    let limit = Limit::new("rps", 1, 1, wait).unwrap();
    let ask = || limiter.acquire("user", "api").limits(limit.clone());
    home.block_on(async { ask().await.unwrap().commit() });
    let waiting = ask().until_ready(LONG);
    (limiter, waiting)
}

/// Polls a request outside all runtimes until it is ready.
fn poll_until_ready(
    mut request: Pin<&mut impl Future<Output = Result<Lease, Error>>>,
) -> Result<Lease, Error> {
    let start = Instant::now();
    loop {
        if let Poll::Ready(result) = request
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return result;
        }
        assert!(start.elapsed() < 2 * LONG, "the request never ends");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Regression: the wait panicked, because its timer belonged to a runtime that was shut down.
#[test]
fn a_wait_elsewhere_ends_with_the_limiters_runtime() {
    for delay in [0, 1, 5, 20] {
        let (home, elsewhere) = (runtime(), runtime());
        let (_limiter, waiting) = gates(&home, Duration::from_secs(2));
        let waiting = elsewhere.spawn(waiting.into_future());
        thread::sleep(Duration::from_millis(50 + delay));
        drop(home);
        let error = elsewhere.block_on(waiting).expect("no panic").unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(Unavailable::RuntimeGone)),
            "{error:?}"
        );
    }
}

/// The same regression for a wait that no runtime polls.
#[test]
fn a_wait_outside_all_runtimes_survives_the_end_of_the_limiters() {
    for _ in 0..5 {
        let home = runtime();
        let (_limiter, waiting) = gates(&home, Duration::from_secs(2));
        let mut waiting = pin!(waiting.into_future());
        let until = Instant::now() + Duration::from_millis(50);
        while Instant::now() < until {
            assert!(
                waiting
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
            thread::sleep(Duration::from_millis(1));
        }
        let ending = thread::spawn(move || drop(home));
        let error = poll_until_ready(waiting).unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(Unavailable::RuntimeGone)),
            "{error:?}"
        );
        ending.join().unwrap();
    }
}

/// Regression: the wait panicked when it was polled outside the runtime of its timer.
#[test]
fn a_wait_may_move_away_from_the_limiters_runtime() {
    let home = runtime();
    let (_limiter, waiting) = gates(&home, Duration::from_millis(300));
    let mut waiting = Box::pin(waiting.into_future());
    let polled = home
        .block_on(async { tokio::time::timeout(Duration::from_millis(50), &mut waiting).await });
    assert!(polled.is_err(), "{polled:?}");
    poll_until_ready(waiting.as_mut()).unwrap().commit();
}

#[test]
fn a_wait_may_move_to_the_limiters_runtime() {
    let home = runtime();
    let (_limiter, waiting) = gates(&home, Duration::from_millis(300));
    let mut waiting = Box::pin(waiting.into_future());
    let until = Instant::now() + Duration::from_millis(50);
    while Instant::now() < until {
        assert!(
            waiting
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
    }
    home.block_on(waiting).unwrap().commit();
}

/// Regression: the wait panicked in a runtime without timers.
#[test]
fn a_limiter_in_memory_needs_timers_to_wait() {
    let without_timers = Builder::new_current_thread().enable_io().build().unwrap();
    let limiter = RateLimiter::memory();
    let minute = Duration::from_secs(60);
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_minute("rpm", 2).with_burst(1))
    };
    without_timers.block_on(async {
        ask()
            .until_ready(minute)
            .await
            .expect("the first need not wait")
            .commit();
        let error = ask().until_ready(minute).await.unwrap_err();
        assert!(
            matches!(error, Error::Invalid(Invalid::NoRuntime)),
            "{error:?}"
        );
        // The place in the queue and the tokens were given back: the next one waits no longer than
        // a refill.
        let denied = ask()
            .until_ready(Duration::from_millis(1))
            .await
            .unwrap_err();
        assert!(matches!(denied, Error::Denied(_)), "{denied:?}");
    });
}
