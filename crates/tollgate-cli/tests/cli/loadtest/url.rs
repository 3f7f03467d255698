//! Load tests of URLs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{Router, routing::post};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, keys},
};

use super::server::{CERTIFICATE, OTHER_CERTIFICATE, serve, serve_tls};
use crate::stage::{bare, ran};

/// Returns a handler behind a rate limit of ten requests an hour for each user, and the number of
/// requests that the handler got.
fn limited() -> (Router, Arc<AtomicU64>) {
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
    (Router::new().route("/", handler).layer(layer), served)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_are_those_of_the_server() {
    let (router, served) = limited();
    let url = serve(router).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_is_asked_if_its_certificate_is_trusted() {
    let (router, served) = limited();
    let url = serve_tls(router).await;
    let run = async |certificates: &str| {
        let mut command = bare();
        command.args(["loadtest", "run", "--url", &url, "--method", "POST"]);
        command.args(["--header", "x-user: {key}", "-o", "json"]);
        command.args(["--users", "2", "--requests", "20"]);
        command.env("SSL_CERT_FILE", certificates);
        tokio::task::spawn_blocking(|| ran(command)).await.unwrap()
    };
    let untrusted = run(OTHER_CERTIFICATE).await;
    assert_eq!((untrusted.code, untrusted.err.lines().count()), (1, 1));
    assert!(
        untrusted
            .err
            .contains("no call got a decision: no secure connection: invalid peer certificate"),
        "{untrusted:?}"
    );
    let none = run("/none/of/it.pem").await;
    assert_eq!((none.code, none.err.lines().count()), (2, 1), "{none:?}");
    assert!(none.err.contains("SSL_CERT_FILE"), "{none:?}");
    assert_eq!(served.load(Ordering::Relaxed), 0);

    let trusted = run(CERTIFICATE).await;
    assert_eq!((trusted.code, trusted.err.as_str()), (0, ""), "{trusted:?}");
    let report: serde_json::Value = serde_json::from_str(&trusted.out).unwrap();
    assert_eq!(report["counts"]["granted"], 10, "{report}");
    assert_eq!(report["counts"]["denied"], 10, "{report}");
    assert_eq!(served.load(Ordering::Relaxed), 10);
}
