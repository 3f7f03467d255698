//! The time that a layer adds to a request of an axum route, compared with `tower_governor`.

use std::{convert::Infallible, net::SocketAddr, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
    routing::get,
};
use http_body_util::BodyExt;
use tokio::runtime::{Builder, Runtime};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, ReportLimits, keys},
};
use tower::ServiceExt;
use tower_governor::{GovernorLayer, governor::GovernorConfigBuilder};

use crate::{
    effort::Effort,
    row::{Goal, Row},
    sample::median,
};

/// A rate that no benchmark reaches.
const PLENTY: u32 = 1_000_000_000;

/// The number of clients that take turns.
const CLIENTS: u16 = 1_000;

const BATCH: usize = 100;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let bare = Route::new(|router| router);
    let off = [
        Route::new(|router| router.layer(without_headers())),
        Route::new(|router| {
            let config = GovernorConfigBuilder::default()
                .per_nanosecond(1)
                .burst_size(PLENTY)
                .finish();
            router.layer(GovernorLayer::new(config.expect("it is valid")))
        }),
    ];
    let on = [
        Route::new(|router| router.layer(RateLimitLayer::per_ip(limit()))),
        Route::new(|router| {
            let mut config = GovernorConfigBuilder::default()
                .per_nanosecond(1)
                .burst_size(PLENTY)
                .use_headers();
            router.layer(GovernorLayer::new(config.finish().expect("it is valid")))
        }),
    ];
    vec![
        beside(effort, "headers off", &bare, &off),
        beside(effort, "headers on", &bare, &on),
    ]
}

fn limit() -> Limit {
    Limit::per_second("rps", u64::from(PLENTY))
}

/// The policy of [`RateLimitLayer::per_ip`], without the headers.
fn without_headers() -> RateLimitLayer {
    let policy = Policy::builder()
        .entity(keys::peer_ip())
        .resource(keys::fixed("http"))
        .limit(limit())
        .without_parent()
        .report(ReportLimits::Off)
        .build();
    RateLimitLayer::new(RateLimiter::memory(), policy.expect("it is valid"))
}

fn beside(effort: Effort, headers: &str, bare: &Route, [ours, theirs]: &[Route; 2]) -> Row {
    let window = effort.window / 3;
    let (mut our_times, mut their_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        // The three services take short turns, so that a disturbance affects all of them.
        let [mut base, mut our, mut their] = [(); 3].map(|()| Vec::new());
        let end = Instant::now() + window * 3;
        while Instant::now() < end {
            base.push(bare.batch());
            our.push(ours.batch());
            their.push(theirs.batch());
        }
        let base = median(base);
        let (our, their) = (median(our) - base, median(their) - base);
        our_times.push(our);
        their_times.push(their);
        ratios.push(our / their);
    }
    let measure = format!("added to an axum route, {headers}, beside tower_governor");
    let row = Row::new(measure, "ns", Goal::AtMost(1.0));
    row.ours(median(our_times))
        .reference(median(their_times))
        .ratio(median(ratios))
}

/// A route with many clients that take turns.
struct Route {
    router: Router,
    runtime: Runtime,
}

impl Route {
    fn new(add: impl FnOnce(Router) -> Router) -> Self {
        // As in a served router, the layers are added once and not for every request.
        let router = add(Router::new().route("/", get(|| async { "hello" }))).with_state(());
        let runtime = Builder::new_current_thread()
            .build()
            .expect("a runtime starts");
        let route = Self { router, runtime };
        (0..CLIENTS).for_each(|client| route.serve(request(client)));
        route
    }

    /// Returns the mean time of a request in a batch, ns.
    fn batch(&self) -> f64 {
        let requests: Vec<_> = (0..BATCH)
            .map(|_| request(fastrand::u16(..CLIENTS)))
            .collect();
        let begun = Instant::now();
        for request in requests {
            self.serve(request);
        }
        begun.elapsed().div_f64(BATCH as f64).as_secs_f64() * 1e9
    }

    /// Serves a request with a clone of the router, as a server does, and reads the whole response.
    fn serve(&self, request: Request) {
        self.runtime.block_on(async {
            let Ok::<Response, Infallible>(mut response) =
                self.router.clone().oneshot(request).await;
            assert!(response.status().is_success());
            while response.body_mut().frame().await.is_some() {}
        });
    }
}

fn request(client: u16) -> Request {
    let [high, low] = client.to_be_bytes();
    let mut request = Request::new(Body::empty());
    request
        .extensions_mut()
        .insert(ConnectInfo(SocketAddr::from(([10, 0, high, low], 443))));
    request
}
