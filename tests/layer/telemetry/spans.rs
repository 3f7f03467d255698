//! Spans: what they tell at `debug`, and that nothing is told above.

use tollgate::{Limit, RateLimiter};
use tracing::Level;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::{
    events::Written,
    world::{self, hello, layer, per_user, status},
};

/// What is written while `limiter` grants one request of two.
async fn written(limiter: RateLimiter, level: Level) -> String {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = hello(layer(&limiter, per_user(Limit::per_hour("rph", 1))));
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(status(&app, "alice").await, 429);
    written.text()
}

fn acquires(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(" acquire{") && line.contains(": close")).collect()
}

async fn tell(limiter: RateLimiter, granted_on: &str, denied_on: &str) {
    let log = written(limiter, Level::DEBUG).await;
    let spans = acquires(&log);
    let [granted, denied] = spans[..] else { panic!("{log}") };
    for field in ["entity=alice", "resource=api", "outcome=\"granted\"", "degraded=false"] {
        assert!(granted.contains(field), "{field}: {granted}");
    }
    assert!(granted.contains(&format!("path=\"{granted_on}\"")), "{granted}");
    assert!(!granted.contains("wait_ms"), "{granted}");
    for field in ["outcome=\"denied\"", "wait_ms=3600000"] {
        assert!(denied.contains(field), "{field}: {denied}");
    }
    assert!(denied.contains(&format!("path=\"{denied_on}\"")), "{denied}");
}

#[tokio::test]
async fn tell_in_memory() {
    tell(world::memory().0, "memory", "memory").await;
}

#[tokio::test]
async fn tell_through_gates() {
    tell(world::gated().0, "write", "denial").await;
}

#[tokio::test]
async fn tell_of_store_calls() {
    let log = written(world::gated().0, Level::DEBUG).await;
    let calls: Vec<_> = log.lines().filter(|line| line.contains("store_call{")).collect();
    assert!(calls.iter().any(|line| line.contains("call=\"create\"") && line.contains("result=\"ok\"")), "{log}");
    assert!(!calls.iter().any(|line| line.contains("alice")), "{log}");
}

#[tokio::test]
async fn tell_nothing_above_debug() {
    for limiter in [world::memory().0, world::gated().0] {
        assert_eq!(written(limiter, Level::INFO).await, "");
    }
}
