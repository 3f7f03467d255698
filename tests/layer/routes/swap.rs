//! Routes that are changed while they are in use.

use std::convert::Infallible;

use axum::{Router, body::Body, routing};
use http::{Method, Request, Response};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, Route, Routes, RoutesHandle, Settle, keys},
};
use tower::{Layer, Service, ServiceExt};

use super::{get, named, request};
use crate::world::{
    Remote, alices_tokens, from, gated, memory, per_user, poll_once, ten_tokens, text, tokens,
};

#[tokio::test]
async fn all_clones_of_layer_and_service_see_new_routes() {
    let handle = RoutesHandle::new(named("old"));
    let layer = RateLimitLayer::new(memory().0, &handle);
    let router = || Router::new().fallback(async || ()).layer(layer.clone());
    let made_before = router();
    let cloned_before = made_before.clone();
    for app in [&made_before, &cloned_before] {
        assert_eq!(get(app, "/a").await, "old");
    }
    let routes = Routes::builder()
        .unlimited(Route::path("/healthz"))
        .otherwise(named("new"))
        .unwrap();
    let before = handle.clone().swap(routes);
    for app in [&made_before, &cloned_before, &router()] {
        assert_eq!(get(app, "/a").await, "new");
        assert_eq!(get(app, "/healthz").await, "unlimited");
    }
    handle.swap(before);
    assert_eq!(get(&made_before, "/a").await, "old");
    assert!(
        format!("{:?}", handle.current()).contains("old"),
        "{handle:?}"
    );
}

#[tokio::test]
async fn layers_of_one_handle_change_together() {
    let handle = RoutesHandle::new(named("old"));
    let layer = || RateLimitLayer::new(memory().0, &handle);
    let app = Router::new()
        .route("/a", routing::get(async || ()).layer(layer()))
        .route("/b", routing::get(async || ()).layer(layer()));
    handle.swap(named("new"));
    assert_eq!(
        [get(&app, "/a").await, get(&app, "/b").await],
        ["new", "new"]
    );
}

/// Sends a request under a policy that settles by `x-old`, swaps the policy while the inner service
/// runs, and answers then.
async fn a_request_under_way_keeps_its_policy(limiter: RateLimiter) {
    let old = ten_tokens()
        .settle("tpm", Settle::header("x-old"))
        .build()
        .unwrap();
    let new = ten_tokens()
        .settle("tpm", Settle::header("x-new"))
        .build()
        .unwrap();
    let handle = RoutesHandle::new(old);
    let (inner, mut server) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let mut service = RateLimitLayer::new(limiter.clone(), &handle).layer(inner);
    server.allow(2);
    let running = tokio::spawn(service.ready().await.unwrap().call(from("alice")));
    let (_, answer) = server.next_request().await.expect("a request");
    handle.swap(new);
    answer.send_response(
        Response::builder()
            .header("x-old", "30")
            .header("x-new", "70")
            .body(Body::empty())
            .unwrap(),
    );
    running.await.unwrap().unwrap();
    assert_eq!(alices_tokens(&limiter).await, 70);

    let running = tokio::spawn(service.ready().await.unwrap().call(from("alice")));
    let (_, answer) = server.next_request().await.expect("a request");
    answer.send_response(
        Response::builder()
            .header("x-old", "30")
            .header("x-new", "40")
            .body(Body::empty())
            .unwrap(),
    );
    running.await.unwrap().unwrap();
    limiter.shutdown().await;
    assert_eq!(alices_tokens(&limiter).await, 30);
}

#[tokio::test]
async fn a_request_in_flight_keeps_its_policy_in_memory() {
    a_request_under_way_keeps_its_policy(memory().0).await;
}

#[tokio::test]
async fn a_request_in_flight_keeps_its_policy_through_gates() {
    let (limiter, _) = gated();
    a_request_under_way_keeps_its_policy(limiter).await;
}

/// The policy is swapped between the request and the store's answer. The answer uses the old
/// policy.
#[tokio::test]
async fn a_request_that_waits_for_the_store_keeps_its_policy() {
    let remote = Remote::start().await;
    let hello = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let handle = RoutesHandle::new(named("old"));
    let mut service = RateLimitLayer::new(remote.limiter.clone(), &handle).layer(hello);
    let mut waiting = Box::pin(
        service
            .ready()
            .await
            .unwrap()
            .call(request(Method::GET, "/")),
    );
    assert!(poll_once(waiting.as_mut()).is_pending());
    handle.swap(named("new"));
    let response = waiting.await.unwrap();
    assert!(
        text(&response, "ratelimit-policy")
            .unwrap()
            .starts_with("\"old\"")
    );
    let response = service
        .ready()
        .await
        .unwrap()
        .call(request(Method::GET, "/"))
        .await
        .unwrap();
    assert!(
        text(&response, "ratelimit-policy")
            .unwrap()
            .starts_with("\"new\"")
    );
}

#[tokio::test]
async fn a_swap_leaves_buckets_as_they_are() {
    let (limiter, _) = memory();
    let handle = RoutesHandle::new(per_user(Limit::per_hour("rph", 2)).build().unwrap());
    let app = Router::new()
        .fallback(async || ())
        .layer(RateLimitLayer::new(limiter, &handle));
    let ask = async || {
        app.clone()
            .oneshot(from("alice"))
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!([ask().await, ask().await, ask().await], [200, 200, 429]);
    // The capacity grows, but the bucket is not refilled: what was used stays used.
    handle.swap(per_user(Limit::per_hour("rph", 3)).build().unwrap());
    assert_eq!(ask().await, 429);
    handle.swap(
        Policy::builder()
            .entity(keys::header("x-user"))
            .resource(keys::fixed("b"))
            .limit(tokens())
            .build()
            .unwrap(),
    );
    assert_eq!(ask().await, 200);
}

/// The policy is swapped as fast as possible during requests. Each answer uses a single policy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_sees_half_a_change() {
    fn policy(name: &str) -> Policy {
        let policy = Policy::builder()
            .entity(keys::fixed("everybody"))
            .resource(keys::fixed(name));
        policy
            .limit(Limit::per_second(name, 1_000_000))
            .build()
            .unwrap()
    }
    let table = |name| {
        Routes::builder()
            .route(Route::path("/a"), policy(name))
            .otherwise(policy(name))
            .unwrap()
    };
    let handle = RoutesHandle::new(table("one"));
    let app = Router::new()
        .fallback(async || ())
        .layer(RateLimitLayer::new(memory().0, &handle));
    let swapping = tokio::spawn(async move {
        for _ in 0..500 {
            handle.swap(table("two"));
            handle.swap(table("one"));
            tokio::task::yield_now().await;
        }
    });
    while !swapping.is_finished() {
        let response = app
            .clone()
            .oneshot(request(Method::GET, "/a"))
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let name = |field| {
            text(&response, field)
                .unwrap()
                .split('"')
                .nth(1)
                .unwrap()
                .to_owned()
        };
        assert_eq!(name("ratelimit"), name("ratelimit-policy"));
        tokio::task::yield_now().await;
    }
    swapping.await.unwrap();
}
