//! A policy of one limit in memory is decided and reported in a shorter way. The result is always
//! the same as in the general way.

use std::{
    net::{IpAddr, SocketAddr},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    time::Duration,
};

use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    clock::ManualClock,
    layer::{
        Outcome, Policy, PolicyBuilder, RateLimit, ReportLimits, Settle, keys, keys::PeerAddr,
    },
    store::MemoryStore,
};
use tower::{Layer, Service, util::BoxCloneSyncService};

use super::world::{left_of, poll_once};

type Inner = BoxCloneSyncService<Request<Body>, Response<Body>, &'static str>;

/// Returns the inner service, whose answer depends on the request's path.
fn inner() -> Inner {
    BoxCloneSyncService::new(tower::service_fn(async |request: Request<Body>| {
        let answer = |status: u16| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            response
        };
        match request.uri().path() {
            "/fails" => Err("failed"),
            "/panics" => panic!("as it was told"),
            "/missing" => Ok(answer(404)),
            "/busy" => {
                let mut response = answer(503);
                response
                    .headers_mut()
                    .insert("retry-after", HeaderValue::from_static("1"));
                Ok(response)
            }
            "/told" => {
                let mut response = answer(200);
                response
                    .headers_mut()
                    .insert("ratelimit", HeaderValue::from_static("\"own\";r=1;t=1"));
                Ok(response)
            }
            "/extended" => {
                let mut response = answer(200);
                response.extensions_mut().insert(7_u32);
                Ok(response)
            }
            _ => Ok(answer(200)),
        }
    }))
}

/// Returns an inner service with a layer of its own, which denies requests too.
fn refusing() -> Inner {
    let policy = Policy::builder()
        .entity(keys::fixed("all"))
        .resource(keys::fixed("inner"));
    let policy = policy
        .limit(Limit::per_hour("inner", 1))
        .build()
        .expect("a policy");
    BoxCloneSyncService::new(
        RateLimitLayer::new(RateLimiter::memory(), policy)
            .layer(inner())
            .map_body(),
    )
}

trait MapBody {
    fn map_body(self) -> Inner;
}

impl MapBody for RateLimit<Inner> {
    fn map_body(self) -> Inner {
        use tower::ServiceExt;
        BoxCloneSyncService::new(self.map_response(|response| response.map(Body::new)))
    }
}

/// One of the ways that must have the same result.
struct Way {
    limiter: RateLimiter,
    service: RateLimit<Inner>,
}

impl Way {
    fn new(limiter: RateLimiter, policy: PolicyBuilder, inner: Inner) -> Self {
        let layer = RateLimitLayer::new(limiter.clone(), policy.build().expect("a policy"));
        Self {
            limiter,
            service: layer.layer(inner),
        }
    }

    /// Returns the result of a request as text: status and headers, or its failure.
    fn ask(&mut self, path: &str, address: IpAddr) -> String {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().expect("a path");
        request
            .extensions_mut()
            .insert(PeerAddr(SocketAddr::new(address, 1)));
        let asked = catch_unwind(AssertUnwindSafe(|| {
            let response = poll_once(pin!(self.service.call(request)));
            assert!(response.is_ready(), "nothing waits");
            response.map_ok(|response| {
                let mut headers: Vec<_> = response.headers().iter().collect();
                headers.sort_by_key(|(name, _)| name.as_str());
                format!("{} {headers:?}", response.status())
            })
        }));
        asked.map_or_else(|_| "panicked".to_owned(), |answer| format!("{answer:?}"))
    }
}

