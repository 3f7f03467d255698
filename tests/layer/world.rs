//! Limiters whose clock stands still, and the routes behind them.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{Router, body::Body, response::IntoResponse};
use http::{HeaderMap, Request, Response};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    clock::ManualClock,
    layer::{Policy, PolicyBuilder, keys},
    limiter::RateLimiterBuilder,
    store::MemoryStore,
};
use tollgate_testkit::{Engine, Proxy};
use tower::ServiceExt;

pub(super) fn clock() -> ManualClock {
    ManualClock::at(1_700_000_000_000)
}

/// Returns a limiter that decides in place.
pub(super) fn memory() -> (RateLimiter, ManualClock) {
    let clock = clock();
    (
        RateLimiter::builder()
            .clock(clock.clone())
            .build_memory(MemoryStore::new()),
        clock,
    )
}

/// Returns a limiter with gates, without a network.
pub(super) fn gated() -> (RateLimiter, ManualClock) {
    let clock = clock();
    let limiter = patient()
        .clock(clock.clone())
        .build(MemoryStore::new())
        .expect("a runtime");
    (limiter, clock)
}

/// Returns a builder with deadlines that no busy machine misses.
fn patient() -> RateLimiterBuilder {
    RateLimiter::builder()
        .deadline(Duration::from_secs(30))
        .store_deadline(Duration::from_secs(30))
}

/// A limiter with gates over the embedded engine, with a proxy between them.
pub(super) struct Remote {
    pub(super) engine: Engine,
    pub(super) proxy: Proxy,
    pub(super) limiter: RateLimiter,
}

impl Remote {
    pub(super) async fn start() -> Self {
        Self::with(patient()).await
    }

    /// Starts a limiter without a breaker: the cool-down would depend on the clock, which stands
    /// still.
    pub(super) async fn with(settings: RateLimiterBuilder) -> Self {
        Self::exactly(settings.clock(clock()).without_breaker()).await
    }

    /// Opens a limiter over the same table, as another process would.
    pub(super) async fn another(&self) -> RateLimiter {
        open(&self.proxy, patient().clock(clock()).without_breaker()).await
    }

    pub(super) async fn exactly(settings: RateLimiterBuilder) -> Self {
        let engine = Engine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        let limiter = open(&proxy, settings).await;
        Self {
            engine,
            proxy,
            limiter,
        }
    }
}

async fn open(proxy: &Proxy, settings: RateLimiterBuilder) -> RateLimiter {
    let opening = RateLimiter::open().client(proxy.client());
    opening.settings(settings).await.expect("an open stack")
}

/// Returns a policy with `limit` for every `x-user`, on the resource `api`.
pub(super) fn per_user(limit: Limit) -> PolicyBuilder {
    Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("api"))
        .limit(limit)
}

/// 100 tokens. A request costs 10, and the header `x-used` reports the real use.
pub(super) fn tokens() -> Limit {
    Limit::per_minute("tpm", 100)
}

/// Returns the policy of [`tokens`].
pub(super) fn ten_tokens() -> PolicyBuilder {
    per_user(tokens()).cost("tpm", 10)
}

/// Returns the tokens that `alice` has left of [`tokens`].
pub(super) async fn alices_tokens(limiter: &RateLimiter) -> i64 {
    left(limiter, "alice", &tokens()).await
}

pub(super) async fn left(limiter: &RateLimiter, user: &str, limit: &Limit) -> i64 {
    left_of(limiter, user, "api", limit).await
}

pub(super) async fn left_of(
    limiter: &RateLimiter,
    entity: &str,
    resource: &str,
    limit: &Limit,
) -> i64 {
    let available = limiter
        .available(entity, resource)
        .limits(limit.clone())
        .await
        .expect("a look");
    available
        .get(limit.name().as_str())
        .expect("the limit")
        .available
}

pub(super) fn layer(limiter: &RateLimiter, policy: PolicyBuilder) -> RateLimitLayer {
    RateLimitLayer::new(limiter.clone(), policy.build().expect("a policy"))
}

/// Returns a router that answers everything with `answer`, behind the layer.
pub(super) fn app<R>(
    layer: RateLimitLayer,
    answer: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> Router
where
    R: IntoResponse + Send + 'static,
{
    Router::new()
        .fallback(move || std::future::ready(answer()))
        .layer(layer)
}

pub(super) fn hello(layer: RateLimitLayer) -> Router {
    app(layer, || "hello")
}

pub(super) fn from(user: &str) -> Request<Body> {
    with_headers(&[("x-user", user.as_bytes())])
}

/// Returns a request with headers that need not be text.
pub(super) fn with_headers(headers: &[(&'static str, &[u8])]) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.headers_mut() = header_map(headers);
    request
}

pub(super) fn header_map(headers: &[(&'static str, &[u8])]) -> HeaderMap {
    let value = |value: &[u8]| http::HeaderValue::from_bytes(value).expect("a header value");
    headers
        .iter()
        .map(|(name, bytes)| (http::HeaderName::from_static(name), value(bytes)))
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
}

pub(super) async fn ask(app: &Router, request: Request<Body>) -> Response<Body> {
    match app.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

pub(super) async fn status(app: &Router, user: &str) -> u16 {
    ask(app, from(user)).await.status().as_u16()
}

pub(super) fn text<'a, B>(response: &'a Response<B>, header: &str) -> Option<&'a str> {
    response
        .headers()
        .get(header)
        .map(|value| value.to_str().expect("text"))
}

/// Polls once, without a waker.
pub(super) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
