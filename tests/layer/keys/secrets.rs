//! Secrets do not appear in bucket keys, logs and Debug output.

use std::sync::mpsc;

use axum::{Router, body::Body, extract::Request, routing::get};
use tollgate::{
    EntityId, Limit, RateLimiter,
    layer::{
        Key, KeyExtractor, LeaseHandle, MissingKey, PolicyBuilder, RateLimitStatus, RequestHead,
        Settle,
        keys::{self, HmacSecret},
    },
};
use tower::{Layer, Service, ServiceExt};

use crate::{
    events::Events,
    world::{Remote, ask, header_map, hello, layer, left, memory, per_user, with_headers},
};

const SECRET: &str = "sk-live-4f9a8b7c6d5e";

fn with_secret() -> http::Request<Body> {
    let token = format!("Bearer {SECRET}");
    with_headers(&[
        ("x-api-key", SECRET.as_bytes()),
        ("authorization", token.as_bytes()),
    ])
}

fn policies() -> [PolicyBuilder; 2] {
    let limit = || Limit::per_hour("rph", 2);
    [
        per_user(limit()).entity(keys::hashed_header("x-api-key")),
        per_user(limit()).entity(keys::bearer_token()),
    ]
}

fn tells_nothing(text: &str) {
    assert!(!text.contains(SECRET), "{text}");
    assert!(!text.contains("4f9a8b7c"), "{text}");
}

#[tokio::test]
async fn secrets_are_hashed_in_keys() {
    for policy in policies() {
        let (limiter, _) = memory();
        let app = hello(layer(&limiter, policy));
        assert_eq!(ask(&app, with_secret()).await.status(), 200);
        let hashed = EntityId::from_secret(SECRET).unwrap();
        assert_eq!(
            left(&limiter, hashed.as_str(), &Limit::per_hour("rph", 2)).await,
            1
        );
        // This output contains the whole store.
        tells_nothing(&format!("{limiter:?}"));
    }
}

#[tokio::test]
async fn secrets_are_not_in_the_table() {
    let remote = Remote::start().await;
    let [policy, _] = policies();
    let app = hello(layer(&remote.limiter, policy));
    assert_eq!(ask(&app, with_secret()).await.status(), 200);
    let items = remote
        .engine
        .client()
        .scan()
        .table_name("zae-limiter")
        .send()
        .await
        .unwrap();
    let hashed = EntityId::from_secret(SECRET).unwrap();
    assert!(format!("{items:?}").contains(hashed.as_str()));
    tells_nothing(&format!("{items:?}"));
}

#[tokio::test]
async fn secrets_are_not_in_events() {
    let events = Events::collect();
    let remote = Remote::with(RateLimiter::builder()).await;
    for policy in policies() {
        let app = hello(layer(
            &remote.limiter,
            policy.settle("rph", Settle::header("x-used")),
        ));
        for _ in 0..3 {
            tells_nothing(&format!("{:?}", ask(&app, with_secret()).await));
        }
    }
    remote.engine.stop().await;
    let policy = per_user(Limit::per_hour("rph", 2))
        .entity(keys::hashed_header("x-api-key"))
        .resource(keys::fixed("x"));
    assert_eq!(
        ask(&hello(layer(&remote.limiter, policy)), with_secret())
            .await
            .status(),
        503
    );
    assert!(
        events.text().contains("limiter unavailable"),
        "the log is on"
    );
    // Events of the SDK are not checked.
    for line in events
        .text()
        .lines()
        .filter(|line| line.contains(" tollgate"))
    {
        tells_nothing(line);
    }
}

/// Secrets from cookies and queries, and the server's own secret.
#[tokio::test]
async fn secrets_from_any_source_are_in_no_output() {
    let events = Events::collect();
    let hmac = HmacSecret::new(format!("server {SECRET}")).unwrap();
    let policy = || per_user(Limit::per_hour("rph", 1));
    let policies = [
        policy().entity(keys::hashed_cookie("session")),
        policy().entity(keys::hashed_query_parameter("key")),
        policy().entity(keys::header("x-api-key").hmac(&hmac)),
        policy().entity(keys::hashed_cookie("session").and(keys::bearer_token())),
        policy().entity(keys::hashed_cookie("none").or(keys::bearer_token().hmac(&hmac))),
    ];
    for policy in policies {
        let (limiter, _) = memory();
        let built = layer(&limiter, policy);
        tells_nothing(&format!("{built:?}"));
        let app = hello(built);
        let cookie = format!("session={SECRET}");
        let requests = [SECRET, "x"].map(|key| {
            let mut request = with_secret();
            request
                .headers_mut()
                .insert("cookie", cookie.parse().unwrap());
            *request.uri_mut() = format!("/?key={SECRET}&{key}").parse().unwrap();
            request
        });
        for (request, expected) in requests.into_iter().zip([200, 429]) {
            let response = ask(&app, request).await;
            assert_eq!(response.status(), expected);
            tells_nothing(&format!("{response:?}"));
            let body = axum::body::to_bytes(response.into_body(), 10_000)
                .await
                .unwrap();
            tells_nothing(&String::from_utf8_lossy(&body));
        }
        tells_nothing(&format!("{limiter:?}"));
    }
    tells_nothing(&events.text());
}

#[tokio::test]
async fn secrets_are_not_in_debug_output() {
    let (limiter, _) = memory();
    let [policy, _] = policies();
    let built = layer(&limiter, policy);
    let (send, receive) = mpsc::channel();
    let handler = async move |lease: LeaseHandle, status: RateLimitStatus, request: Request| {
        send.send(format!("{lease:?} {status:?} {:?}", request.extensions()))
            .unwrap();
    };
    let router: Router = Router::new().route("/", get(handler));
    let mut service = built.layer(router);
    let future = ServiceExt::<Request>::ready(&mut service)
        .await
        .unwrap()
        .call(with_secret());
    tells_nothing(&format!("{future:?}"));
    let response = future.await.unwrap();
    tells_nothing(&receive.recv().unwrap());
    tells_nothing(&format!("{response:?} {built:?} {service:?}"));
}

#[test]
fn the_debug_output_of_keys_has_no_secret() {
    for key in [
        Key::secret(SECRET),
        Key::untrusted(SECRET),
        Key::name(SECRET),
        Key::path(SECRET),
    ] {
        tells_nothing(&format!("{key:?}"));
    }
    tells_nothing(&format!(
        "{:?} {:?}",
        keys::hashed_header("x-api-key"),
        keys::bearer_token()
    ));
}

#[test]
fn the_debug_output_of_heads_has_no_secret() {
    let (mut parts, _) = with_secret().into_parts();
    parts.uri = format!("/path?key={SECRET}").parse().unwrap();
    let request = http::Request::from_parts(parts, ());
    let head = RequestHead::from(&request);
    tells_nothing(&format!("{head:?}"));
    assert!(format!("{head:?}").contains("/path"));
}

#[test]
fn the_debug_output_of_missing_keys_has_no_secret() {
    let request = http::Request::new(());
    let (mut parts, body) = request.into_parts();
    parts.headers = header_map(&[
        ("x-api-key", SECRET.as_bytes()),
        ("x-api-key", SECRET.as_bytes()),
    ]);
    let request = http::Request::from_parts(parts, body);
    let missing: MissingKey = keys::hashed_header("x-api-key")
        .extract(&RequestHead::from(&request))
        .unwrap_err();
    tells_nothing(&format!("{missing} {missing:?}"));
}
