//! Path parameters, by axum's template.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, to_bytes},
    routing::get,
};
use http::{Request, Response};
use tollgate::{
    EntityId, Limit, RateLimitLayer,
    layer::{RateLimitStatus, keys},
};
use tower::{Layer, ServiceExt};

use super::for_uri;
use crate::{
    events::Events,
    world::{ask, layer, memory, per_user},
};

fn by(name: &'static str) -> RateLimitLayer {
    layer(
        &memory().0,
        per_user(Limit::per_hour("rph", 100)).entity(keys::path_parameter(name)),
    )
}

/// Returns a router that answers with the entity.
fn entities(path: &str) -> Router {
    let handler = async |status: RateLimitStatus| status.entity.expect("an entity").to_string();
    Router::new().route(path, get(handler))
}

async fn entity(app: &Router, uri: &str) -> Result<String, u16> {
    let response = ask(app, for_uri(uri)).await;
    if response.status() != 200 {
        return Err(response.status().as_u16());
    }
    Ok(String::from_utf8(to_bytes(response.into_body(), 1000).await.unwrap().into()).unwrap())
}

fn name_of(bytes: &[u8]) -> Result<String, u16> {
    Ok(EntityId::from_untrusted(bytes).unwrap().into())
}

#[tokio::test]
async fn a_path_parameter_is_decoded() {
    let app = entities("/users/{id}/posts/{post}").route_layer(by("id"));
    assert_eq!(
        entity(&app, "/users/alice/posts/1").await,
        name_of(b"alice")
    );
    assert_eq!(
        entity(&app, "/users/%61lice/posts/2?id=bob").await,
        name_of(b"alice")
    );
    assert_eq!(entity(&app, "/users/a%2Fb/posts/2").await, name_of(b"a/b"));
    assert_eq!(entity(&app, "/users/%ff/posts/2").await, name_of(b"\xff"));
    assert_eq!(
        entity(&app, "/users/ip:192.0.2.1/posts/2").await,
        name_of(b"ip:192.0.2.1")
    );
}

#[tokio::test]
async fn a_wildcard_is_a_path_parameter() {
    let app = entities("/v{version}/{*rest}").route_layer(by("rest"));
    assert_eq!(entity(&app, "/v1/a/b").await, name_of(b"a/b"));
    let app = entities("/v{version}/{*rest}").route_layer(by("version"));
    assert_eq!(entity(&app, "/v1/a/b").await, name_of(b"1"));
}

#[tokio::test]
async fn a_path_parameter_of_a_nested_router_is_found_wherever_the_layer_stands() {
    let users = || entities("/users/{id}");
    for name in ["tenant", "id"] {
        let apps = [
            Router::new().nest("/t/{tenant}", users().route_layer(by(name))),
            Router::new()
                .nest("/t/{tenant}", users())
                .route_layer(by(name)),
            Router::new().nest("/t/{tenant}", users().layer(by(name))),
            Router::new().nest(
                "/t",
                Router::new().nest("/{tenant}", users().route_layer(by(name))),
            ),
            Router::new().nest_service("/t/{tenant}", users().route_layer(by(name))),
        ];
        for (index, app) in apps.into_iter().enumerate() {
            let expected = if name == "id" { "alice" } else { "acme" };
            assert_eq!(
                entity(&app, "/t/acme/users/alice").await,
                name_of(expected.as_bytes()),
                "{index}"
            );
        }
    }
}

async fn is_a_mistake(app: Router, uri: &str, said: &str) {
    let events = Events::collect();
    assert_eq!(entity(&app, uri).await, Err(500));
    assert!(events.text().contains(said), "{}", events.text());
}

#[tokio::test]
async fn a_route_without_the_parameter_is_a_mistake_of_the_server() {
    let app = entities("/users/{name}").route_layer(by("id"));
    is_a_mistake(
        app,
        "/users/alice",
        "the route /users/{name} has no parameter id",
    )
    .await;
}

#[tokio::test]
async fn a_layer_without_a_router_is_a_mistake_of_the_server() {
    let inner = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let events = Events::collect();
    let response = by("id")
        .layer(inner)
        .oneshot(Request::new(Body::empty()))
        .await
        .unwrap();
    assert_eq!(response.status(), 500);
    assert!(
        events.text().contains("Router::route_layer"),
        "{}",
        events.text()
    );
}

#[tokio::test]
async fn a_service_with_another_path_is_a_mistake_of_the_server() {
    let inner = entities("/users/{id}").route_layer(by("id"));
    // Wrapped, because axum refuses routers at this place. The router matches the path as
    // /users/{name}/users/{id}.
    let hidden = tower::util::MapRequest::new(inner, |request: axum::extract::Request| request);
    let app = Router::new().route_service("/users/{name}", hidden);
    is_a_mistake(app, "/users/alice", "is not one of the route").await;
}
