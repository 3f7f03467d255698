//! Metrics and logs of an axum server whose limits live in DynamoDB.
//!
//! Prometheus scrapes `/metrics`; `docs/grafana/tollgate.json` is a dashboard for it. The log goes
//! to stderr. `RUST_LOG=tollgate=debug` shows a span for every decision. The table is in the
//! embedded engine.

mod support;
#[path = "support/table.rs"]
mod table;

use std::process::ExitCode;

use axum::{
    Router,
    http::HeaderMap,
    response::IntoResponse,
    routing::{get, post},
};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{InvalidPolicy, Policy, Settle, keys},
    limiter::Prefetch,
    telemetry::DURATION_BUCKETS,
};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

#[tokio::main]
async fn main() -> ExitCode {
    support::exit(run().await)
}

async fn run() -> Result<(), support::Failure> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("tollgate=info"));
    // A span is written to the log when it ends.
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(std::io::stderr)
        .init();
    let recorder = recorder()?;
    let scrape = recorder.handle();
    metrics::set_global_recorder(recorder)?;

    // The embedded engine lives as long as this variable. For your own table, use
    // `RateLimiter::open().await?`.
    let (limiter, _engine) = table::open().await?;
    let listener = support::listen().await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("Listening on {url}. Try:\n");
    println!("  for i in 1 2 3 4 5 6; do curl -s -H 'x-api-key: alice' {url}/api/ping; done");
    println!("  curl -s {url}/metrics | grep -v '^#'");
    axum::serve(listener, app(&limiter, scrape)?)
        .with_graceful_shutdown(support::stopped())
        .await?;
    limiter.shutdown().await;
    Ok(())
}

/// Returns the metrics recorder for Prometheus. Durations are histograms, because quantiles of
/// several processes cannot be added up.
pub(crate) fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let durations = Matcher::Suffix("_duration_seconds".into());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(durations, DURATION_BUCKETS)?;
    Ok(builder.build_recorder())
}

pub(crate) fn app(
    limiter: &RateLimiter,
    scrape: PrometheusHandle,
) -> Result<Router, InvalidPolicy> {
    let per_key = || Policy::builder().entity(keys::hashed_header("x-api-key"));
    let api = per_key()
        .resource(keys::fixed("api"))
        .limit(Limit::per_minute("rpm", 5))
        .build()?;
    let chat = per_key()
        .resource(keys::fixed("gpt-4"))
        .limit(Limit::per_minute("tpm", 1000))
        .cost("tpm", 100)
        .settle("tpm", Settle::header("x-usage-tokens"))
        .build()?;
    // A busy route: granted from prefetched tokens.
    let events = per_key()
        .resource(keys::fixed("events"))
        .limit(Limit::per_minute("rpm", 10_000))
        .prefetch(Prefetch::new())
        .build()?;
    let layer = |policy| RateLimitLayer::new(limiter.clone(), policy);
    Ok(Router::new()
        // `route_layer` instead of `layer`: a request that is answered with 405 costs nothing.
        .route(
            "/api/ping",
            get(|| async { "pong\n" }).route_layer(layer(api)),
        )
        .route(
            "/v1/chat/completions",
            post(complete).route_layer(layer(chat)),
        )
        .route(
            "/events",
            post(|| async { "ok\n" }).route_layer(layer(events)),
        )
        // The route is not limited, because Prometheus is not a user.
        .route("/metrics", get(move || std::future::ready(scrape.render()))))
}

/// Simulates a model, which uses as many tokens as the request says.
async fn complete(headers: HeaderMap) -> impl IntoResponse {
    let used = headers
        .get("x-simulate-tokens")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("100")
        .to_owned();
    ([("x-usage-tokens", used)], "Hello!\n")
}
