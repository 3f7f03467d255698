//! Waiting for capacity instead of a 429. The runtime's time is paused, and buckets use it.

mod queue;

use std::{pin::pin, time::Duration};

use tokio::time::Instant;
use tollgate::{
    Limit, RateLimiter, clock::Clock, layer::PolicyBuilder, limiter::RateLimiterBuilder,
    store::MemoryStore,
};

use crate::world::{ask, from, hello, layer, left, per_user, poll_once, status, text};

#[derive(Debug)]
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> i64 {
        1_700_000_000_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

fn builder() -> RateLimiterBuilder {
    RateLimiter::builder().clock(RuntimeClock(Instant::now()))
}

fn in_memory() -> RateLimiter {
    builder().build_memory(MemoryStore::new())
}

fn through_gates() -> RateLimiter {
    builder().build(MemoryStore::new()).unwrap()
}

fn limiters() -> [RateLimiter; 2] {
    [in_memory(), through_gates()]
}

/// One request every ten seconds.
fn limit() -> Limit {
    Limit::new("rps", 1, 1, Duration::from_secs(10)).unwrap()
}

fn patient(seconds: u64) -> PolicyBuilder {
    per_user(limit()).wait(Duration::from_secs(seconds))
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_as_long_as_the_refill_takes() {
    for limiter in limiters() {
        let app = hello(layer(&limiter, patient(60)));
        let start = Instant::now();
        for _ in 0..3 {
            let response = ask(&app, from("alice")).await;
            assert_eq!(
                (response.status().as_u16(), text(&response, "ratelimit")),
                (200, Some(r#""rps";r=0;t=10"#))
            );
        }
        let took = start.elapsed();
        assert!(
            (Duration::from_secs(20)..Duration::from_millis(20_010)).contains(&took),
            "{took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_would_wait_too_long_gets_a_429_at_once() {
    for limiter in limiters() {
        let app = hello(layer(&limiter, patient(15)));
        assert_eq!(status(&app, "alice").await, 200);
        let start = Instant::now();
        let waiting = tokio::spawn({
            let app = app.clone();
            async move { status(&app, "alice").await }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let response = ask(&app, from("alice")).await;
        assert!(start.elapsed() < Duration::from_millis(200));
        // The retry time is after the request that waits. A client that comes back then is
        // admitted.
        assert_eq!(
            (response.status().as_u16(), text(&response, "retry-after")),
            (429, Some("20"))
        );
        assert_eq!(waiting.await.unwrap(), 200);
        tokio::time::sleep_until(start + Duration::from_millis(20_100)).await;
        assert_eq!(status(&app, "alice").await, 200);
        assert!(start.elapsed() < Duration::from_millis(20_200));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_finds_a_full_queue_gets_a_429_at_once() {
    for limiter in limiters() {
        let app = hello(layer(&limiter, patient(3600).max_waiters(2)));
        assert_eq!(status(&app, "alice").await, 200);
        let mut waiting = Vec::new();
        for _ in 0..2 {
            let app = app.clone();
            waiting.push(tokio::spawn(async move { status(&app, "alice").await }));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let response = ask(&app, from("alice")).await;
        assert_eq!(
            (response.status().as_u16(), text(&response, "retry-after")),
            (429, Some("30"))
        );
        assert_eq!(status(&app, "bob").await, 200);
        for answer in waiting {
            assert_eq!(answer.await.unwrap(), 200);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_frees_its_place_and_pays_nothing() {
    for limiter in limiters() {
        let app = hello(layer(&limiter, patient(3600)));
        assert_eq!(status(&app, "alice").await, 200);
        {
            let mut gone = pin!(ask(&app, from("alice")));
            assert!(poll_once(gone.as_mut()).is_pending());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let start = Instant::now();
        assert_eq!(status(&app, "alice").await, 200);
        assert!(
            start.elapsed() <= Duration::from_millis(9_010),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(left(&limiter, "alice", &limit()).await, 0);
    }
}
