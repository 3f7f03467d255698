//! Policies that charge several resources: a model, and a budget over all models.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::Request, routing::get};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use tollgate::{
    Error, Limit, RateLimiter,
    error::Invalid,
    layer::{
        BoundLimiter, InvalidPolicy, Learn, LeaseHandle, Outcome, PolicyBuilder, RateLimitStatus,
        ReportLimits, ResourceCharge, Settle, ShadowVerdict, Usage, keys,
    },
    limiter::Acquire,
};

use super::{
    bodies::{data, fed},
    sockets,
    world::{Remote, ask, from, gated, header_map, layer, left_of, memory, text, with_headers},
};

/// A model has 100 tokens, of which a request is charged 10.
fn tokens() -> Limit {
    Limit::per_minute("tpm", 100)
}

/// All models together have 40 cents, of which a request is charged 4.
fn cents() -> Limit {
    Limit::per_hour("cents", 40)
}

fn model() -> PolicyBuilder {
    tollgate::layer::Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::header("x-model"))
        .limit(tokens())
        .cost("tpm", 10)
}

fn budget() -> ResourceCharge {
    ResourceCharge::on(keys::fixed("all"))
        .limit(cents())
        .cost("cents", 4)
}

fn policy() -> PolicyBuilder {
    model().also(budget())
}

fn to(model: &'static str) -> Request {
    with_headers(&[("x-user", b"alice"), ("x-model", model.as_bytes())])
}

/// Returns the tokens that a model has left, and the cents that all models have left.
async fn left(limiter: &RateLimiter, model: &str) -> (i64, i64) {
    (
        left_of(limiter, "alice", model, &tokens()).await,
        left_of(limiter, "alice", "all", &cents()).await,
    )
}

/// Waits until this is left, because leases are settled in the background.
async fn comes_to(limiter: &RateLimiter, model: &str, tokens: (i64, i64)) {
    for _ in 0..200 {
        if left(limiter, model).await == tokens {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(left(limiter, model).await, tokens);
}

macro_rules! on_every_limiter {
    ($($test:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::memory().0).await;
            })+
        }
        mod behind_gates {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::gated().0).await;
            })+
        }
        mod in_a_table {
            $(#[tokio::test]
            async fn $test() {
                let remote = super::Remote::start().await;
                super::$test(remote.limiter.clone()).await;
            })+
        }
    };
}

on_every_limiter!(
    a_request_is_charged_for_all_resources_or_none,
    each_resource_is_settled_by_its_own_rule,
    a_body_settles_each_resource_when_it_ends,
    a_body_that_is_cut_off_keeps_the_estimate_of_each_resource,
    outcomes_give_all_resources_back,
    a_handler_reaches_each_resource,
    a_handler_acquires_all_resources,
    a_policy_in_shadow_mode_reports_all_resources,
);

