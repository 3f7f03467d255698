//! Decisions in memory, compared with `governor`.

use std::{
    num::NonZeroU32,
    pin::pin,
    task::{Context, Poll, Waker},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter as Governor};
use tollgate::{Limit, Limits, RateLimiter};

use crate::{
    effort::Effort,
    row::{Goal, Row},
    sample::{batches, median},
    world::{RESOURCE, names},
};

/// A rate that no benchmark reaches.
const PLENTY: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();

const BATCH: u32 = 200;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    [1, 10_000].map(|count| by_key(effort, count)).into()
}

fn by_key(effort: Effort, count: usize) -> Row {
    let keys = keys(count);
    let limiter = RateLimiter::memory();
    let limits = Limits::from(Limit::per_second("rps", u64::from(PLENTY.get())));
    let ours = |key: &String| {
        now(limiter.acquire(key.as_str(), RESOURCE).limits(&limits))
            .expect("there is plenty")
            .commit();
    };
    let keyed: DefaultKeyedRateLimiter<String> = Governor::keyed(Quota::per_second(PLENTY));
    let theirs = |key: &String| keyed.check_key(key).expect("there is plenty");
    let (mut our_times, mut their_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let our = over(effort, &keys, ours);
        let their = over(effort, &keys, theirs);
        our_times.push(our);
        their_times.push(their);
        ratios.push(our / their);
    }
    let keys = if count == 1 {
        "one key".into()
    } else {
        format!("{count} keys in no order")
    };
    let measure = format!("memory: acquire and commit by &str, {keys}, beside governor check_key");
    let row = Row::new(measure, "ns", Goal::AtMost(1.5));
    row.ours(median(our_times))
        .reference(median(their_times))
        .ratio(median(ratios))
}

/// Measures acquires with a bucket handle, compared with `governor`'s check by key and its check
/// without keys.
pub(crate) fn by_handle(effort: Effort) -> Vec<Row> {
    let limiter = RateLimiter::memory();
    let handle = limiter.bucket("user-0", RESOURCE).expect("they are names");
    let handle = handle
        .limits(Limit::per_second("rps", u64::from(PLENTY.get())))
        .expect("it is one limit");
    let keyed: DefaultKeyedRateLimiter<String> = Governor::keyed(Quota::per_second(PLENTY));
    let direct = Governor::direct(Quota::per_second(PLENTY));
    let key = String::from("user-0");
    let window = effort.window / 4;
    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..effort.rounds {
        times[0].push(batches(window, BATCH, || {
            now(handle.acquire()).expect("there is plenty").commit();
        }));
        times[1].push(batches(window, BATCH, || {
            keyed.check_key(&key).expect("there is plenty")
        }));
        times[2].push(batches(window, BATCH, || {
            direct.check().expect("there is plenty")
        }));
    }
    let ratio = |other: usize| {
        median(
            times[0]
                .iter()
                .zip(&times[other])
                .map(|(ours, theirs)| ours / theirs)
                .collect(),
        )
    };
    let row = |measure: &str, goal, other: usize| {
        let row = Row::new(measure, "ns", goal).ours(median(times[0].clone()));
        row.reference(median(times[other].clone()))
            .ratio(ratio(other))
    };
    vec![
        row(
            "memory: acquire and commit by a bucket handle, beside governor check_key",
            Goal::AtMost(1.0),
            1,
        ),
        row("the same, beside governor's direct check", Goal::Told, 2),
    ]
}

/// Returns the median time of `ask`, called for the keys in turn. Every key has a bucket before the
/// measurement.
fn over<T>(effort: Effort, keys: &[String], mut ask: impl FnMut(&String) -> T) -> f64 {
    for key in keys {
        ask(key);
    }
    let mut turn = keys.iter().cycle();
    batches(effort.window / 4, BATCH, || {
        if let Some(key) = turn.next() {
            std::hint::black_box(ask(key));
        }
    })
}

fn keys(count: usize) -> Vec<String> {
    let mut keys = names("user", count);
    fastrand::Rng::with_seed(1).shuffle(&mut keys);
    keys
}

/// Returns the output of a future that never waits. Inlined like an `.await`, so that the move of
/// the future into a call and of the lease out of it is not measured.
#[inline(always)]
pub(crate) fn now<F: IntoFuture>(future: F) -> F::Output {
    match pin!(future.into_future()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing in memory waits"),
    }
}
