//! Keys that the server must provide.

use std::convert::Infallible;

use axum::{Extension, Router, body::Body, routing::get};
use http::{Request, Response, StatusCode};
use tollgate::{
    EntityId, Limit,
    layer::{InvalidPolicy, Key, KeyExtractor, OnMissingKey, Policy, keys},
    model::NameKind,
};
use tower::{Layer, ServiceExt};

use crate::{
    events::Events,
    world::{ask, from, hello, layer, left_of, memory, per_user, with_headers},
};

fn rph() -> Limit {
    Limit::per_hour("rph", 1)
}

#[derive(Clone)]
struct User {
    name: &'static str,
}

#[tokio::test]
async fn a_key_can_be_an_extension_of_earlier_middleware() {
    let (limiter, _) = memory();
    let policy = || per_user(rph()).entity(keys::extension(|user: &User| Key::name(user.name)));
    let app = |user| hello(layer(&limiter, policy())).layer(Extension(User { name: user }));
    assert_eq!(ask(&app("alice"), with_headers(&[])).await.status(), 200);
    assert_eq!(ask(&app("alice"), with_headers(&[])).await.status(), 429);
    assert_eq!(ask(&app("bob"), with_headers(&[])).await.status(), 200);
    assert_eq!(left_of(&limiter, "alice", "api", &rph()).await, 0);
}

#[tokio::test]
async fn no_request_passes_without_that_middleware() {
    let policies = [
        per_user(rph()),
        per_user(rph()).on_missing_key(OnMissingKey::Skip),
        per_user(rph()).on_missing_key(OnMissingKey::Entity(EntityId::new("anonymous").unwrap())),
    ];
    for policy in policies {
        let events = Events::collect();
        let (limiter, _) = memory();
        let policy = policy.entity(keys::extension(|user: &User| Key::name(user.name)));
        assert_eq!(
            ask(&hello(layer(&limiter, policy)), from("alice"))
                .await
                .status(),
            500
        );
        assert!(events.text().contains("setup::User"), "{}", events.text());
        assert_eq!(left_of(&limiter, "anonymous", "api", &rph()).await, 1);
    }
}

#[tokio::test]
async fn an_invalid_name_from_the_server_is_a_mistake_of_the_server() {
    for name in ["two words", ""] {
        let events = Events::collect();
        let policy = per_user(rph()).entity(keys::extension(|user: &User| Key::name(user.name)));
        let app = hello(layer(&memory().0, policy)).layer(Extension(User { name }));
        assert_eq!(ask(&app, with_headers(&[])).await.status(), 500, "{name:?}");
        assert!(events.text().contains("the entity id"), "{}", events.text());
    }
}

#[test]
fn an_invalid_fixed_name_builds_no_policy() {
    let refused = |policy: tollgate::layer::PolicyBuilder| match policy.build() {
        Err(InvalidPolicy::Name(error)) => error.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(per_user(rph()).resource(keys::fixed("two words"))),
        NameKind::Resource
    );
    assert_eq!(
        refused(per_user(rph()).entity(keys::fixed("two words"))),
        NameKind::EntityId
    );
    // A name that is valid for one kind of key may be invalid for the other kind.
    assert_eq!(
        refused(per_user(rph()).resource(keys::fixed("2024"))),
        NameKind::Resource
    );
    assert!(per_user(rph()).entity(keys::fixed("2024")).build().is_ok());
}

fn per_path() -> tollgate::layer::PolicyBuilder {
    Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::matched_path())
        .limit(rph())
}

#[tokio::test]
async fn the_matched_path_is_a_key() {
    let (limiter, _) = memory();
    let app = Router::new()
        .route("/users/{id}", get(|| async {}))
        .route("/", get(|| async {}))
        .route("/{id}", get(|| async {}))
        .route_layer(layer(&limiter, per_path()));
    let mut answers = Vec::new();
    for path in ["/users/1", "/users/2", "/", "/other"] {
        let mut request = from("alice");
        *request.uri_mut() = path.parse().unwrap();
        answers.push(ask(&app, request).await.status().as_u16());
    }
    assert_eq!(answers, [200, 429, 200, 200]);
    assert_eq!(left_of(&limiter, "alice", "users/:id", &rph()).await, 0);
    assert_eq!(left_of(&limiter, "alice", "root", &rph()).await, 0);
}

#[tokio::test]
async fn a_matched_path_without_a_router_is_a_mistake_of_the_server() {
    let events = Events::collect();
    let inner = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let app = layer(&memory().0, per_path()).layer(inner);
    assert_eq!(app.oneshot(from("alice")).await.unwrap().status(), 500);
    assert!(
        events.text().contains("Router::route_layer"),
        "{}",
        events.text()
    );
}

/// A path without a route is the client's choice, not a mistake of the server.
#[tokio::test]
async fn a_path_that_no_route_matches_lacks_the_key() {
    let by_path = || per_user(Limit::per_hour("rph", 9)).resource(keys::matched_path());
    let by_id = || per_user(Limit::per_hour("rph", 9)).entity(keys::path_parameter("id"));
    let or = per_user(rph()).resource(keys::matched_path().or(keys::fixed("unmatched")));
    let shared = OnMissingKey::Entity(EntityId::new("anonymous").unwrap());
    for (policy, answers) in [
        (by_path(), [400, 400]),
        (by_id(), [400, 400]),
        (by_path().on_missing_key(OnMissingKey::Skip), [404, 404]),
        (by_id().on_missing_key(OnMissingKey::Skip), [404, 404]),
        (
            by_id()
                .limit(Limit::per_hour("one", 1))
                .on_missing_key(shared),
            [404, 429],
        ),
        (or, [404, 429]),
    ] {
        let events = Events::collect();
        let (limiter, _) = memory();
        let routes = || {
            Router::new()
                .route("/users/{id}", get(|| async {}))
                .fallback(|| async { StatusCode::NOT_FOUND })
        };
        let whole = routes().layer(layer(&limiter, policy));
        let nested = Router::new().nest("/api", whole.clone());
        for (app, path) in [(whole, "/favicon.ico"), (nested, "/api/favicon.ico")] {
            let mut asked = Vec::new();
            for _ in 0..2 {
                let mut request = from("alice");
                *request.uri_mut() = path.parse().unwrap();
                asked.push(ask(&app, request).await.status().as_u16());
            }
            // The second router uses the same buckets.
            let expected = if path.starts_with("/api") {
                [answers[1]; 2]
            } else {
                answers
            };
            assert_eq!(asked, expected, "{path}");
        }
        assert!(
            !events.text().contains("server misconfigured"),
            "{}",
            events.text()
        );
    }
}
