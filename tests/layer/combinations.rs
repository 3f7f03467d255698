//! Combinations of features.

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use bytes::Bytes;
use http::{Response, StatusCode};
use tollgate::layer::{
    LeaseHandle, Outcome, PolicyBuilder, RateLimitStatus, Refusal, Settle, ShadowVerdict,
};

use super::{
    bodies::{fed, once},
    world::{
        Remote, alices_tokens, app, ask, from, layer, left, memory, ten_tokens, text, tokens,
        with_headers,
    },
};

/// The head of a request is kept for a custom answer, but its lease is not.
#[tokio::test]
async fn a_custom_answer_does_not_hold_the_lease() {
    let (limiter, _) = memory();
    let policy = ten_tokens()
        .settle("tpm", Settle::header("x-used"))
        .answer(|refusal: Refusal<'_>| -> Response<Bytes> { refusal.response });
    let (_feed, body) = fed();
    let body = once(body);
    let app = app(layer(&limiter, policy), move || {
        ([("x-used", "30")], Body::new(body()))
    });
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        alices_tokens(&limiter).await,
        70,
        "the body goes on, and no rule looks at it"
    );
}

/// Returns a handler that uses half of the tokens, and then asks for more than are left.
fn greedy(policy: PolicyBuilder) -> (tollgate::RateLimiter, Router) {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle| -> Response<Body> {
        match lease.consume("tpm", 100).await {
            Ok(()) => "done".into_response(),
            Err(error) => ([("x-used", "30"), ("x-request-id", "7")], error).into_response(),
        }
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, policy));
    (limiter, app)
}

#[tokio::test]
async fn a_handlers_error_is_settled_as_any_response() {
    let used = || Settle::header("x-used").strip();
    for (policy, left) in [
        (ten_tokens(), 90),
        (ten_tokens().on_status(400..=499, Outcome::Refund), 100),
        (ten_tokens().settle("tpm", used()), 70),
        (
            ten_tokens()
                .settle("tpm", used())
                .on_status(429..=429, Outcome::refund(["tpm"])),
            100,
        ),
    ] {
        let (limiter, app) = greedy(policy);
        let response = ask(&app, from("alice")).await;
        assert_eq!(response.status(), 429);
        assert_eq!(alices_tokens(&limiter).await, left);
    }
}

/// The handler has run, so its error does not count as a denial of an inner layer for an outer
/// layer.
#[tokio::test]
async fn a_handlers_error_keeps_the_charge_of_a_layer_further_out() {
    let (limiter, app) = greedy(ten_tokens());
    let outer = ten_tokens().entity(tollgate::layer::keys::fixed("all"));
    let app = app.layer(layer(&limiter, outer));
    assert_eq!(ask(&app, from("alice")).await.status(), 429);
    assert_eq!(alices_tokens(&limiter).await, 90);
    assert_eq!(
        super::world::left(&limiter, "all", &super::world::tokens()).await,
        90
    );
}

#[tokio::test]
async fn a_handlers_error_keeps_the_headers_beside_it() {
    let (_limiter, app) = greedy(ten_tokens().settle("tpm", Settle::header("x-used").strip()));
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(text(&response, "x-request-id"), Some("7"));
    assert_eq!(text(&response, "x-used"), None, "meant for the layer alone");
    for name in [
        "content-type",
        "content-length",
        "cache-control",
        "retry-after",
        "ratelimit",
    ] {
        assert_eq!(response.headers().get_all(name).iter().count(), 1, "{name}");
    }
}

#[tokio::test]
async fn handlers_of_a_policy_that_only_observes_find_a_lease_without_a_key_too() {
    let handler = async |lease: LeaseHandle, status: RateLimitStatus| {
        lease.settle("tpm", 3).unwrap();
        assert_eq!(status.shadow, Some(ShadowVerdict::Refused));
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&memory().0, ten_tokens().shadow()));
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 200);
}

#[tokio::test]
async fn the_header_of_shadow_limits_is_exposed() {
    let exposed = |policy: PolicyBuilder| policy.build().unwrap().exposed_headers();
    assert!(
        exposed(ten_tokens().shadow().report_shadow())
            .iter()
            .any(|name| name == "x-ratelimit-shadow")
    );
    assert!(
        !exposed(ten_tokens().shadow())
            .iter()
            .any(|name| name == "x-ratelimit-shadow")
    );
}

/// A key and its project are charged in one transaction, and the lease is settled in both.
#[tokio::test]
async fn a_key_and_its_project_are_charged_in_one_transaction() {
    let Remote {
        engine: _engine,
        proxy,
        limiter,
    } = Remote::start().await;
    let entity = |id: &str| tollgate::EntityId::new(id).unwrap();
    for user in ["alice", "bob"] {
        let child = tollgate::model::Entity::new(entity(user))
            .with_parent(entity("project"))
            .cascading();
        limiter.entities().create(child).await.unwrap();
    }
    let policy = ten_tokens()
        .in_one_transaction()
        .settle("tpm", Settle::header("x-used"));
    let app = app(layer(&limiter, policy), || [("x-used", "85")]);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    limiter.config().invalidate();
    assert_eq!(
        [
            alices_tokens(&limiter).await,
            left(&limiter, "project", &tokens()).await
        ],
        [15, 15]
    );
    let counts =
        || ["TransactWriteItems", "UpdateItem", "PutItem"].map(|operation| proxy.count(operation));
    let before = counts();
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    let after = counts();
    assert_eq!(after[0] - before[0], 1);
    // In each of the two buckets, only the use beyond the estimate may be written by now.
    assert!(
        after[1] - before[1] <= 2 && after[2] == before[2],
        "{before:?} {after:?}"
    );
    assert_eq!(ask(&app, from("bob")).await.status(), 429);
    assert_eq!(left(&limiter, "bob", &tokens()).await, 100);
}
