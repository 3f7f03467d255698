//! Leases when the process ends.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response};
use tollgate::{RateLimiter, layer::LeaseHandle};
use tollgate_testkit::Engine;
use tower::{Layer, ServiceExt};

use super::AS_ESTIMATED;
use crate::world::{alices_tokens, clock, from, layer, ten_tokens};

#[test]
fn a_written_charge_outlives_the_process() {
    let engine = Engine::start_blocking();
    let settings = || {
        RateLimiter::builder()
            .clock(clock())
            .deadline(std::time::Duration::from_secs(30))
    };
    let open = |engine: &Engine| {
        RateLimiter::open()
            .client(engine.client())
            .settings(settings())
            .into_future()
    };

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (called, was_called) = std::sync::mpsc::channel();
    let limiter = runtime.block_on(open(&engine)).unwrap();
    let inner = tower::service_fn(move |request: Request<Body>| {
        request
            .extensions()
            .get::<LeaseHandle>()
            .unwrap()
            .settle("tpm", 30)
            .unwrap();
        called.send(()).unwrap();
        std::future::pending::<Result<Response<Body>, Infallible>>()
    });
    let service = layer(&limiter, ten_tokens()).layer(inner);
    runtime.spawn(service.oneshot(from("alice")));
    was_called.recv().unwrap();
    drop(runtime);
    drop(limiter);

    let next = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    next.block_on(async {
        let limiter = open(&engine).await.unwrap();
        assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    });
}
