//! A gate without recent requests is stored compactly, and nothing is lost by that.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tollgate::{
    Error, Lease, Limit, Limits, RateLimiter,
    clock::ManualClock,
    limiter::BucketHandle,
    store::{MemoryStore, Store},
};

use super::fixture::{Counting, START, key, settings};

/// Far more keys than gates can stay awake.
const KEYS: usize = 1600;

fn name(number: usize) -> String {
    format!("user-{number}")
}

/// Returns the limits of a key: one limit, several limits, or limits that change.
fn definitions(number: usize, epoch: usize) -> Limits {
    let custom = |name, capacity, amount, period| {
        Limit::new(name, capacity, amount, Duration::from_millis(period)).unwrap()
    };
    match number % 4 {
        0 => Limits::from(custom("fast", 20, 7, 300)),
        1 => Limits::new([custom("fast", 20, 7, 300), custom("slow", 5, 1, 7001)]).unwrap(),
        2 => Limits::new([
            custom("fast", 9, 2, 999),
            custom("slow", 5, 1, 7001),
            custom("day", 40, 40, 86_400_000),
        ])
        .unwrap(),
        _ => Limits::from(custom("fast", 20 + epoch as u64, 7, 300)),
    }
}

/// Returns the result of a request as text, to compare it.
fn outcome(result: &Result<Lease, Error>) -> String {
    match result {
        Ok(lease) => format!("{:?}", lease.statuses()),
        Err(error) => format!("{:?}", error.denied().expect("a decision")),
    }
}

/// Returns `None` if the request was granted, or else how long to wait.
fn verdict(result: &Result<Lease, Error>) -> Option<Option<Duration>> {
    result
        .as_ref()
        .err()
        .map(|error| error.denied().expect("a decision").retry_after())
}

/// Over a store, a full bucket keeps the fraction of a millitoken above its capacity, so the waits
/// may differ by that.
fn assert_alike(
    gated: Option<Option<Duration>>,
    in_place: Option<Option<Duration>>,
    number: usize,
    when: &str,
) {
    let millis = |verdict: Option<Option<Duration>>| {
        verdict.map_or(0, |wait| wait.unwrap_or(Duration::MAX).as_millis())
    };
    // The time that a millitoken of the slowest limit takes.
    let fraction = [1, 8, 2161][number % 4];
    let (gated, in_place) = (millis(gated), millis(in_place));
    assert!(
        gated <= in_place && in_place - gated <= fraction,
        "{gated} and {in_place} ms, key {number}, {when}"
    );
}

/// A process, and the store whose calls are counted.
struct Process {
    limiter: RateLimiter,
    store: Arc<Counting>,
    /// A handle for every key, if the gates are kept awake.
    handles: Vec<BucketHandle>,
}

impl Process {
    fn new(clock: &ManualClock, holds: bool) -> Self {
        let store = Arc::new(Counting::default());
        let limiter = settings(clock).build_shared(store.clone()).unwrap();
        let handles = (0..if holds { KEYS } else { 0 })
            .map(|number| limiter.bucket(name(number), "api").unwrap());
        Self {
            handles: handles.collect(),
            limiter,
            store,
        }
    }

    /// Creates a process without gates, whose buckets are in memory.
    fn in_place(clock: &ManualClock) -> Self {
        let limiter = settings(clock).build_memory(MemoryStore::new());
        Self {
            limiter,
            store: Arc::default(),
            handles: Vec::new(),
        }
    }

    async fn acquire(
        &self,
        number: usize,
        limits: &Limits,
        costs: [u64; 2],
    ) -> Result<Lease, Error> {
        let acquire = match self.handles.get(number) {
            Some(handle) => handle.acquire(),
            None => self.limiter.acquire(name(number), "api"),
        };
        let acquire = acquire.limits(limits).cost("fast", costs[0]);
        match limits.len() {
            1 => acquire.await,
            _ => acquire.cost("slow", costs[1]).await,
        }
    }
}

