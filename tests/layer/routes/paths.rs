//! Templates and prefixes, and paths that read in two ways.

use tollgate::layer::{Route, Routes};

use super::{bare, get, named};

#[tokio::test]
async fn prefixes_are_whole_segments() {
    let routes = Routes::builder()
        .route(Route::prefix("/api"), named("api"))
        .route(Route::prefix("/t/{tenant}/files/"), named("files"))
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    for (path, expected) in [
        ("/api", "api"),
        ("/api/", "api"),
        ("/api/x/y", "api"),
        ("/apix", "rest"),
        ("/API", "rest"),
        ("/x/api", "rest"),
        ("/t/1/files", "files"),
        ("/t/1/files/a/b", "files"),
        ("/t/1/filesystem", "rest"),
        ("/t/files", "rest"),
        ("/t//files", "rest"),
    ] {
        assert_eq!(get(&service, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn templates() {
    let routes = Routes::builder()
        .route(Route::path("/"), named("root"))
        .route(Route::path("/users/{id}"), named("user"))
        .route(Route::path("/users/{id}/posts/{post}"), named("post"))
        .route(Route::path("/files/{*path}"), named("file"))
        .route(Route::path("/{{x}}"), named("braces"))
        .route(Route::path("/a b/café"), named("text"))
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    for (path, expected) in [
        ("/", "root"),
        ("/users/7", "user"),
        ("/users/7/", "user"),
        ("/users/", "rest"),
        ("/users", "rest"),
        ("/users/7/posts", "rest"),
        ("/users/7/posts/9", "post"),
        ("/users/a%20b", "user"),
        ("/files/a", "file"),
        ("/files/a/b/c", "file"),
        ("/files/", "rest"),
        ("/files", "rest"),
        ("/%7Bx%7D", "braces"),
        ("/a%20b/caf%C3%A9", "text"),
        ("/a%20b/caf%c3%a9?q", "text"),
    ] {
        assert_eq!(get(&service, path).await, expected, "{path}");
    }
}

/// Spellings that some servers take for `/admin/x`, and others for something else.
const SPELLINGS: [&str; 8] = [
    "/%61dmin/x",
    "/admi%6E/x",
    "//admin/x",
    "/./admin/x",
    "/public/../admin/x",
    "/public/%2e%2e/admin/x",
    "/public%2f..%2Fadmin/x",
    "/public\\..\\admin\\x",
];

#[tokio::test]
async fn no_spelling_gets_around_a_rule() {
    let routes = || {
        Routes::builder()
            .route(Route::prefix("/admin"), named("admin"))
            .route(Route::prefix("/public"), named("public"))
    };
    for path in SPELLINGS {
        assert_eq!(get(&bare(routes().otherwise_unlimited().unwrap()), path).await, "400", "{path}");
        assert_eq!(get(&bare(routes().otherwise(named("rest")).unwrap()), path).await, "400", "{path}");
    }
    // Nor one that reads as a free path to us, and may be a limited one to the service.
    let routes = Routes::builder().unlimited(Route::prefix("/public")).otherwise(named("rest")).unwrap();
    let service = bare(routes);
    for path in ["/public/../admin", "/admin/../public", "//public", "/public/..%2fadmin", "/%70ublic"] {
        assert_eq!(get(&service, path).await, "400", "{path}");
    }
}

#[tokio::test]
async fn a_path_whose_readings_fall_under_one_rule_passes() {
    let admin = named("admin");
    let routes = Routes::builder()
        .route(Route::path("/admin/x"), admin.clone())
        .route(Route::prefix("/admin"), admin.clone())
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    for (path, expected) in [
        ("/admin//x", "admin"),
        ("/admin/%78", "admin"),
        ("/admin/y/../x", "admin"),
        ("/other//x", "rest"),
        ("/other/%61", "rest"),
        ("/100%", "rest"),
    ] {
        assert_eq!(get(&service, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn tables_that_look_at_no_path_take_every_spelling() {
    let routes = Routes::builder().route(Route::matching(|_| true), named("all")).otherwise_unlimited().unwrap();
    for path in SPELLINGS {
        assert_eq!(get(&bare(routes.clone()), path).await, "all", "{path}");
        assert_eq!(get(&bare(named("one").into()), path).await, "one", "{path}");
    }
}
