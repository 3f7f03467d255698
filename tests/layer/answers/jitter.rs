//! Jitter makes retry times later and never earlier.

use std::time::Duration;

use tollgate::{Limit, layer::Jitter};

use super::reasons::{Why, World};
use crate::world::{app, ask, from, hello, layer, memory, per_user, text};

/// Returns the retry times of `count` clients that have to wait for 60 seconds.
async fn retry_times(jitter: Option<Jitter>, count: usize) -> Vec<u64> {
    let policy = per_user(Limit::per_minute("rpm", 1));
    let policy = match jitter {
        Some(jitter) => policy.jitter(jitter),
        None => policy,
    };
    let app = hello(layer(&memory().0, policy));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    let mut told = Vec::new();
    for _ in 0..count {
        let response = ask(&app, from("alice")).await;
        let seconds = text(&response, "retry-after")
            .expect("Retry-After")
            .to_owned();
        let problem = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
        let seconds: u64 = seconds.parse().unwrap();
        let minutes = format!("{}m{}s", seconds / 60 % 60, seconds % 60);
        let wait = if seconds < 3600 {
            minutes
        } else {
            format!("{}h{minutes}", seconds / 3600)
        };
        assert_eq!(
            problem["detail"],
            format!("Rate limit exceeded: rpm. Please try again in {wait}.")
        );
        told.push(seconds);
    }
    told
}

#[tokio::test]
async fn retry_times_have_no_jitter_by_default() {
    assert_eq!(retry_times(None, 20).await, [60; 20]);
    assert_eq!(retry_times(Some(Jitter::percent(0)), 20).await, [60; 20]);
    assert_eq!(
        retry_times(Some(Jitter::up_to(Duration::ZERO)), 20).await,
        [60; 20]
    );
}

#[tokio::test]
async fn jitter_spreads_clients_within_its_bounds() {
    for (jitter, most) in [
        (Jitter::percent(50), 90),
        (Jitter::up_to(Duration::from_secs(30)), 90),
        (Jitter::percent(300).at_most(Duration::from_secs(30)), 90),
        (Jitter::percent(50).at_most(Duration::from_secs(300)), 90),
    ] {
        let told = retry_times(Some(jitter), 300).await;
        assert!(
            told.iter().all(|seconds| (60..=most).contains(seconds)),
            "{jitter:?}: {told:?}"
        );
        assert!(
            told.iter().any(|seconds| *seconds < 70),
            "{jitter:?}: {told:?}"
        );
        assert!(
            told.iter().any(|seconds| *seconds > 80),
            "{jitter:?}: {told:?}"
        );
    }
}

#[tokio::test]
async fn no_jitter_is_too_much() {
    for jitter in [Jitter::percent(u32::MAX), Jitter::up_to(Duration::MAX)] {
        assert!(
            retry_times(Some(jitter), 20)
                .await
                .into_iter()
                .all(|seconds| seconds >= 60)
        );
    }
}

#[tokio::test]
async fn jitter_spreads_clients_that_come_while_the_store_is_down() {
    let world = World::new(Why::Unavailable, |policy| {
        policy.jitter(Jitter::up_to(Duration::from_secs(5)))
    })
    .await;
    let mut told = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let response = ask(&world.app, world.request()).await;
        assert_eq!(response.status(), 503);
        told.insert(
            text(&response, "retry-after")
                .unwrap()
                .parse::<u64>()
                .unwrap(),
        );
    }
    assert!(
        told.iter().all(|seconds| (1..=6).contains(seconds)) && told.len() > 2,
        "{told:?}"
    );
}

#[tokio::test]
async fn jitter_lengthens_a_retry_time_of_the_inner_service_that_is_too_early() {
    let policy =
        || per_user(Limit::per_minute("rpm", 1)).jitter(Jitter::up_to(Duration::from_secs(40)));
    for (own, least, most) in [("5", 60, 100), ("70", 70, 70)] {
        let answer = move || {
            (
                http::StatusCode::SERVICE_UNAVAILABLE,
                [("retry-after", own)],
            )
        };
        let mut told = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let response = ask(&app(layer(&memory().0, policy()), answer), from("alice")).await;
            told.insert(
                text(&response, "retry-after")
                    .unwrap()
                    .parse::<u64>()
                    .unwrap(),
            );
        }
        assert!(
            told.iter().all(|seconds| (least..=most).contains(seconds)),
            "{told:?}"
        );
        assert_eq!(told.len() > 1, least < most, "{told:?}");
    }
}
