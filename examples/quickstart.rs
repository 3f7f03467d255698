//! An axum server whose limits live in DynamoDB.
//!
//! Without `AWS_ENDPOINT_URL_DYNAMODB`, the example starts an embedded engine: nothing to install,
//! nothing to configure. With that variable, the limits live in the table behind that endpoint,
//! under the stack and namespace in `TOLLGATE_STACK` and `TOLLGATE_NAMESPACE`.

mod support;
#[path = "support/table.rs"]
mod table;

use std::process::ExitCode;

use axum::{
    Json, Router,
    http::HeaderMap,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{InvalidPolicy, Policy, RateLimitStatus, Settle, keys},
};

#[tokio::main]
async fn main() -> ExitCode {
    support::exit(run().await)
}

async fn run() -> Result<(), support::Failure> {
    tracing_subscriber::fmt()
        .with_env_filter("tollgate=info")
        .with_writer(std::io::stderr)
        .init();

    // The embedded engine lives as long as this variable. For your own table, use
    // `RateLimiter::open().await?`.
    let (limiter, _engine) = table::open().await?;
    let listener = support::listen().await?;
    println!("{}", welcome(&format!("http://{}", listener.local_addr()?)));

    axum::serve(listener, app(&limiter)?)
        .with_graceful_shutdown(support::stopped())
        .await?;
    // Writes the settlements that are not written yet.
    limiter.shutdown().await;
    println!("Bye: everything is written.");
    Ok(())
}

fn app(limiter: &RateLimiter) -> Result<Router, InvalidPolicy> {
    let api = Policy::builder()
        // A plain id. For real API keys, use `keys::hashed_header`, which never stores them in
        // clear text.
        .entity(keys::header("x-api-key"))
        .resource(keys::fixed("api"))
        .default_limit(Limit::per_minute("rpm", 5))
        .build()?;
    let chat = Policy::builder()
        .entity(keys::header("x-api-key"))
        .resource(keys::fixed("gpt-4"))
        .default_limit(Limit::per_minute("rpm", 60))
        .default_limit(Limit::per_minute("tpm", 1000))
        // An estimate. The real cost is known from the response.
        .cost("tpm", 100)
        .settle("tpm", Settle::header("x-usage-tokens"))
        .build()?;

    // A check that costs nothing and is never denied.
    let me = Policy::builder()
        .entity(keys::header("x-api-key"))
        .resource(keys::fixed("api"))
        .default_limit(Limit::per_minute("rpm", 5))
        .cost("rpm", 0)
        .build()?;

    let api_routes = Router::new()
        .route("/api/ping", get(|| async { "pong\n" }))
        .route_layer(RateLimitLayer::new(limiter.clone(), api));
    let me_routes = Router::new()
        .route("/api/me", get(status))
        .route_layer(RateLimitLayer::new(limiter.clone(), me));
    let chat_routes = Router::new()
        .route("/v1/chat/completions", post(complete))
        .route_layer(RateLimitLayer::new(limiter.clone(), chat));
    Ok(Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(api_routes)
        .merge(me_routes)
        .merge(chat_routes))
}

async fn status(status: RateLimitStatus) -> Json<RateLimitStatus> {
    Json(status)
}

/// Simulates a model, which uses as many tokens as the request says.
async fn complete(headers: HeaderMap) -> impl IntoResponse {
    let simulated = headers
        .get("x-simulate-tokens")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("100")
        .to_owned();
    let total: Option<u64> = simulated.parse().ok();
    let answer: Value = json!({
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
        "usage": {"total_tokens": total},
    });
    // The layer settles the lease to the number in this header.
    ([("x-usage-tokens", simulated)], Json(answer))
}

fn welcome(url: &str) -> String {
    format!(
        "\
Listening on {url}. Try:

  # never limited
  curl -i {url}/healthz

  # 5 a minute: the sixth is a 429 that says when to retry
  for i in 1 2 3 4 5 6; do curl -i -H 'x-api-key: alice' {url}/api/ping; done

  # 1000 tokens a minute: estimated at 100, settled to the 4000 that the answer says
  curl -i -X POST -H 'x-api-key: alice' -H 'x-simulate-tokens: 4000' {url}/v1/chat/completions

  # so that alice is in debt, and denied for the next three minutes
  curl -i -X POST -H 'x-api-key: alice' {url}/v1/chat/completions

  # where you stand
  curl -i -H 'x-api-key: alice' {url}/api/me

Stop with ctrl-c."
    )
}
