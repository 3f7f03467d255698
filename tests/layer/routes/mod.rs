//! Tables of routes, and routes that change while they are in use.

pub(crate) mod generate;
mod invalid;
mod nested;
mod paths;
mod placements;
mod router;
mod swap;
mod table;
mod unlimited;

use std::convert::Infallible;

use axum::body::Body;
use http::{Method, Request, Response};
use tollgate::{
    Limit, RateLimitLayer,
    layer::{Policy, RateLimit, Routes, keys},
};
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

use crate::world::{memory, text};

/// Returns a policy whose name appears in the answers.
fn named(name: &str) -> Policy {
    let policy = Policy::builder()
        .entity(keys::fixed("everybody"))
        .resource(keys::fixed(name));
    policy
        .limit(Limit::per_hour(name, 1000))
        .build()
        .expect("a policy")
}

/// Returns a layer with `routes`, in memory.
fn by(routes: Routes) -> RateLimitLayer {
    RateLimitLayer::new(memory().0, routes)
}

type Inner = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Returns a service without a router behind `routes`.
fn bare(routes: Routes) -> RateLimit<Inner> {
    by(routes).layer(BoxCloneSyncService::new(tower::service_fn(async |_| {
        Ok(Response::default())
    })))
}

fn request(method: Method, path: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .expect("a request")
}

/// Returns the rule that applies to a request: a policy's name, `unlimited`, or the status of a
/// refusal.
async fn rule<S, B>(service: &S, method: Method, path: &str) -> String
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
{
    let response = service
        .clone()
        .oneshot(request(method, path))
        .await
        .unwrap();
    if [400, 429, 500].contains(&response.status().as_u16()) {
        return response.status().as_u16().to_string();
    }
    let policy = text(&response, "ratelimit-policy").and_then(|field| field.split('"').nth(1));
    policy.unwrap_or("unlimited").to_owned()
}

/// Calls [`rule`] with a GET.
async fn get<S, B>(service: &S, path: &str) -> String
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
{
    rule(service, Method::GET, path).await
}