async fn a_request_is_charged_for_all_resources_or_none(limiter: RateLimiter) {
    let app = Router::new()
        .fallback(async || "hello")
        .layer(layer(&limiter, policy()));
    let response = ask(&app, to("small")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        text(&response, "ratelimit"),
        Some(r#""tpm";r=90;t=6, "all.cents";r=36;t=360"#)
    );
    assert_eq!(
        text(&response, "ratelimit-policy"),
        Some(r#""tpm";q=100;w=60, "all.cents";q=40;w=3600"#)
    );
    for _ in 0..9 {
        assert_eq!(ask(&app, to("large")).await.status(), StatusCode::OK);
    }
    assert_eq!(left(&limiter, "small").await, (90, 0));

    // The budget is short, so the model is not charged either.
    let response = ask(&app, to("small")).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(text(&response, "retry-after"), Some("360"));
    assert_eq!(
        text(&response, "ratelimit"),
        Some(r#""tpm";r=90;t=6, "all.cents";r=0;t=360"#)
    );
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        problem["violated-policies"],
        serde_json::json!(["all.cents"])
    );
    comes_to(&limiter, "small", (90, 0)).await;
}

async fn each_resource_is_settled_by_its_own_rule(limiter: RateLimiter) {
    let policy = model()
        .settle("tpm", Settle::header("x-tokens").strip())
        .also(budget().settle("cents", Settle::header("x-cents").strip()));
    let app = Router::new()
        .fallback(async || [("x-tokens", "30"), ("x-cents", "7")])
        .layer(layer(&limiter, policy));
    let response = ask(&app, to("small")).await;
    for header in ["x-tokens", "x-cents"] {
        assert!(!response.headers().contains_key(header));
    }
    assert_eq!(
        text(&response, "ratelimit"),
        Some(r#""tpm";r=70;t=18, "all.cents";r=33;t=630"#)
    );
    drop(response);
    comes_to(&limiter, "small", (70, 33)).await;
}

/// A policy that settles the tokens by the number of bytes, and the cents by a trailer.
fn by_the_body() -> PolicyBuilder {
    model()
        .settle("tpm", Settle::bytes(|bytes| bytes * 2))
        .also(budget().settle("cents", Settle::trailer("x-cents").strip()))
}

async fn a_body_settles_each_resource_when_it_ends(limiter: RateLimiter) {
    let answer = async || {
        let (feed, body) = fed();
        for piece in ["hello", " world"] {
            feed.send(data(piece)).unwrap();
        }
        let trailers = header_map(&[("x-cents", b"9"), ("x-else", b"1")]);
        feed.send(Ok(Frame::trailers(trailers))).unwrap();
        Response::builder()
            .header("trailer", "x-cents, x-else")
            .body(Body::new(body))
            .unwrap()
    };
    let app = Router::new()
        .route("/", get(answer))
        .layer(layer(&limiter, by_the_body()));
    let address: SocketAddr = sockets::serve(app).await;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{address}/"))
        .header("x-user", "alice")
        .header("x-model", "small")
        .header("te", "trailers")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.headers()["trailer"], "x-else");
    let collected = response.into_body().collect().await.unwrap();
    let names: Vec<_> = collected.trailers().unwrap().keys().cloned().collect();
    assert_eq!(names, ["x-else"]);
    comes_to(&limiter, "small", (100 - 22, 40 - 9)).await;
}

async fn a_body_that_is_cut_off_keeps_the_estimate_of_each_resource(limiter: RateLimiter) {
    let app = Router::new()
        .fallback(async || {
            let (feed, body) = fed();
            feed.send(data("0123456789")).unwrap();
            std::mem::forget(feed);
            Body::new(body)
        })
        .layer(layer(&limiter, by_the_body()));
    let response = ask(&app, to("small")).await;
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(left(&limiter, "small").await, (90, 36), "the lease is open");
    drop(body);
    comes_to(&limiter, "small", (80, 36)).await;
}

async fn outcomes_give_all_resources_back(limiter: RateLimiter) {
    let policy = policy()
        .on_status(500..=500, Outcome::Refund)
        .on_status(400..=400, Outcome::refund(["cents"]))
        .on_status(401..=401, Outcome::refund(["tpm"]));
    let app = Router::new()
        .fallback(async |request: Request| {
            let status = request.headers()["x-status"].to_str().unwrap();
            StatusCode::from_bytes(status.as_bytes()).unwrap()
        })
        .layer(layer(&limiter, policy));
    let mut expected = (100, 40);
    for (status, charged) in [
        ("200", (10, 4)),
        ("500", (0, 0)),
        ("400", (10, 0)),
        ("401", (0, 4)),
    ] {
        let request = with_headers(&[
            ("x-user", b"alice"),
            ("x-model", b"small"),
            ("x-status", status.as_bytes()),
        ]);
        assert_eq!(ask(&app, request).await.status().as_str(), status);
        expected = (expected.0 - charged.0, expected.1 - charged.1);
        comes_to(&limiter, "small", expected).await;
    }
}

async fn a_handler_reaches_each_resource(limiter: RateLimiter) {
    async fn answer(lease: LeaseHandle, status: RateLimitStatus) -> Result<&'static str, Error> {
        assert_eq!(status.limits.len(), 2);
        lease.settle("tpm", 20)?;
        assert_eq!(
            lease.settle("cents", 1).unwrap_err(),
            Invalid::UnknownLimit("cents".to_owned())
        );
        assert_eq!(
            lease.part("other").map(drop).unwrap_err(),
            Invalid::UnknownResource("other".to_owned())
        );
        let budget = lease.part("all")?;
        budget.consume("cents", 6).await?;
        assert_eq!(budget.consumed("cents"), Some(10));
        budget.adjust("cents", -2)?;
        assert_eq!(lease.part("small")?.consumed("tpm"), Some(20));
        // More than the budget has.
        budget.consume("cents", 40).await?;
        Ok("not reached")
    }
    // A rule leaves alone what a handler sets.
    let policy = model().also(budget().settle("cents", Settle::head(|_| Some(1))));
    let app = Router::new()
        .route("/", get(answer))
        .layer(layer(&limiter, policy));
    let response = ask(&app, to("small")).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    drop(response);
    comes_to(&limiter, "small", (80, 32)).await;
}

async fn a_handler_acquires_all_resources(limiter: RateLimiter) {
    async fn answer(limiter: BoundLimiter) -> Result<&'static str, Error> {
        let limiter = limiter.cost("tpm", 30).also_cost("all", "cents", 15);
        limiter.acquire().await?;
        Ok("done")
    }
    let app = Router::new()
        .route("/", get(answer))
        .layer(layer(&limiter, policy().acquire_in_handler()));
    for expected in [(70, 25), (40, 10)] {
        let response = ask(&app, to("small")).await;
        assert_eq!(response.status(), StatusCode::OK);
        drop(response);
        comes_to(&limiter, "small", expected).await;
    }
    let response = ask(&app, to("small")).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    comes_to(&limiter, "small", (40, 10)).await;
}