/// With and without compact storage, the same history gives the same decisions, writes and buckets.
/// Without gates it gives the same decisions.
#[tokio::test]
async fn an_idle_gate_changes_no_decision() {
    for seed in 0..2 {
        let mut random = fastrand::Rng::with_seed(seed);
        let clock = ManualClock::at(START);
        let (rests, wakes) = (Process::new(&clock, false), Process::new(&clock, true));
        let in_place = Process::in_place(&clock);
        let (mut granted, mut denied) = (0, 0);
        for step in 0..9_000 {
            // A few keys are used all the time, most keys seldom.
            let number = if random.u8(..4) == 0 {
                random.usize(..8)
            } else {
                random.usize(..KEYS)
            };
            let limits = definitions(number, step / 3_000);
            let costs = [random.u64(..9), random.u64(..3)];
            let (one, other) = (
                rests.acquire(number, &limits, costs).await,
                wakes.acquire(number, &limits, costs).await,
            );
            assert_eq!(
                outcome(&one),
                outcome(&other),
                "seed {seed}, step {step}, key {number}"
            );
            let third = in_place.acquire(number, &limits, costs).await;
            // Over a store, changed limits hold once a write carries them. In memory they hold at
            // once, even for a denied request.
            if number % 4 != 3 {
                assert_alike(
                    verdict(&one),
                    verdict(&third),
                    number,
                    &format!("seed {seed}, step {step}"),
                );
            }
            let (ending, used) = (
                random.u8(..6),
                (random.u8(..4) == 0).then(|| random.u64(..25)),
            );
            match one {
                Ok(_) => granted += 1,
                Err(_) => denied += 1,
            }
            for mut lease in [one, other, third].into_iter().flatten() {
                if let Some(used) = used {
                    lease.settle("fast", used).unwrap();
                }
                let settled = if ending == 0 {
                    lease.rollback()
                } else {
                    lease.commit()
                };
                settled.await.unwrap();
            }
            if random.u8(..8) == 0 {
                clock.advance(Duration::from_millis(random.u64(..60)));
            }
            if random.u16(..2_000) == 0 {
                // Advance by more time than items live.
                clock.advance(Duration::from_secs(random.u64(..2_000_000)));
            }
            let writes = |process: &Process| process.store.writes.load(Ordering::SeqCst);
            assert_eq!(
                writes(&rests),
                writes(&wakes),
                "seed {seed}, step {step}, key {number}"
            );
        }
        assert!(
            granted > 2_000 && denied > 100,
            "{granted} granted, {denied} denied"
        );
        for number in 0..KEYS {
            let key = key(&name(number), "api");
            let (one, other) = (
                rests.store.inner.read(&key).await.unwrap(),
                wakes.store.inner.read(&key).await.unwrap(),
            );
            let plain = |state: Option<tollgate::model::BucketState>| {
                state.map(|mut state| {
                    // Each process has its own write ids.
                    state.last_write = None;
                    state
                })
            };
            assert_eq!(plain(one), plain(other), "seed {seed}, key {number}");
        }
    }
}

/// Requests other keys, one after another.
async fn flood(limiter: &RateLimiter, keys: std::ops::Range<usize>) {
    for number in keys {
        limiter
            .acquire(format!("other-{number}"), "api")
            .limits(Limit::per_second("tokens", 10))
            .await
            .unwrap()
            .commit();
    }
}

/// Pending differences survive any number of other keys, and any limit of remembered buckets.
#[tokio::test]
async fn pending_differences_of_an_idle_gate_are_not_lost() {
    for remembered in [100, 10_000] {
        let (clock, store) = (ManualClock::at(START), Arc::new(Counting::default()));
        let hour = Duration::from_secs(3600);
        let limiter = settings(&clock)
            .flush_after(hour)
            .remembered_buckets(remembered);
        let limiter = limiter.build_shared(store.clone()).unwrap();
        let limit = || Limit::per_hour("tokens", 100);
        // The buckets that come after the limit was reached are the first to be forgotten.
        flood(&limiter, 0..1_000).await;
        let mut settled = Vec::new();
        for number in 0..50 {
            let mut lease = limiter
                .acquire(name(number), "api")
                .limits(limit())
                .cost("tokens", 10)
                .await
                .unwrap();
            lease.settle("tokens", 90).unwrap();
            settled.push(lease.commit());
        }
        flood(&limiter, 1_000..6_000).await;
        for number in 0..50 {
            // 90 of 100 tokens are used. The store knows of 10.
            let left = limiter
                .acquire(name(number), "api")
                .limits(limit())
                .cost("tokens", 11)
                .await;
            let statuses = left.unwrap_err();
            assert_eq!(
                statuses
                    .denied()
                    .unwrap()
                    .violated()
                    .next()
                    .unwrap()
                    .available,
                10,
                "{remembered}"
            );
        }
        limiter.shutdown().await;
        for settled in settled {
            settled.await.unwrap();
        }
        for number in 0..50 {
            let state = store
                .inner
                .read(&key(&name(number), "api"))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(state.limits()[0].level.tokens, 10_000, "{remembered}");
        }
    }
}

/// The lease settles in the bucket that was charged, even after all other gates were stored
/// compactly.
#[tokio::test]
async fn a_lease_outlives_any_flood() {
    let (clock, store) = (ManualClock::at(START), Arc::new(Counting::default()));
    let limiter = settings(&clock)
        .remembered_buckets(10_000)
        .build_shared(store.clone())
        .unwrap();
    let limit = || Limit::per_hour("tokens", 100);
    let ask = |cost| {
        limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", cost)
    };
    let lease = ask(60).await.unwrap();
    flood(&limiter, 0..3_000).await;
    assert!(ask(50).await.is_err());
    lease.rollback().await.unwrap();
    flood(&limiter, 3_000..6_000).await;
    ask(100).await.unwrap().commit();
    // The gate has kept its image: there were one create, the give-back and one spend.
    let writes = store.writes.load(Ordering::SeqCst);
    assert!(ask(1).await.is_err());
    assert_eq!(writes, 6_000 + 3);
}