fn ways(
    limit: &Limit,
    report: ReportLimits,
    error: &Outcome,
    inner: fn() -> Inner,
) -> (Vec<Way>, ManualClock) {
    let clock = super::world::clock();
    let memory = || {
        RateLimiter::builder()
            .clock(clock.clone())
            .build_memory(MemoryStore::new())
    };
    let policy = || {
        let policy = Policy::builder()
            .entity(keys::peer_ip())
            .resource(keys::fixed("api"))
            .limit(limit.clone());
        policy
            .without_parent()
            .report(report)
            .on_error(error.clone())
            .on_panic(error.clone())
    };
    let closure = Policy::builder()
        .entity(|head: &tollgate::layer::RequestHead<'_>| {
            keys::KeyExtractor::extract(&keys::peer_ip(), head)
        })
        .resource(|_: &tollgate::layer::RequestHead<'_>| Ok(keys::Key::name("api")))
        .limit(limit.clone())
        .report(report)
        .on_error(error.clone())
        .on_panic(error.clone());
    let ways = vec![
        // Handlers get no handle.
        Way::new(memory(), policy().without_handle(), inner()),
        // A handler may settle.
        Way::new(memory(), policy(), inner()),
        // A rule may settle.
        Way::new(
            memory(),
            policy().settle(limit.name().as_str(), Settle::header("x-none")),
            inner(),
        ),
        // The policy states the cost.
        Way::new(memory(), policy().cost(limit.name().as_str(), 1), inner()),
        // The extractors are closures, so nothing is known in advance.
        Way::new(memory(), closure, inner()),
        // The limit may be replaced by a stored one.
        Way::new(
            memory(),
            Policy::builder()
                .entity(keys::peer_ip())
                .resource(keys::fixed("api"))
                .default_limit(limit.clone())
                .without_handle()
                .report(report)
                .on_error(error.clone())
                .on_panic(error.clone()),
            inner(),
        ),
    ];
    (ways, clock)
}

#[test]
fn the_short_way_has_the_same_result_as_the_general_way() {
    let addresses = [
        "10.0.0.1",
        "10.0.0.255",
        "192.168.100.9",
        "::ffff:10.0.0.1",
        "2001:db8::1",
    ];
    let addresses = addresses.map(|address| address.parse::<IpAddr>().expect("an address"));
    let paths = [
        "/",
        "/",
        "/",
        "/fails",
        "/panics",
        "/missing",
        "/busy",
        "/told",
        "/extended",
    ];
    let limits = [
        Limit::per_second("rps", 3),
        Limit::per_minute(
            "a.name-that_is.as-long-as.a-limit_can.be-and.no-longer-than-that",
            7,
        )
        .with_burst(2),
        Limit::per_hour("rph", 1_000_000_000),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let random = fastrand::Rng::with_seed(seed);
        let mut random = random;
        let limit = random.choice(&limits).expect("some");
        let report = *random
            .choice([ReportLimits::All, ReportLimits::Off, ReportLimits::Nearest].iter())
            .expect("some");
        let name = limit.name().as_str().to_owned();
        let outcomes = [
            Outcome::Refund,
            Outcome::Keep,
            Outcome::refund([name.as_str()]),
        ];
        let error = random.choice(outcomes.iter()).expect("some");
        let inner = if random.u8(..4) == 0 { refusing } else { inner };
        let (mut ways, clock) = ways(limit, report, error, inner);
        for step in 0..80 {
            let (path, address) = (
                *random.choice(paths.iter()).expect("some"),
                *random.choice(addresses.iter()).expect("some"),
            );
            let answers: Vec<_> = ways.iter_mut().map(|way| way.ask(path, address)).collect();
            for answer in &answers {
                assert_eq!(
                    *answer, answers[0],
                    "seed {seed}, step {step}: {path} from {address}"
                );
            }
            seen.insert(
                answers[0]
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            );
            clock.advance(Duration::from_millis(random.u64(..700)));
        }
        for address in addresses {
            let entity = tollgate::EntityId::from_ip(address);
            let left: Vec<_> = ways
                .iter()
                .map(|way| runtime.block_on(left_of(&way.limiter, entity.as_str(), "api", limit)))
                .collect();
            assert!(
                left.windows(2).all(|pair| pair[0] == pair[1]),
                "seed {seed}: {left:?} of {address}"
            );
        }
    }
    assert!(
        seen.len() >= 5,
        "granted, denied, failed, panicked and others: {seen:?}"
    );
}
