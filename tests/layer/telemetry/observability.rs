//! Metrics of the example `observability`, as Prometheus scrapes them.

use axum::{Router, body::Body};
use http::Request;
use tollgate::{RateLimiter, telemetry::METRICS};
use tollgate_testkit::Engine;

use super::scrape::{Sample, metric, names, parse};
use crate::world::ask;

#[path = "../../../examples/observability.rs"]
#[allow(dead_code, reason = "its main function")]
mod example;

async fn send(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    ask(app, request.body(Body::empty()).unwrap())
        .await
        .status()
        .as_u16()
}

async fn scrape(app: &Router) -> Vec<Sample> {
    let response = ask(app, Request::get("/metrics").body(Body::empty()).unwrap()).await;
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000)
        .await
        .unwrap();
    parse(std::str::from_utf8(&bytes).unwrap())
}

#[tokio::test]
async fn the_example_shows_its_metrics_to_prometheus() {
    let recorder: &'static _ = Box::leak(Box::new(example::recorder().unwrap()));
    let _recording = metrics::set_default_local_recorder(recorder);
    let engine = Engine::start().await;
    let limiter = RateLimiter::open().client(engine.client()).await.unwrap();
    let app = example::app(&limiter, recorder.handle()).unwrap();

    let key = ("x-api-key", "alice-secret");
    for _ in 0..10 {
        assert_eq!(
            send(&app, "DELETE", "/api/ping", &[key]).await,
            405,
            "no route, no charge"
        );
    }
    for expected in [200, 200, 200, 200, 200, 429] {
        assert_eq!(send(&app, "GET", "/api/ping", &[key]).await, expected);
    }
    for (tokens, expected) in [
        ("150", 200),
        ("40", 200),
        ("many", 200),
        ("900", 200),
        ("1", 429),
    ] {
        let headers = [key, ("x-simulate-tokens", tokens)];
        assert_eq!(
            send(&app, "POST", "/v1/chat/completions", &headers).await,
            expected
        );
    }
    for _ in 0..50 {
        assert_eq!(send(&app, "POST", "/events", &[key]).await, 200);
    }

    let samples = scrape(&app).await;
    let expected = [
        "tollgate_acquire_duration_seconds",
        "tollgate_decisions_total",
        "tollgate_denials_total",
        "tollgate_gates",
        "tollgate_prefetch_requests_total",
        "tollgate_settle_values_ignored_total",
        "tollgate_settled_tokens_total",
        "tollgate_settlements_pending",
        "tollgate_store_call_duration_seconds",
        "tollgate_store_calls_total",
        "tollgate_store_down",
        "tollgate_write_units_total",
    ];
    let seen = names(&samples);
    for name in expected {
        assert!(seen.contains(name), "{name} is not among {seen:?}");
    }
    // Every sample is documented, with its labels.
    for sample in &samples {
        let known = METRICS
            .iter()
            .find(|known| known.name == metric(&sample.name));
        let known = known.unwrap_or_else(|| panic!("{sample:?}"));
        let labels = sample.labels.keys().filter(|label| *label != "le");
        let mut labels: Vec<_> = labels.map(String::as_str).collect();
        let mut documented = known.labels.to_vec();
        labels.sort_unstable();
        documented.sort_unstable();
        assert_eq!(labels, documented, "{sample:?}");
        let secret = |value: &String| value.contains("alice") || value.len() > 30;
        assert!(!sample.labels.values().any(secret), "{sample:?}");
    }
}
