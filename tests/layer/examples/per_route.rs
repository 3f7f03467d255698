//! `examples/per_route.rs`.

#[path = "../../../examples/per_route.rs"]
#[allow(dead_code, reason = "its main")]
mod example;

use http::Method;

use super::status;
use crate::world::Remote;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_has_its_limit() {
    // The limiter's clock stands still, so nothing is refilled even on a slow machine.
    let Remote {
        limiter,
        engine: _engine,
        proxy: _proxy,
    } = Remote::start().await;
    let app = example::app(&limiter).unwrap();
    for _ in 0..30 {
        assert_eq!(status(&app, Method::GET, "/healthz", None).await, 200);
    }
    // Each limit grants its capacity, and no request uses another limit's tokens.
    let routes = [
        (Method::POST, "/login", None, 3),
        (Method::POST, "/v1/chat/completions", Some("a"), 5),
        (Method::DELETE, "/v1/users/1", Some("a"), 2),
        (Method::GET, "/v1/users/1", Some("a"), 20),
        (Method::POST, "/v1/chat/completions", Some("b"), 5),
    ];
    for (method, path, key, holds) in routes {
        for _ in 0..holds {
            assert_eq!(
                status(&app, method.clone(), path, key).await,
                200,
                "{method} {path}"
            );
        }
        assert_eq!(
            status(&app, method.clone(), path, key).await,
            429,
            "{method} {path}"
        );
    }
    assert_eq!(
        status(&app, Method::DELETE, "/v1/users/2", Some("a")).await,
        429,
        "one resource for all users"
    );
    assert_eq!(status(&app, Method::GET, "/v1/models", None).await, 401);
    for _ in 0..10 {
        assert_eq!(status(&app, Method::GET, "/wp-login.php", None).await, 404);
    }
    assert_eq!(status(&app, Method::GET, "/.env", None).await, 429);
}
