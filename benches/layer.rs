//! What a layer adds to a request of an axum route, beside `tower_governor`'s.

use std::{cell::Cell, convert::Infallible, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
    routing::get,
};
use divan::Bencher;
use http_body_util::BodyExt;
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, ReportLimits, keys},
};
use tower::ServiceExt;
use tower_governor::{GovernorLayer, governor::GovernorConfigBuilder};

fn main() {
    // Many short samples: one is seldom disturbed, and none is lost in the timer's precision.
    divan::Divan::default().sample_count(1_000).sample_size(100).config_with_args().main();
}

/// More per second than anybody asks for: always granted.
const PLENTY: u32 = 1_000_000_000;

/// How many clients take turns. Each has a bucket already.
const CLIENTS: u16 = 1_000;

/// Clones the router for every request, as a server does, and reads the answer to its end.
fn bench(bencher: Bencher<'_, '_>, add: impl FnOnce(Router) -> Router) {
    // As a served router has it: its layers are put on once, not for every request.
    let router: Router = add(Router::new().route("/", get(|| async { "hello" }))).with_state(());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let client = Cell::new(0);
    let request = || {
        client.set((client.get() + 1) % CLIENTS);
        let [high, low] = client.get().to_be_bytes();
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, high, low], 443))));
        request
    };
    let serve = |request| {
        runtime.block_on(async {
            let Ok::<Response, Infallible>(mut response) = router.clone().oneshot(request).await;
            assert!(response.status().is_success());
            while response.body_mut().frame().await.is_some() {}
        });
    };
    for _ in 0..CLIENTS {
        serve(request());
    }
    bencher.with_inputs(request).bench_local_values(serve);
}

#[divan::bench]
fn bare(bencher: Bencher<'_, '_>) {
    bench(bencher, |router| router);
}

mod headers_off {
    use super::*;

    #[divan::bench]
    fn tollgate(bencher: Bencher<'_, '_>) {
        super::tollgate(bencher, ReportLimits::Off);
    }

    #[divan::bench]
    fn tower_governor(bencher: Bencher<'_, '_>) {
        let config = GovernorConfigBuilder::default().per_nanosecond(1).burst_size(PLENTY).finish().unwrap();
        bench(bencher, |router| router.layer(GovernorLayer::new(config)));
    }
}

mod headers_on {
    use super::*;

    #[divan::bench]
    fn tollgate(bencher: Bencher<'_, '_>) {
        super::tollgate(bencher, ReportLimits::All);
    }

    #[divan::bench]
    fn tower_governor(bencher: Bencher<'_, '_>) {
        let mut config = GovernorConfigBuilder::default().per_nanosecond(1).burst_size(PLENTY).use_headers();
        let config = config.finish().unwrap();
        bench(bencher, |router| router.layer(GovernorLayer::new(config)));
    }
}

fn tollgate(bencher: Bencher<'_, '_>, report: ReportLimits) {
    let policy = Policy::builder()
        .entity(keys::peer_ip())
        .resource(keys::fixed("http"))
        .limit(Limit::per_second("rps", u64::from(PLENTY)))
        .report(report)
        .build()
        .unwrap();
    bench(bencher, |router| router.layer(RateLimitLayer::new(RateLimiter::memory(), policy)));
}
