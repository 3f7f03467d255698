//! Trait bounds of the types.

use std::{convert::Infallible, fmt::Debug};

use axum::{body::Body, routing::Route};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tollgate::{
    RateLimitLayer,
    layer::{
        LeaseHandle, Policy, PolicyBuilder, RateLimit, RateLimitStatus, ResponseBody,
        ResponseFuture,
    },
};
use tower::util::BoxCloneSyncService;

type Inner = BoxCloneSyncService<Request<Body>, http::Response<Body>, Infallible>;

fn is_everything<T: Clone + Debug + Send + Sync + 'static>() {}
fn is_sent<T: Debug + Send + 'static>() {}
fn is_shared<T: Debug + Send + Sync + 'static>() {}
fn is_unpin<T: Unpin>() {}

#[test]
fn layers_and_services_can_be_sent_and_shared() {
    is_everything::<RateLimitLayer>();
    is_everything::<RateLimit<()>>();
    is_everything::<Policy>();
    is_everything::<LeaseHandle>();
    is_everything::<RateLimitStatus>();
    is_sent::<PolicyBuilder>();
}

#[test]
fn futures_can_be_spawned() {
    is_sent::<ResponseFuture<Inner, Body>>();
    is_sent::<ResponseFuture<Route, Body>>();
    is_unpin::<ResponseFuture<Inner, Body>>();
}

#[test]
fn bodies_have_the_bounds_of_the_inner_bodies() {
    is_sent::<ResponseBody<Body>>();
    is_shared::<ResponseBody<Full<Bytes>>>();
    is_unpin::<ResponseBody<Full<Bytes>>>();
}
