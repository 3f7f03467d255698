//! What a layer adds to a request of an axum route, beside what `tower_governor`'s adds.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
    routing::get,
};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, ReportLimits, keys},
};
use tower::ServiceExt;
use tower_governor::{GovernorLayer, governor::GovernorConfigBuilder};

use crate::rounds::{Contestant, compete, ratio};

/// More per second than anybody asks for: always granted.
const PLENTY: u32 = 1_000_000_000;

/// How many clients take turns. Each has a bucket already.
const CLIENTS: u16 = 1_000;

pub(crate) fn run(filter: &str) {
    if !"layer".contains(filter) {
        return;
    }
    println!("layer on an axum route");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let governor = || GovernorConfigBuilder::default().per_nanosecond(1).burst_size(PLENTY).finish().unwrap();
    let mut headers = GovernorConfigBuilder::default().per_nanosecond(1).burst_size(PLENTY).use_headers();
    let headers = headers.finish().unwrap();
    let [bare, off, alone_off, governor_off, on, alone_on, governor_on] = compete([
        route(&runtime, "bare", |router| router),
        route(&runtime, "tollgate, headers off", |router| router.layer(tollgate(ReportLimits::Off, true))),
        route(&runtime, "tollgate, no handle either", |router| router.layer(tollgate(ReportLimits::Off, false))),
        route(&runtime, "tower_governor, headers off", |router| router.layer(GovernorLayer::new(governor()))),
        route(&runtime, "tollgate, headers on", |router| router.layer(tollgate(ReportLimits::All, true))),
        route(&runtime, "tollgate, on, no handle", |router| router.layer(tollgate(ReportLimits::All, false))),
        route(&runtime, "tower_governor, headers on", |router| router.layer(GovernorLayer::new(headers))),
    ]);
    ratio("added, headers off", off - bare, governor_off - bare, 1.0);
    ratio("added, headers off, no handle", alone_off - bare, governor_off - bare, 1.0);
    ratio("added, headers on", on - bare, governor_on - bare, 1.0);
    ratio("added, headers on, no handle", alone_on - bare, governor_on - bare, 1.0);
}

/// Clones the router for every request, as a server does, and reads the answer to its end.
fn route<'a>(runtime: &'a Runtime, name: &'static str, add: impl FnOnce(Router) -> Router) -> Contestant<'a> {
    // As a served router has it: its layers are put on once, not for every request.
    let router: Router = add(Router::new().route("/", get(|| async { "hello" }))).with_state(());
    let mut client = 0;
    let mut request = move || {
        client = (client + 1) % CLIENTS;
        let [high, low] = client.to_be_bytes();
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, high, low], 443))));
        request
    };
    let serve = move |request| {
        runtime.block_on(async {
            let Ok::<Response, Infallible>(mut response) = router.clone().oneshot(request).await;
            assert!(response.status().is_success());
            while response.body_mut().frame().await.is_some() {}
        });
    };
    for _ in 0..CLIENTS {
        serve(request());
    }
    Contestant::with_input(name, request, serve)
}

fn tollgate(report: ReportLimits, handle: bool) -> RateLimitLayer {
    let policy = Policy::builder()
        .entity(keys::peer_ip())
        .resource(keys::fixed("http"))
        .limit(Limit::per_second("rps", u64::from(PLENTY)))
        .report(report);
    let policy = if handle { policy } else { policy.without_handle() };
    let policy = policy.build().unwrap();
    RateLimitLayer::new(RateLimiter::memory(), policy)
}
