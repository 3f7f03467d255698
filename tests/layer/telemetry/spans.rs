//! Spans are logged at `debug`, and nothing is logged at higher levels.

use std::time::Duration;

use tollgate::{Limit, RateLimiter, layer::OnUnavailable, limiter::LocalShare};
use tracing::Level;

use crate::{
    events::Events,
    world::{self, Remote, hello, layer, per_user, status},
};

/// Returns the log of two requests, of which `limiter` grants one.
async fn written(limiter: RateLimiter, level: Level) -> String {
    let log = Events::with_spans(level);
    let app = hello(layer(&limiter, per_user(Limit::per_hour("rph", 1))));
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(status(&app, "alice").await, 429);
    log.text()
}

fn acquires(log: &str) -> Vec<&str> {
    log.lines()
        .filter(|line| line.contains(" acquire{") && line.contains(": close"))
        .collect()
}

async fn tell(limiter: RateLimiter, granted_on: &str, denied_on: &str) {
    let log = written(limiter, Level::DEBUG).await;
    let spans = acquires(&log);
    let [granted, denied] = spans[..] else {
        panic!("{log}")
    };
    for field in [
        "tollgate.entity=alice",
        "tollgate.resource=api",
        "tollgate.outcome=\"granted\"",
        "tollgate.degraded=false",
    ] {
        assert!(granted.contains(field), "{field}: {granted}");
    }
    assert!(
        granted.contains(&format!("tollgate.path=\"{granted_on}\"")),
        "{granted}"
    );
    assert!(!granted.contains("wait_ms"), "{granted}");
    for field in ["outcome=\"denied\"", "wait_ms=3600000"] {
        assert!(denied.contains(field), "{field}: {denied}");
    }
    assert!(
        denied.contains(&format!("path=\"{denied_on}\"")),
        "{denied}"
    );
}

#[tokio::test]
async fn spans_show_the_decision_in_memory() {
    tell(world::memory().0, "memory", "memory").await;
}

#[tokio::test]
async fn spans_show_the_decision_through_gates() {
    tell(world::gated().0, "write", "denial").await;
}

/// Decisions without the store, by each kind of fallback.
#[tokio::test]
async fn spans_show_degraded_decisions() {
    let remote = Remote::with(RateLimiter::builder().deadline(Duration::from_millis(300))).await;
    let limit = || per_user(Limit::per_hour("rph", 2));
    let local = OnUnavailable::Local {
        share: LocalShare::one_of(2),
    };
    let app = |action| hello(layer(&remote.limiter, limit().on_unavailable(action)));
    assert_eq!(status(&app(local), "alice").await, 200);
    remote.engine.stop().await;
    for (action, expected, fields) in [
        (
            OnUnavailable::Block,
            503,
            [r#"outcome="unavailable""#, r#"path="write""#],
        ),
        (
            OnUnavailable::Allow,
            200,
            [r#"outcome="unavailable""#, r#"path="write""#],
        ),
        (local, 200, [r#"outcome="granted""#, r#"path="local""#]),
        (local, 429, [r#"outcome="denied""#, r#"path="local""#]),
    ] {
        let log = Events::with_spans(Level::DEBUG);
        assert_eq!(status(&app(action), "alice").await, expected);
        let text = log.text();
        let [span] = acquires(&text)[..] else {
            panic!("{text}")
        };
        for field in fields.into_iter().chain(["degraded=true"]) {
            assert!(span.contains(field), "{field}: {span}");
        }
        assert!(!span.contains("degraded=false"), "{span}");
    }
}

/// The span says that a denial was only observed, because the request itself was granted.
#[tokio::test]
async fn spans_show_requests_that_would_have_been_denied() {
    let log = Events::with_spans(Level::DEBUG);
    let app = hello(layer(
        &world::memory().0,
        per_user(Limit::per_hour("rph", 1)).shadow(),
    ));
    for _ in 0..2 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    let text = log.text();
    let [granted, observed] = acquires(&text)[..] else {
        panic!("{text}")
    };
    assert!(
        granted.contains(r#"outcome="granted""#) && !granted.contains("wait_ms"),
        "{granted}"
    );
    assert!(
        observed.contains(r#"outcome="granted""#) && observed.contains("wait_ms=3600000"),
        "{observed}"
    );
}

#[tokio::test]
async fn spans_show_store_calls() {
    let log = written(world::gated().0, Level::DEBUG).await;
    let calls: Vec<_> = log
        .lines()
        .filter(|line| line.contains("store_call{"))
        .collect();
    assert!(
        calls
            .iter()
            .any(|line| line.contains("call=\"create\"") && line.contains("result=\"ok\"")),
        "{log}"
    );
    assert!(!calls.iter().any(|line| line.contains("alice")), "{log}");
}

#[tokio::test]
async fn spans_show_nothing_above_debug() {
    for limiter in [world::memory().0, world::gated().0] {
        assert_eq!(written(limiter, Level::INFO).await, "");
    }
}
