//! Requests that are exempt from limits.

use std::{convert::Infallible, sync::mpsc};

use axum::{Router, body::Body, routing::get};
use http::{Request, Response};
use tollgate::{
    EntityId, Limit,
    layer::{
        LeaseHandle, OnMissingKey, Policy, PolicyBuilder, RateLimitStatus, RequestHead,
        keys::{self, ClientIp, Networks},
    },
};
use tower::{Layer, ServiceExt};

use super::{for_uri, from_peer};
use crate::{
    events::Events,
    world::{ask, from, gated, hello, layer, left, memory, per_user, text, with_headers},
};

fn rph() -> Limit {
    Limit::per_hour("rph", 1)
}

fn id(text: &str) -> EntityId {
    EntityId::new(text).unwrap()
}

fn office() -> Networks {
    Networks::new(["192.0.2.0/24"]).unwrap()
}

#[tokio::test]
async fn a_request_is_exempt_by_its_entity() {
    for limiter in [memory().0, gated().0] {
        let app = hello(layer(
            &limiter,
            per_user(rph()).exempt_entities([id("alice"), id("bob")]),
        ));
        for user in ["alice", "bob"] {
            for _ in 0..3 {
                let response = ask(&app, from(user)).await;
                assert_eq!(
                    (response.status().as_u16(), text(&response, "ratelimit")),
                    (200, None)
                );
            }
            assert_eq!(left(&limiter, user, &rph()).await, 1);
        }
        assert_eq!(ask(&app, from("carol")).await.status(), 200);
        assert_eq!(ask(&app, from("carol")).await.status(), 429);
    }
}

#[tokio::test]
async fn a_request_is_exempt_by_an_entity_that_is_an_address_or_a_secret() {
    let address = EntityId::from_ip("192.0.2.1".parse().unwrap());
    let app = hello(layer(
        &memory().0,
        per_user(rph())
            .entity(keys::peer_ip())
            .exempt_entities([address]),
    ));
    for expected in [200, 200] {
        assert_eq!(
            ask(&app, from_peer("192.0.2.1", &[])).await.status(),
            expected
        );
    }
    for expected in [200, 429] {
        assert_eq!(
            ask(&app, from_peer("192.0.2.2", &[])).await.status(),
            expected
        );
    }
    let secret = EntityId::from_secret("sk-1").unwrap();
    let policy = per_user(rph())
        .entity(keys::hashed_header("x-api-key"))
        .exempt_entities([secret]);
    let app = hello(layer(&memory().0, policy));
    for (key, statuses) in [("sk-1", [200, 200]), ("sk-2", [200, 429])] {
        for expected in statuses {
            assert_eq!(
                ask(&app, with_headers(&[("x-api-key", key.as_bytes())]))
                    .await
                    .status(),
                expected
            );
        }
    }
}

#[tokio::test]
async fn a_request_is_exempt_by_the_clients_network() {
    let policy = per_user(rph()).exempt_networks(ClientIp::peer(), office());
    let app = hello(layer(&memory().0, policy));
    for expected in [200, 200] {
        assert_eq!(
            ask(&app, from_peer("192.0.2.1", &[("x-user", b"alice")]))
                .await
                .status(),
            expected
        );
    }
    for expected in [200, 429] {
        assert_eq!(
            ask(&app, from_peer("192.0.3.1", &[("x-user", b"alice")]))
                .await
                .status(),
            expected
        );
    }
}

#[tokio::test]
async fn a_request_is_exempt_by_the_network_of_the_given_source_only() {
    let client = ClientIp::x_forwarded_for(Networks::new(["10.0.0.0/8"]).unwrap());
    let app = hello(layer(
        &memory().0,
        per_user(rph()).exempt_networks(client, office()),
    ));
    let ask = async |peer, line: &str| {
        let headers: [(&str, &[u8]); 2] =
            [("x-user", b"alice"), ("x-forwarded-for", line.as_bytes())];
        ask(&app, from_peer(peer, &headers)).await.status().as_u16()
    };
    assert_eq!(ask("10.0.0.1", "192.0.2.1").await, 200);
    assert_eq!(ask("10.0.0.1", "192.0.2.1").await, 200);
    // No proxy has written this address.
    assert_eq!(ask("203.0.113.1", "192.0.2.1").await, 200);
    assert_eq!(ask("203.0.113.1", "192.0.2.1").await, 429);
    assert_eq!(ask("10.0.0.1", "192.0.2.1, 203.0.113.1").await, 429);
    // The address is not known.
    assert_eq!(ask("10.0.0.1", "192.0.2.1, unknown").await, 429);
}

