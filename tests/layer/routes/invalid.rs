//! Tables that do not build.

use http::Method;
use tollgate::layer::{
    InvalidRoutes, Route, Routes,
    routes::{RoutesBuilder, TemplateProblem as Problem},
};

use super::named;

fn table(rows: impl IntoIterator<Item = Route>) -> Result<Routes, InvalidRoutes> {
    let add = |table: RoutesBuilder, row| table.route(row, named("a"));
    rows.into_iter()
        .fold(Routes::builder(), add)
        .otherwise_unlimited()
}

#[test]
fn invalid_templates_build_no_table() {
    for (template, expected) in [
        ("api", Problem::NoSlash),
        ("", Problem::NoSlash),
        ("/a?b", Problem::Query),
        ("/a#b", Problem::Query),
        ("/a//b", Problem::NotNormalised),
        ("/a/../b", Problem::NotNormalised),
        ("/%61", Problem::NotNormalised),
        ("/a%2Fb", Problem::NotNormalised),
        ("/a%3Ab", Problem::NotNormalised),
        ("/a;v=1", Problem::NotNormalised),
        ("/a%00", Problem::NotNormalised),
        ("/{}", Problem::NoName),
        ("/{*}", Problem::NoName),
        ("/{id", Problem::Brace),
        ("/id}", Problem::Brace),
        ("/{a}{b}", Problem::Brace),
        ("/{id}.json", Problem::Brace),
        ("/x{id}", Problem::Brace),
        ("/{*rest}/x", Problem::Wildcard),
        ("/users/:id", Problem::OldParameter),
        ("/a/*", Problem::OldParameter),
        ("/a/*rest", Problem::OldParameter),
    ] {
        for route in [Route::path(template), Route::prefix(template)] {
            match table([route]) {
                Err(InvalidRoutes::Template {
                    template: named,
                    problem,
                }) => {
                    assert_eq!(named, template);
                    // A prefix may have no wildcard at all.
                    assert!(
                        problem == expected || problem == Problem::Wildcard,
                        "{template}: {problem}"
                    );
                }
                other => panic!("{template}: {other:?}"),
            }
        }
    }
    assert!(table([Route::path("/a/{*rest}")]).is_ok());
    assert!(table([Route::prefix("/a/{*rest}")]).is_err());
}

/// For matched paths the router decides, so a template is valid if the router accepts it.
#[test]
fn invalid_matched_paths_build_no_table() {
    let routed = |template: &str| {
        let add = || axum::Router::<()>::new().route(template, axum::routing::get(async || ()));
        std::panic::catch_unwind(add).is_ok()
    };
    for template in [
        "/a//b",
        "/a/../b",
        "/%61",
        "/a;v=1",
        "/a?b",
        "/v{version}",
        "/{{x}}",
        "/{{{x}",
        "/{*rest}",
        "/a/",
    ] {
        assert!(routed(template), "{template}");
        assert!(table([Route::matched_path(template)]).is_ok(), "{template}");
    }
    for (template, expected) in [
        ("a", Problem::NoSlash),
        ("", Problem::NoSlash),
        ("/{}", Problem::NoName),
        ("/{id", Problem::Brace),
        ("/id}", Problem::Brace),
        ("/{a}{b}", Problem::Brace),
        ("/{id}.json", Problem::Brace),
        ("/{*rest}/x", Problem::Wildcard),
    ] {
        assert!(!routed(template), "{template}");
        match table([Route::matched_path(template)]) {
            Err(InvalidRoutes::Template { problem, .. }) => {
                assert_eq!(problem, expected, "{template}")
            }
            other => panic!("{template}: {other:?}"),
        }
    }
}

#[test]
fn rows_that_are_never_reached_build_no_table() {
    let get = |route: Route| route.method(Method::GET);
    let unreachable = [
        [Route::path("/a"), Route::path("/a")],
        [Route::path("/a"), Route::path("/a/")],
        [Route::path("/a b"), Route::path("/a%20b")],
        [Route::path("/a"), get(Route::path("/a"))],
        [get(Route::path("/a")), get(Route::path("/a"))],
        [
            get(Route::path("/a")),
            Route::path("/a").method(Method::HEAD),
        ],
        [Route::any(), Route::path("/a")],
        [Route::any(), Route::matching(|_| true)],
        [Route::any(), Route::any().method(Method::POST)],
        [Route::prefix("/"), Route::path("/a")],
        [Route::prefix("/a"), Route::path("/a")],
        [Route::prefix("/a"), Route::prefix("/a/b")],
        [Route::path("/{id}"), Route::path("/me")],
        [Route::path("/{id}"), Route::path("/{name}")],
        [Route::path("/a/{*rest}"), Route::path("/a/b/c")],
        [Route::path("/a/{*rest}"), Route::prefix("/a/b")],
        [Route::matched_path("/{id}"), Route::matched_path("/{name}")],
        [
            Route::matched_path("/v{id}"),
            Route::matched_path("/v{name}"),
        ],
    ];
    for rows in unreachable {
        let text = format!("{rows:?}");
        assert!(
            matches!(table(rows), Err(InvalidRoutes::Unreachable { .. })),
            "{text}"
        );
    }
    let reachable = [
        [get(Route::path("/a")), Route::path("/a")],
        [get(Route::any()), Route::path("/a")],
        [Route::path("/me"), Route::path("/{id}")],
        [Route::path("/a"), Route::prefix("/a")],
        [Route::prefix("/a"), Route::path("/ab")],
        [Route::prefix("/a/{id}/b"), Route::prefix("/a")],
        [Route::path("/a/{*rest}"), Route::prefix("/a")],
        [Route::path("/a/{*rest}"), Route::path("/a")],
        [Route::path("/{id}"), Route::matched_path("/{id}")],
        [Route::matched_path("/a"), Route::matched_path("/a/")],
        [Route::matched_path("/v{id}"), Route::matched_path("/{id}")],
        [Route::matching(|_| true), Route::matching(|_| true)],
    ];
    for rows in reachable {
        let text = format!("{rows:?}");
        assert!(table(rows).is_ok(), "{text}");
    }
}

/// An unlimited row matches exactly, so a later row may have the other spelling.
#[test]
fn unlimited_rows_with_and_without_a_slash_at_the_end_are_two_rows() {
    let rows = |first: &str, second: &str| {
        Routes::builder()
            .unlimited(Route::path(first))
            .route(Route::path(second), named("a"))
            .otherwise_unlimited()
    };
    assert!(
        rows("/a", "/a").is_err_and(|error| matches!(error, InvalidRoutes::Unreachable { .. }))
    );
    assert!(rows("/a/", "/a").is_ok());
    let unlimited = Routes::builder()
        .unlimited(Route::path("/{x}"))
        .unlimited(Route::path("/a"))
        .otherwise(named("a"));
    assert!(unlimited.is_err());
}

#[test]
fn errors_of_a_table_name_the_rows() {
    let error = table([
        Route::prefix("/a"),
        Route::path("/a/{id}").method(Method::PUT),
    ])
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"the row "PUT /a/{id}" is never reached: the earlier row "/a/…" takes all its requests"#
    );
    let error = table([Route::path("a")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"the path template "a" does not begin with a slash"#
    );
}