async fn a_policy_in_shadow_mode_reports_all_resources(limiter: RateLimiter) {
    async fn answer(status: RateLimitStatus) -> String {
        match status.shadow {
            Some(ShadowVerdict::Denied(short)) => {
                let names = short
                    .iter()
                    .map(|status| (status.resource.as_ref().unwrap(), status.limit.name()));
                format!("{names:?}", names = names.collect::<Vec<_>>())
            }
            verdict => format!("{verdict:?}"),
        }
    }
    let app = Router::new().route("/", get(answer)).layer(layer(
        &limiter,
        model().also(budget().cost("cents", 25)).shadow(),
    ));
    for expected in ["Some(Granted)", r#"(Resource("all"), LimitName("cents"))"#] {
        let response = ask(&app, to("small")).await;
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(body.contains(expected), "{body}");
    }
    comes_to(&limiter, "small", (90, 15)).await;
}

/// A fault that a draft of this had: all limits of the policy's own resource observe, and so did
/// the budget.
#[tokio::test]
async fn a_limit_in_shadow_mode_leaves_the_other_resource_enforced() {
    let charge = || budget().cost("cents", 15);
    for (policy, statuses) in [
        (model().shadow_limit("tpm").also(charge()), [200, 200, 429]),
        (
            model().shadow_limit("cents").also(charge()),
            [200, 200, 200],
        ),
    ] {
        let (limiter, _) = memory();
        let app = Router::new()
            .fallback(async || "hello")
            .layer(layer(&limiter, policy));
        for status in statuses {
            assert_eq!(ask(&app, to("small")).await.status().as_u16(), status);
        }
    }
}