#[tokio::test]
async fn a_request_is_exempt_by_a_closure() {
    let policy = per_user(rph()).exempt(|head: &RequestHead<'_>| head.uri.path() == "/health");
    let app = hello(layer(
        &memory().0,
        policy.exempt(|head: &RequestHead<'_>| head.uri.path() == "/live"),
    ));
    // Exempt requests need no key.
    for path in ["/health", "/live"] {
        for _ in 0..2 {
            assert_eq!(ask(&app, for_uri(path)).await.status(), 200);
        }
    }
    assert_eq!(ask(&app, for_uri("/healthy")).await.status(), 400);
}

#[tokio::test]
async fn an_exempt_entity_needs_no_resource() {
    let policy = Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::header("x-model"))
        .limit(rph());
    let app = hello(layer(&memory().0, policy.exempt_entities([id("alice")])));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(ask(&app, from("bob")).await.status(), 400);
}

#[tokio::test]
async fn a_mistake_of_the_server_exempts_no_request() {
    let policies = [
        per_user(rph()).exempt_networks(ClientIp::peer(), office()),
        per_user(rph())
            .exempt_networks(ClientIp::peer(), office())
            .on_missing_key(OnMissingKey::Skip),
    ];
    for policy in policies {
        let events = Events::collect();
        assert_eq!(
            ask(&hello(layer(&memory().0, policy)), from("alice"))
                .await
                .status(),
            500
        );
        assert!(
            events
                .text()
                .contains("into_make_service_with_connect_info"),
            "{}",
            events.text()
        );
    }
}

#[tokio::test]
async fn mistakes_are_reported_before_a_request_passes() {
    let policy = per_user(rph())
        .resource(keys::matched_path())
        .on_missing_key(OnMissingKey::Skip);
    // The service has no router around it.
    let inner = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let app = layer(&memory().0, policy.exempt_entities([id("alice")])).layer(inner);
    assert_eq!(
        app.clone().oneshot(from("alice")).await.unwrap().status(),
        500
    );
    assert_eq!(app.oneshot(with_headers(&[])).await.unwrap().status(), 500);
}

#[tokio::test]
async fn preflights_and_skipped_requests_have_a_lease_that_charges_nothing() {
    let outer = || {
        per_user(rph())
            .entity(keys::fixed("all"))
            .limit_preflights()
    };
    let skipped = || per_user(rph()).on_missing_key(OnMissingKey::Skip);
    let (send, receive) = mpsc::channel();
    let handler = async move |lease: LeaseHandle, status: RateLimitStatus| {
        lease.settle("rph", 100).unwrap();
        send.send((lease.status().limits.is_empty(), status.limits.is_empty()))
            .unwrap();
    };
    let (limiter, _) = memory();
    let inner = Router::new()
        .fallback(handler)
        .layer(layer(&limiter, skipped()));
    let app = inner.layer(layer(
        &limiter,
        outer()
            .resource(keys::fixed("outer"))
            .limit(Limit::per_hour("more", 9))
            .cost("rph", 0),
    ));
    let mut preflight = with_headers(&[
        ("origin", b"https://a.example"),
        ("access-control-request-method", b"GET"),
    ]);
    *preflight.method_mut() = http::Method::OPTIONS;
    for request in [preflight, with_headers(&[])] {
        assert_eq!(ask(&app, request).await.status(), 200);
        assert_eq!(receive.recv().unwrap(), (true, true));
    }
}

/// Returns whether the lease and the status that a handler sees belong to a bucket.
async fn seen(policy: PolicyBuilder, outer: Option<PolicyBuilder>) -> (bool, bool) {
    let (send, receive) = mpsc::channel();
    let handler = async move |lease: LeaseHandle, status: RateLimitStatus| {
        send.send((lease.status().entity.is_some(), status.entity.is_some()))
            .unwrap();
    };
    let (limiter, _) = memory();
    let mut app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, policy));
    if let Some(outer) = outer {
        app = app.layer(layer(&limiter, outer.resource(keys::fixed("outer"))));
    }
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    receive.recv().unwrap()
}

#[tokio::test]
async fn handlers_see_a_lease_that_charges_nothing() {
    let exempt = || per_user(rph()).exempt_entities([id("alice")]);
    assert_eq!(seen(per_user(rph()), None).await, (true, true));
    assert_eq!(seen(exempt(), None).await, (false, false));
    // The handler does not see the lease of an outer layer, which belongs to another bucket.
    assert_eq!(seen(exempt(), Some(per_user(rph()))).await, (false, false));
    assert_eq!(seen(per_user(rph()), Some(exempt())).await, (true, true));
    // The handler sees the outer lease if this layer gives handlers no lease.
    assert_eq!(
        seen(exempt().without_handle(), Some(per_user(rph()))).await,
        (true, true)
    );
}

#[tokio::test]
async fn handlers_that_insist_on_a_lease_serve_exempt_callers_too() {
    let handler = async |lease: LeaseHandle| lease.consume("rph", 1_000).await.unwrap();
    let policy = per_user(rph()).exempt_entities([id("alice")]);
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&memory().0, policy));
    // A request with an exempt key must not get a 500.
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
}
