//! Load tests of URLs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{Router, routing::post};
use tokio::net::TcpListener;
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, keys},
};

use crate::stage::{bare, ran};

/// Serves a handler behind a rate limit of ten requests an hour for each user. Returns the URL and
/// the number of requests that the handler got.
async fn limited() -> (String, Arc<AtomicU64>) {
    let policy = Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("api"))
        .limit(Limit::per_hour("rph", 10))
        .build()
        .unwrap();
    let served = Arc::new(AtomicU64::new(0));
    let seen = served.clone();
    let handler = post(move |body: String| {
        seen.fetch_add(1, Ordering::Relaxed);
        async { body }
    });
    let layer = RateLimitLayer::new(RateLimiter::memory(), policy);
    let router = Router::new().route("/", handler).layer(layer);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, served)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_are_those_of_the_server() {
    let (url, served) = limited().await;
    let mut command = bare();
    let header = "x-user: user-{key}";
    command.args([
        "loadtest", "run", "--url", &url, "--method", "POST", "--body", "hello",
    ]);
    command.args([
        "--header", header, "--keys", "4", "--rate", "200", "-d", "1s",
    ]);
    command.args(["-o", "json", "--processes", "2"]);
    let ran = tokio::task::spawn_blocking(|| ran(command)).await.unwrap();
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["counts"]["granted"], 40, "{report}");
    assert_eq!(report["counts"]["denied"], 160);
    assert_eq!(served.load(Ordering::Relaxed), 40);
    assert_eq!(report["retry_after"]["count"], 160);
    assert_eq!(report["least_remaining"], 0);
    assert_eq!(report.get("write_units"), None);
}
