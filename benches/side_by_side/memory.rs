//! Acquire and commit in memory, beside `governor`'s checks.

use std::{
    num::NonZeroU32,
    pin::pin,
    task::{Context, Poll, Waker},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter as Governor};
use tollgate::{Lease, Limit, Limits, RateLimiter};

use crate::rounds::{Contestant, compete, ratio};

/// More per second than anybody asks for: always granted.
const PLENTY: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();

pub(crate) fn run(filter: &str) {
    for count in [1, 10_000] {
        if format!("granted {count}").contains(filter) {
            granted(count);
        }
        if format!("denied {count}").contains(filter) {
            denied(count);
        }
    }
}

/// The output of a future that waits for nothing.
fn now<F: IntoFuture>(future: F) -> F::Output {
    match pin!(future.into_future()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing in memory waits"),
    }
}

/// So many keys, in no order.
fn keys(count: usize) -> Vec<String> {
    let mut keys: Vec<_> = (0..count).map(|index| format!("user-{index}")).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut keys);
    keys
}

/// Takes the items in turn, over and over.
fn turns<T, O>(items: &[T], mut act: impl FnMut(&T) -> O) -> impl FnMut() -> O {
    for item in items {
        act(item);
    }
    let mut next = items.iter().cycle();
    move || act(next.next().unwrap_or(&items[0]))
}

fn granted(count: usize) {
    println!("granted, {count} keys");
    let keys = keys(count);
    let limiter = RateLimiter::memory();
    let limits = Limits::from(Limit::per_second("rps", u64::from(PLENTY.get())));
    let buckets: Vec<_> = keys.iter().map(|key| limiter.bucket(key, "api").unwrap().limits(&limits).unwrap()).collect();
    let keyed: DefaultKeyedRateLimiter<String> = Governor::keyed(Quota::per_second(PLENTY));
    let direct = Governor::direct(Quota::per_second(PLENTY));
    let [by_key, by_handle, keyed, _] = compete([
        Contestant::new(
            "tollgate, by &str",
            turns(&keys, |key| drop(now(limiter.acquire(key.as_str(), "api").limits(&limits)).unwrap().commit())),
        ),
        Contestant::new("tollgate, by handle", turns(&buckets, |bucket| drop(now(bucket.acquire()).unwrap().commit()))),
        Contestant::new("governor, by &String", turns(&keys, |key| keyed.check_key(key).unwrap())),
        Contestant::new("governor, direct", || direct.check().unwrap()),
    ]);
    ratio("by &str / governor keyed", by_key, keyed, 1.5);
    ratio("by handle / governor keyed", by_handle, keyed, 1.0);
}

fn denied(count: usize) {
    println!("denied, {count} keys");
    let keys = keys(count);
    let limiter = RateLimiter::memory();
    let limits = Limits::from(Limit::per_hour("rph", 1));
    let keyed: DefaultKeyedRateLimiter<String> = Governor::keyed(Quota::per_hour(NonZeroU32::MIN));
    // Only the first of each key is granted.
    compete([
        Contestant::new(
            "tollgate, by &str",
            turns(&keys, |key| now(limiter.acquire(key.as_str(), "api").limits(&limits)).map(Lease::commit).is_ok()),
        ),
        Contestant::new("governor, by &String", turns(&keys, |key| keyed.check_key(key).is_ok())),
    ]);
}
