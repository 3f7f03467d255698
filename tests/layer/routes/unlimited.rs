//! What handlers of unlimited requests find: nothing of a layer further out that they would take for the
//! table's.

use std::sync::mpsc;

use axum::{Router, routing::get};
use tollgate::{
    Limit, RateLimitLayer,
    layer::{BoundLimiter, LeaseHandle, Policy, PolicyBuilder, RateLimitStatus, Route, Routes, RoutesHandle, keys},
};

use crate::world::{ask, from, layer, memory, per_user};

fn rph() -> PolicyBuilder {
    per_user(Limit::per_hour("rph", 9))
}

/// What there is of lease, status and limiter.
type Found = (bool, bool, bool);

/// What a handler finds behind `table`, with a layer of `outer` around it.
async fn found(table: RateLimitLayer, outer: PolicyBuilder) -> Found {
    let (send, receive) = mpsc::channel();
    let handler =
        async move |lease: Option<LeaseHandle>, status: Option<RateLimitStatus>, limiter: Option<BoundLimiter>| {
            send.send((lease.is_some(), status.is_some(), limiter.is_some())).unwrap();
        };
    let outer = layer(&memory().0, outer.resource(keys::fixed("outer")));
    let app = Router::new().route("/", get(handler)).layer(table).layer(outer);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    receive.recv().unwrap()
}

fn table(otherwise: PolicyBuilder) -> Routes {
    let policy: Policy = otherwise.build().unwrap();
    Routes::builder().unlimited(Route::path("/")).otherwise(policy).unwrap()
}

fn by(routes: impl Into<Routes>) -> RateLimitLayer {
    RateLimitLayer::new(memory().0, routes)
}

#[tokio::test]
async fn as_with_a_policy_that_exempts_them() {
    let exempt = || rph().exempt(|_: &tollgate::layer::RequestHead<'_>| true);
    let acquiring = || rph().acquire_in_handler();
    for (inner, outer, expected) in [
        (rph(), rph(), (false, false, false)),
        // A table that gives handlers nothing takes nothing away.
        (rph().without_handle(), rph(), (true, true, false)),
        // The limiter of a layer further out can only be mistaken for one where this layer has them.
        (rph(), acquiring(), (false, false, true)),
        (acquiring(), acquiring(), (false, false, false)),
        (acquiring().without_handle(), acquiring(), (false, false, false)),
        (rph().without_handle(), acquiring(), (true, true, true)),
    ] {
        let of_row = found(by(table(inner)), outer).await;
        assert_eq!(of_row, expected);
    }
    assert_eq!(found(by(exempt().build().unwrap()), rph()).await, (false, false, false));
    assert_eq!(found(by(exempt().without_handle().build().unwrap()), rph()).await, (true, true, false));
    let exempt = exempt().acquire_in_handler().build().unwrap();
    assert_eq!(found(by(exempt), acquiring()).await, (false, false, false));
}

#[tokio::test]
async fn whatever_row_says_so() {
    let of_row =
        Routes::builder().route(Route::path("/elsewhere"), rph().build().unwrap()).otherwise_unlimited().unwrap();
    assert_eq!(found(by(of_row), rph()).await, (false, false, false));
    let one_of_two = Routes::builder()
        .route(Route::path("/elsewhere"), rph().build().unwrap())
        .unlimited(Route::path("/"))
        .otherwise(rph().without_handle().build().unwrap());
    assert_eq!(found(by(one_of_two.unwrap()), rph()).await, (false, false, false));
    let none = Routes::builder().otherwise_unlimited().unwrap();
    assert_eq!(found(by(none), rph()).await, (true, true, false), "no policy gives any");
}

#[tokio::test]
async fn by_the_routes_that_hold_now() {
    let handle = RoutesHandle::new(table(rph().without_handle()));
    let swappable = || RateLimitLayer::swappable(memory().0, &handle);
    assert_eq!(found(swappable(), rph()).await, (true, true, false));
    handle.swap(table(rph()));
    assert_eq!(found(swappable(), rph()).await, (false, false, false));
}
