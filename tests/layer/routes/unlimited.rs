//! Handlers of unlimited requests see a lease that charges nothing, instead of an outer layer's
//! lease, which they would take for the table's.

use std::sync::mpsc;

use axum::{Router, routing::get};
use tollgate::{
    Limit, RateLimitLayer,
    layer::{
        BoundLimiter, LeaseHandle, Policy, PolicyBuilder, RateLimitStatus, Route, Routes,
        RoutesHandle, keys,
    },
};

use crate::world::{ask, from, layer, memory, per_user};

fn rph() -> PolicyBuilder {
    per_user(Limit::per_hour("rph", 9))
}

/// For lease, status and limiter: `None` if there is none, or else true if it belongs to a bucket.
type Found = (Option<bool>, Option<bool>, Option<bool>);

const FREE: Option<bool> = Some(false);
const OUTER: Option<bool> = Some(true);

/// Returns what a handler sees behind `table` and a layer of `outer` around it.
async fn found(table: RateLimitLayer, outer: PolicyBuilder) -> Found {
    let (send, receive) = mpsc::channel();
    let handler = async move |lease: Option<LeaseHandle>,
                              status: Option<RateLimitStatus>,
                              limiter: Option<BoundLimiter>| {
        let limiter = match limiter {
            Some(limiter) => Some(limiter.cost("rph", 1).acquire().await.unwrap()),
            None => None,
        };
        let charges = |lease: Option<LeaseHandle>| lease.map(|lease| charges(&lease));
        let status = status.map(|status| status.entity.is_some());
        send.send((charges(lease), status, charges(limiter)))
            .unwrap();
    };
    let outer = layer(&memory().0, outer.resource(keys::fixed("outer")));
    let app = Router::new()
        .route("/", get(handler))
        .layer(table)
        .layer(outer);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    receive.recv().unwrap()
}

/// Returns true if the lease belongs to a bucket. If not, the lease accepts everything.
fn charges(lease: &LeaseHandle) -> bool {
    if lease.status().limits.is_empty() {
        lease.settle("rph", 7).unwrap();
        lease.adjust("nonsense", -7).unwrap();
        assert_eq!((lease.consumed("rph"), lease.is_degraded()), (None, false));
        return false;
    }
    true
}

fn table(otherwise: PolicyBuilder) -> Routes {
    let policy: Policy = otherwise.build().unwrap();
    Routes::builder()
        .unlimited(Route::path("/"))
        .otherwise(policy)
        .unwrap()
}

fn by(routes: impl Into<tollgate::layer::RoutesSource>) -> RateLimitLayer {
    RateLimitLayer::new(memory().0, routes)
}

#[tokio::test]
async fn an_unlimited_request_has_the_lease_of_an_exempt_one() {
    let exempt = || rph().exempt(|_: &tollgate::layer::RequestHead<'_>| true);
    let acquiring = || rph().acquire_in_handler();
    for (inner, outer, expected) in [
        (rph(), rph(), (FREE, FREE, None)),
        // A table that gives handlers no lease does not hide the outer one.
        (rph().without_handle(), rph(), (OUTER, OUTER, None)),
        // The limiter of an outer layer can be mistaken for this layer's only if this layer
        // provides limiters.
        (rph(), acquiring(), (FREE, FREE, OUTER)),
        (acquiring(), acquiring(), (FREE, FREE, FREE)),
        (
            acquiring().without_handle(),
            acquiring(),
            (FREE, FREE, FREE),
        ),
        (rph().without_handle(), acquiring(), (OUTER, FREE, OUTER)),
    ] {
        let of_row = found(by(table(inner)), outer).await;
        assert_eq!(of_row, expected);
    }
    assert_eq!(
        found(by(exempt().build().unwrap()), rph()).await,
        (FREE, FREE, None)
    );
    assert_eq!(
        found(by(exempt().without_handle().build().unwrap()), rph()).await,
        (OUTER, OUTER, None)
    );
    let exempt = exempt().acquire_in_handler().build().unwrap();
    assert_eq!(found(by(exempt), acquiring()).await, (FREE, FREE, FREE));
}

#[tokio::test]
async fn any_row_can_make_a_request_unlimited() {
    let of_row = Routes::builder()
        .route(Route::path("/elsewhere"), rph().build().unwrap())
        .otherwise_unlimited()
        .unwrap();
    assert_eq!(found(by(of_row), rph()).await, (FREE, FREE, None));
    let one_of_two = Routes::builder()
        .route(Route::path("/elsewhere"), rph().build().unwrap())
        .unlimited(Route::path("/"))
        .otherwise(rph().without_handle().build().unwrap());
    assert_eq!(
        found(by(one_of_two.unwrap()), rph()).await,
        (FREE, FREE, None)
    );
    let none = Routes::builder().otherwise_unlimited().unwrap();
    assert_eq!(
        found(by(none), rph()).await,
        (OUTER, OUTER, None),
        "no policy gives any"
    );
}

#[tokio::test]
async fn a_request_is_unlimited_by_the_routes_that_hold_now() {
    let handle = RoutesHandle::new(table(rph().without_handle()));
    let swappable = || RateLimitLayer::new(memory().0, &handle);
    assert_eq!(found(swappable(), rph()).await, (OUTER, OUTER, None));
    handle.swap(table(rph()));
    assert_eq!(found(swappable(), rph()).await, (FREE, FREE, None));
}
