//! The table and axum's router map each path to the same route. If they might not, the request is
//! refused.

use std::collections::BTreeSet;

use axum::{Router, response::AppendHeaders, routing};
use http::Method;
use proptest::{prelude::*, test_runner::TestCaseError};
use tollgate::layer::{Route, Routes};
use tower::{Layer, ServiceExt};

use super::{
    bare, by,
    generate::{run, templates},
    get, named, request,
};
use crate::world::text;

/// The answer to a request that passed the table and reached the router.
#[derive(Debug)]
struct Seen {
    /// The policy of the table's row; `None` if the row is unlimited.
    policy: Option<String>,
    /// The template of the router's route; `None` for the fallback.
    route: Option<String>,
}

/// Sends a request to a router behind a table. Returns `None` if the table refuses the path.
async fn seen(routes: Routes, router: &Router, path: &str) -> Option<Seen> {
    let response = by(routes)
        .layer(router.clone())
        .oneshot(request(Method::GET, path))
        .await
        .unwrap();
    if response.status() == 400 {
        return None;
    }
    let policy = text(&response, "ratelimit-policy").and_then(|field| field.split('"').nth(1));
    Some(Seen {
        policy: policy.map(str::to_owned),
        route: text(&response, "x-route").map(str::to_owned),
    })
}

/// Returns a router whose routes answer with their templates, with a fallback.
fn router<'a>(templates: impl IntoIterator<Item = &'a str>) -> Router {
    routes(templates).fallback(async || ())
}

fn routes<'a>(templates: impl IntoIterator<Item = &'a str>) -> Router {
    let add = |router: Router, template: &str| {
        let told = template.to_owned();
        router.route(
            template,
            routing::get(async move || AppendHeaders([("x-route", told)])),
        )
    };
    templates.into_iter().fold(Router::new(), add)
}

/// Returns spellings that the router treats as different paths, but that mean the same to a client.
fn other_spellings(path: &str) -> [String; 4] {
    let path = path.replace("%7Bc%7D", "{c}");
    let without = path
        .strip_suffix('/')
        .filter(|path| !path.is_empty())
        .unwrap_or("/")
        .to_owned();
    [
        path.clone(),
        without.clone(),
        format!("{path}/"),
        format!("{without}/"),
    ]
}

/// Returns the rank of a template in the router's matching order: text before parameters before
/// wildcards.
fn rank(template: &str) -> Vec<u8> {
    let rank = |segment: &str| match segment.as_bytes() {
        [b'{', b'*', ..] => 2,
        [b'{', b'{', ..] => 0,
        [b'{', ..] => 1,
        _ => 0,
    };
    template.split('/').skip(1).map(rank).collect()
}

/// Removes the templates that a router or a table refuses because of an earlier one.
fn together(templates: Vec<String>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut rests = BTreeSet::new();
    let mut kept: Vec<String> = templates
        .into_iter()
        .filter(|template| taken.insert(template.trim_end_matches('/').to_owned()))
        .collect();
    kept.sort_by_key(|template| (rank(template).contains(&2), rank(template)));
    // To the router, a parameter and a wildcard at the same place conflict.
    kept.retain(|template| {
        let places: Vec<_> = template
            .match_indices("/{p")
            .map(|(at, _)| (template[..at].to_owned(), 'p'))
            .collect();
        let rest = template
            .find("/{*")
            .map(|at| (template[..at].to_owned(), 'r'));
        let clash = |(place, kind): &(String, char)| {
            rests.contains(&(place.clone(), if *kind == 'p' { 'r' } else { 'p' }))
        };
        let all: Vec<_> = places.into_iter().chain(rest).collect();
        let fits = !all.iter().any(clash);
        if fits {
            rests.extend(all);
        }
        fits
    });
    kept.sort_by_key(|template| rank(template));
    kept
}