#[tokio::test]
async fn the_nearest_limit_of_all_resources_is_reported() {
    let (limiter, _) = memory();
    let app = Router::new()
        .fallback(async || "hello")
        .layer(layer(&limiter, policy().report(ReportLimits::Nearest)));
    let response = ask(&app, to("small")).await;
    // Both have nine tenths left; then only the budget is charged by another model.
    drop(response);
    ask(&app, to("large")).await;
    let response = ask(&app, to("small")).await;
    assert_eq!(
        text(&response, "ratelimit"),
        Some(r#""all.cents";r=28;t=1080"#)
    );
}

#[tokio::test]
async fn a_resource_that_is_found_twice_is_refused_like_a_missing_key() {
    let (limiter, _) = memory();
    let app = Router::new()
        .fallback(async || "hello")
        .layer(layer(&limiter, policy()));
    assert_eq!(ask(&app, to("all")).await.status(), StatusCode::BAD_REQUEST);
    let by_key = model().also(
        ResourceCharge::on(keys::header("x-group"))
            .limit(cents())
            .cost("cents", 4),
    );
    let app = Router::new()
        .fallback(async || "hello")
        .layer(layer(&limiter, by_key));
    assert_eq!(
        ask(&app, to("small")).await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(left(&limiter, "small").await, (100, 40));
}

#[tokio::test]
async fn a_resource_learns_its_own_cost() {
    let (limiter, _) = memory();
    let charge = budget()
        .learn("cents", Learn::default())
        .settle("cents", Settle::head(|_| Some(9)));
    let app = Router::new()
        .fallback(async || "hello")
        .layer(layer(&limiter, model().also(charge)));
    for _ in 0..4 {
        assert_eq!(ask(&app, to("small")).await.status(), StatusCode::OK);
    }
    // 4 cents are left: enough for the fixed cost, but not for the learned one.
    assert_eq!(left(&limiter, "small").await, (60, 4));
    let response = ask(&app, to("small")).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn a_policy_checks_the_resources_that_it_charges() {
    let charge = |resource: &'static str| ResourceCharge::on(keys::fixed(resource)).limit(cents());
    let build = |policy: PolicyBuilder| policy.build().map(drop).unwrap_err();
    let fixed = || {
        tollgate::layer::Policy::builder()
            .entity(keys::header("x-user"))
            .resource(keys::fixed("api"))
            .limit(tokens())
    };
    for policy in [
        fixed().also(charge("api")),
        model().also(charge("api")).also(charge("api")),
    ] {
        assert_eq!(
            build(policy),
            InvalidPolicy::ResourceRepeated("api".try_into().unwrap())
        );
    }
    let many = (0..Acquire::MAX_RESOURCES).fold(model(), |policy, _| policy.also(charge("other")));
    assert_eq!(build(many), InvalidPolicy::TooManyResources { most: 16 });
    let unknown = model().also(charge("all").cost("tpm", 1));
    assert_eq!(
        build(unknown),
        InvalidPolicy::UnknownLimit("tpm".to_owned())
    );
    let unknown = model()
        .also(charge("all"))
        .on_status(400..=499, Outcome::refund(["cent"]));
    assert_eq!(
        build(unknown),
        InvalidPolicy::UnknownLimit("cent".to_owned())
    );
    let expensive = model().also(charge("all").cost("cents", 41));
    assert!(matches!(
        build(expensive),
        InvalidPolicy::CostExceedsCapacity { cost: 41, .. }
    ));
}

/// Each resource reads what it needs of the same stream, also if the client goes in the middle.
#[tokio::test]
async fn the_usage_in_a_stream_settles_each_resource() {
    const EVENTS: &str = concat!(
        "data: {\"text\":\"Hi\"}\n\n",
        "data: {\"usage\":{\"total_tokens\":27},\"price\":7}\n\n",
    );
    let policy = model().settle("tpm", Settle::usage(Usage::total())).also(
        budget()
            .settle("cents", Settle::events(|events| events * 5))
            .settle("cents", Settle::usage(Usage::pointer("/price"))),
    );
    for (reads_all, left_then) in [(true, (73, 33)), (false, (90, 35))] {
        let (limiter, _) = memory();
        let app = Router::new()
            .fallback(async || {
                let (feed, body) = fed();
                let (first, second) = EVENTS.split_at(EVENTS.find("\n\n").unwrap() + 2);
                for piece in [first, second] {
                    feed.send(data(piece)).unwrap();
                }
                let mut response = Response::new(Body::new(body));
                let kind = "text/event-stream".parse().unwrap();
                response.headers_mut().insert("content-type", kind);
                response
            })
            .layer(layer(&limiter, policy.clone()));
        let mut body = ask(&app, to("small")).await.into_body();
        if reads_all {
            body.collect().await.unwrap();
        } else {
            body.frame().await.unwrap().unwrap();
            drop(body);
        }
        assert_eq!(left(&limiter, "small").await, left_then);
    }
}

#[tokio::test]
async fn other_users_have_budgets_of_their_own() {
    let (limiter, _) = memory();
    let app = Router::new()
        .fallback(async || "hello")
        .layer(layer(&limiter, policy()));
    for _ in 0..10 {
        ask(&app, to("small")).await;
    }
    assert_eq!(
        ask(&app, to("large")).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    let mut bob = from("bob");
    bob.headers_mut()
        .insert("x-model", "large".parse().unwrap());
    assert_eq!(ask(&app, bob).await.status(), StatusCode::OK);
}

/// A client that chooses the resource must not switch the limits off.
#[tokio::test]
async fn a_client_that_names_the_budget_is_refused_even_if_requests_without_a_key_pass() {
    let (limiter, _) = memory();
    let policy = tollgate::layer::Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::header("x-model"))
        .limit(tokens())
        .on_missing_key(tollgate::layer::OnMissingKey::Skip)
        .also(ResourceCharge::on(keys::fixed("all")).limit(cents()));
    let app = Router::new()
        .route("/", get(async || "hello"))
        .layer(layer(&limiter, policy));
    for (model, expected) in [("small", 200), ("all", 400)] {
        assert_eq!(ask(&app, to(model)).await.status(), expected, "{model}");
    }
}
