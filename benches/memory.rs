//! Decisions in memory: acquire and commit by `&str` keys, beside `governor`'s checks.

use std::{
    num::NonZeroU32,
    pin::pin,
    task::{Context, Poll, Waker},
};

use divan::{Bencher, black_box};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter as Governor};
use tollgate::{Lease, Limit, Limits, RateLimiter};

fn main() {
    // Many short samples: one is seldom disturbed, and none is lost in the timer's precision.
    divan::Divan::default().sample_count(1_000).sample_size(500).config_with_args().main();
}

/// More per second than anybody asks for: always granted.
const PLENTY: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();

const KEYS: [usize; 2] = [1, 10_000];

/// The output of a future that waits for nothing.
fn now<F: IntoFuture>(future: F) -> F::Output {
    match pin!(future.into_future()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing in memory waits"),
    }
}

/// Asks for that many keys over and over, in no order. Each has a bucket already.
fn bench<T>(bencher: Bencher<'_, '_>, keys: usize, mut ask: impl FnMut(&String) -> T) {
    let mut keys: Vec<_> = (0..keys).map(|index| format!("user-{index}")).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut keys);
    for key in &keys {
        ask(key);
    }
    let mut keys = keys.iter().cycle();
    bencher.bench_local(|| keys.next().map(&mut ask));
}

mod granted {
    use super::*;

    #[divan::bench(args = KEYS)]
    fn tollgate(bencher: Bencher<'_, '_>, count: usize) {
        let limiter = RateLimiter::memory();
        let limits = Limits::from(Limit::per_second("rps", u64::from(PLENTY.get())));
        bench(bencher, count, |key| now(limiter.acquire(key.as_str(), "api").limits(&limits)).unwrap().commit());
    }

    #[divan::bench(args = KEYS)]
    fn governor_keyed(bencher: Bencher<'_, '_>, count: usize) {
        let limiter: DefaultKeyedRateLimiter<String> = Governor::keyed(Quota::per_second(PLENTY));
        bench(bencher, count, |key| limiter.check_key(key).unwrap());
    }

    #[divan::bench]
    fn governor_direct(bencher: Bencher<'_, '_>) {
        let limiter = Governor::direct(Quota::per_second(PLENTY));
        bencher.bench_local(|| black_box(&limiter).check().unwrap());
    }
}

mod denied {
    use super::*;

    #[divan::bench(args = KEYS)]
    fn tollgate(bencher: Bencher<'_, '_>, count: usize) {
        let limiter = RateLimiter::memory();
        let limits = Limits::from(Limit::per_hour("rph", 1));
        // Only the first of each key is granted.
        bench(bencher, count, |key| now(limiter.acquire(key.as_str(), "api").limits(&limits)).map(Lease::commit));
    }

    #[divan::bench(args = KEYS)]
    fn governor_keyed(bencher: Bencher<'_, '_>, count: usize) {
        let limiter: DefaultKeyedRateLimiter<String> = Governor::keyed(Quota::per_hour(NonZeroU32::MIN));
        bench(bencher, count, |key| limiter.check_key(key));
    }
}
