//! Tables in axum's routers, nested ones too.

use axum::{Router, routing};
use tollgate::layer::{Route, Routes};
use tower::{Layer, ServiceBuilder};

use super::{by, get, named};

fn table() -> Routes {
    Routes::builder()
        .route(Route::matched_path("/api/users/{user}"), named("user"))
        .route(Route::path("/api/files/{*path}"), named("file"))
        .route(Route::prefix("/api"), named("api"))
        .otherwise(named("rest"))
        .unwrap()
}

fn inner() -> Router {
    Router::new()
        .route("/users/{id}", routing::get(async || ()))
        .route("/users/me", routing::get(async || ()))
        .route("/files/{*path}", routing::get(async || ()))
}

async fn falls_where_it_should(app: Router) {
    for (path, expected) in [
        ("/api/users/7", "user"),
        // This path has a route of its own, so the router has not matched the template.
        ("/api/users/me", "api"),
        ("/api/files/a/b", "file"),
    ] {
        assert_eq!(get(&app, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_table_can_stand_around_the_outer_router() {
    let app = Router::new().nest("/api", inner()).layer(by(table()));
    falls_where_it_should(app.clone()).await;
    // A path without a route is not a mistake of the server.
    assert_eq!(get(&app, "/api/nothing").await, "api");
    assert_eq!(get(&app, "/nothing").await, "rest");
}

#[tokio::test]
async fn a_table_can_stand_around_the_inner_router() {
    // The inner router sees the path `/users/7`, but the table uses the path that the client sent.
    falls_where_it_should(Router::new().nest("/api", inner().layer(by(table())))).await;
    falls_where_it_should(Router::new().nest("/api", inner().route_layer(by(table())))).await;
}

#[tokio::test]
async fn a_table_can_stand_around_a_nested_service() {
    let app = Router::new().nest_service("/api", inner().layer(by(table())));
    falls_where_it_should(app).await;
}

#[tokio::test]
async fn a_table_can_stand_around_a_method() {
    let app = Router::new().route(
        "/api/users/{id}",
        routing::get(async || ()).layer(by(table())),
    );
    assert_eq!(get(&app, "/api/users/7").await, "user");
}

#[tokio::test]
async fn a_table_can_stand_around_the_routes_alone() {
    let app = Router::new().nest("/api", inner()).route_layer(by(table()));
    falls_where_it_should(app.clone()).await;
    assert_eq!(
        get(&app, "/nothing").await,
        "unlimited",
        "the layer does not see it"
    );
}

#[tokio::test]
async fn a_matched_path_before_the_router_is_the_servers_mistake() {
    let outside = ServiceBuilder::new()
        .layer(by(table()))
        .service(Router::new().nest("/api", inner()));
    assert_eq!(get(&outside, "/api/users/7").await, "500");
    // Rows before that row work, and a table without such rows can be placed anywhere.
    let routes = Routes::builder()
        .unlimited(Route::path("/healthz"))
        .route(Route::matched_path("/api/users/{id}"), named("user"))
        .otherwise(named("rest"));
    let outside = by(routes.unwrap()).layer(inner());
    assert_eq!(get(&outside, "/healthz").await, "unlimited");
    assert_eq!(get(&outside, "/other").await, "500");
    let routes = Routes::builder()
        .route(Route::path("/users/{id}"), named("user"))
        .otherwise(named("rest"));
    assert_eq!(
        get(&by(routes.unwrap()).layer(inner()), "/users/7").await,
        "user"
    );
}

#[tokio::test]
async fn no_spelling_changes_the_matched_path() {
    let routes = Routes::builder()
        .unlimited(Route::matched_path("/public/{*path}"))
        .otherwise(named("rest"))
        .unwrap();
    let app = Router::new()
        .route("/public/{*path}", routing::get(async || ()))
        .fallback(async || ())
        .layer(by(routes));
    assert_eq!(get(&app, "/public/a").await, "unlimited");
    for path in ["//public/a", "/%70ublic/a", "/x/../public/a"] {
        assert_eq!(get(&app, path).await, "rest", "{path}");
    }
}