proptest! {
    /// For example, `/users//keys` must not pass the row `/users/{id}/keys` unlimited.
    #[test]
    fn a_limited_row_has_all_requests_of_its_route((templates, paths) in templates(1)) {
        let template = templates[0].as_str();
        let router = router([template]);
        run(async {
            for path in &paths {
                let routes = Routes::builder().route(Route::path(template), named("row")).otherwise_unlimited().unwrap();
                let seen = seen(routes, &router, path).await;
                if let Some(Seen { policy, route: Some(_) }) = &seen {
                    prop_assert_eq!(policy.as_deref(), Some("row"), "{} under {}", path, template);
                }
            }
            Ok::<_, TestCaseError>(())
        })?;
    }

    #[test]
    fn an_unlimited_row_has_no_request_of_another_route((templates, paths) in templates(1)) {
        let template = templates[0].as_str();
        let router = router([template]);
        run(async {
            for path in &paths {
                let routes = Routes::builder().unlimited(Route::path(template)).otherwise(named("rest")).unwrap();
                if let Some(Seen { policy: None, route: None }) = seen(routes.clone(), &router, path).await {
                    let other = seen(routes, &router, &other_spellings(path)[0]).await.unwrap();
                    prop_assert!(other.route.is_some(), "{} passes under {}", path, template);
                }
            }
            Ok::<_, TestCaseError>(())
        })?;
    }

    #[test]
    fn rows_in_the_routers_order_have_the_requests_of_their_routes((templates, paths) in templates(5)) {
        let templates = together(templates);
        let router = router(templates.iter().map(String::as_str));
        let routes = || {
            let add = |table: tollgate::layer::routes::RoutesBuilder, (index, template): (usize, &String)| {
                table.route(Route::path(template), named(&format!("row{index}")))
            };
            templates.iter().enumerate().fold(Routes::builder(), add).otherwise_unlimited().unwrap()
        };
        run(async {
            for path in &paths {
                let Some(Seen { policy, route: Some(route) }) = seen(routes(), &router, path).await else { continue };
                let row = policy.as_deref().and_then(|name| name.strip_prefix("row")).and_then(|row| row.parse().ok());
                let row = row.and_then(|row: usize| templates.get(row));
                let mut routes_of_path = vec![route];
                for other in other_spellings(path) {
                    routes_of_path.extend(seen(Routes::from(named("any")), &router, &other).await.and_then(|seen| seen.route));
                }
                prop_assert!(
                    row.is_some_and(|row| routes_of_path.contains(row)),
                    "{} is {:?} to the table {:?} and {:?} to the router", path, row, templates, routes_of_path,
                );
            }
            Ok::<_, TestCaseError>(())
        })?;
    }

    /// Servers that read paths as browsers do resolve dots and treat `\\` as a slash. The path that
    /// they see has the same rule.
    #[test]
    fn a_path_as_browsers_read_it_falls_under_the_same_rule((templates, paths) in templates(3)) {
        let mut taken = BTreeSet::new();
        let templates: Vec<_> =
            templates.into_iter().filter(|template| taken.insert(template.trim_end_matches('/').to_owned())).collect();
        let add = |table: tollgate::layer::routes::RoutesBuilder, template: &String| {
            table.route(Route::path(template), named("row"))
        };
        let Ok(routes) = templates.iter().fold(Routes::builder(), add).otherwise_unlimited() else { return Ok(()) };
        let service = bare(routes);
        run(async {
            for path in &paths {
                let read = url::Url::parse(&format!("http://example.org{path}")).unwrap();
                let (sent, read) = (get(&service, path).await, get(&service, read.path()).await);
                prop_assert!(sent == read || [&sent, &read].contains(&&"400".to_owned()), "{}: {} and {}", path, sent, read);
            }
            Ok::<_, TestCaseError>(())
        })?;
    }

    /// Every request that reaches a router nested under a prefix matches the row of that prefix.
    #[test]
    fn a_prefix_has_all_requests_of_a_nested_router((templates, paths) in templates(1)) {
        let template = templates[0].trim_end_matches('/');
        if template.is_empty() || template.contains('*') {
            return Ok(());
        }
        let router = Router::new().nest(template, routes(["/", "/{*inner}"])).fallback(async || ());
        run(async {
            for path in paths.iter().flat_map(|path| [path.clone(), format!("{path}/x"), format!("{path}//")]) {
                let limited = Routes::builder().route(Route::prefix(template), named("row")).otherwise_unlimited().unwrap();
                if let Some(Seen { policy, route: Some(_) }) = seen(limited, &router, &path).await {
                    prop_assert_eq!(policy.as_deref(), Some("row"), "{} under {}", path, template);
                }
                let free = Routes::builder().unlimited(Route::prefix(template)).otherwise(named("rest")).unwrap();
                if let Some(Seen { policy: None, route: None }) = seen(free.clone(), &router, &path).await {
                    let mut routed = false;
                    for other in other_spellings(&path) {
                        routed |= seen(free.clone(), &router, &other).await.is_some_and(|seen| seen.route.is_some());
                    }
                    prop_assert!(routed, "{} passes under {}", path, template);
                }
            }
            Ok::<_, TestCaseError>(())
        })?;
    }

    /// A matched path is the router's decision, for every kind of route.
    #[test]
    fn matched_paths_are_those_of_the_router((templates, paths) in templates(1)) {
        let template = templates[0].as_str();
        let routes = Routes::builder().route(Route::matched_path(template), named("row")).otherwise_unlimited().unwrap();
        let layered = router([template]).layer(by(routes));
        run(async {
            for path in &paths {
                let seen = seen(Routes::builder().otherwise_unlimited().unwrap(), &layered, path).await.unwrap();
                prop_assert_eq!(seen.policy.is_some(), seen.route.is_some(), "{} under {}", path, template);
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}
