//! Templates and prefixes, and paths that can be read in two ways.

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
        // Some servers read an empty tenant here, others no tenant.
        ("/t//files", "400"),
    ] {
        assert_eq!(get(&service, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn templates_match_whole_paths() {
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

/// Paths that some servers read as `/admin/x` and others in another way.
const SPELLINGS: [&str; 15] = [
    "/%61dmin/x",
    "/admi%6E/x",
    "//admin/x",
    "/./admin/x",
    "/public/../admin/x",
    "/public/%2e%2e/admin/x",
    "/public%2f..%2Fadmin/x",
    "/public\\..\\admin\\x",
    "/admin;v=1/x",
    "/admin%3Bv=1/x",
    "/public/..;/admin/x",
    "/ad%0Amin/x",
    "/admin%00.png",
    "/a/b/%2e%2e//..;v//admin/x",
    "/public/x%2Fy/%2e%2e/%2e%2e/admin/x",
];

#[tokio::test]
async fn no_spelling_gets_around_a_rule() {
    let routes = || {
        Routes::builder()
            .route(Route::prefix("/admin"), named("admin"))
            .route(Route::prefix("/public"), named("public"))
    };
    for path in SPELLINGS {
        assert_eq!(
            get(&bare(routes().otherwise_unlimited().unwrap()), path).await,
            "400",
            "{path}"
        );
        assert_eq!(
            get(&bare(routes().otherwise(named("rest")).unwrap()), path).await,
            "400",
            "{path}"
        );
    }
    // The same for a path that is unlimited as the table reads it, and may be limited as the
    // service reads it.
    let routes = Routes::builder()
        .unlimited(Route::prefix("/public"))
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    for path in [
        "/public/../admin",
        "/admin/../public",
        "//public",
        "/public/..%2fadmin",
        "/%70ublic",
    ] {
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
        ("/admin/x;v=1", "admin"),
        ("/admin/%00", "admin"),
        ("/other//x", "rest"),
        ("/other;v=1/a%40b", "rest"),
        ("/other/%61", "rest"),
        ("/100%", "rest"),
    ] {
        assert_eq!(get(&service, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn tables_that_look_at_no_path_take_every_spelling() {
    let routes = Routes::builder()
        .route(Route::matching(|_| true), named("all"))
        .otherwise_unlimited()
        .unwrap();
    for path in SPELLINGS {
        assert_eq!(get(&bare(routes.clone()), path).await, "all", "{path}");
        assert_eq!(get(&bare(named("one").into()), path).await, "one", "{path}");
    }
}

/// Axum accepts an empty parameter in the middle of a path, so the table does too.
#[tokio::test]
async fn empty_segments_match_parameters() {
    let routes = || {
        Routes::builder()
            .route(Route::path("/users/{id}/keys"), named("keys"))
            .route(Route::path("/t/{tenant}"), named("tenant"))
            .route(Route::path("/files/{*path}"), named("files"))
            .route(Route::prefix("/p/{project}/x"), named("project"))
    };
    let strict = bare(routes().otherwise_unlimited().unwrap());
    for path in [
        "/users//keys",
        "/users//keys/",
        "/t//",
        "/files//",
        "/p//x",
        "/p//x/y",
    ] {
        assert_eq!(get(&strict, path).await, "400", "{path}");
    }
    for (path, expected) in [
        ("/users/keys", "unlimited"),
        ("/t/", "unlimited"),
        ("/users/7//keys", "400"),
    ] {
        assert_eq!(get(&strict, path).await, expected, "{path}");
    }
    // If both readings have the same rule, the request passes.
    let users = named("users");
    let routes = Routes::builder().route(Route::path("/users/{id}/keys"), users.clone());
    let service = bare(
        routes
            .route(Route::prefix("/users"), users)
            .otherwise_unlimited()
            .unwrap(),
    );
    assert_eq!(get(&service, "/users//keys").await, "users");
}

/// Characters that need no encoding in a path have two spellings. Axum treats them as two paths.
#[tokio::test]
async fn encoded_characters_that_need_no_encoding_make_another_path() {
    let routes = Routes::builder()
        .unlimited(Route::path("/users/@me"))
        .route(Route::path("/users/{id}"), named("user"))
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    for (path, expected) in [
        ("/users/@me", "unlimited"),
        ("/users/%40me", "400"),
        ("/users/a%40b.example", "user"),
        ("/users/7;v=2", "user"),
        ("/users/a%3Ab", "user"),
    ] {
        assert_eq!(get(&service, path).await, expected, "{path}");
    }
}

/// A server that splits a path before it decodes the segments matches `/users/{id}` here.
#[tokio::test]
async fn an_encoded_slash_in_a_segment_has_two_readings() {
    let routes = || Routes::builder().route(Route::path("/users/{id}"), named("user"));
    let service = bare(routes().otherwise_unlimited().unwrap());
    for (path, expected) in [
        ("/us%65rs/a%2Fb", "400"),
        ("/users/a%2Fb", "400"),
        ("/us%65rs/a", "400"),
        ("/other/a%2Fb", "unlimited"),
    ] {
        assert_eq!(get(&service, path).await, expected, "{path}");
    }
}

/// A slash at the end neither avoids a limit nor makes a path unlimited.
#[tokio::test]
async fn a_slash_at_the_end_avoids_no_limit() {
    let routes = Routes::builder()
        .unlimited(Route::path("/healthz"))
        .unlimited(Route::path("/static/"))
        .route(Route::path("/chat"), named("chat"))
        .route(Route::path("/items/"), named("items"))
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    for (path, expected) in [
        ("/healthz", "unlimited"),
        ("/healthz/", "rest"),
        ("/static/", "unlimited"),
        ("/static", "rest"),
        ("/chat", "chat"),
        ("/chat/", "chat"),
        ("/items", "items"),
        ("/items/", "items"),
    ] {
        assert_eq!(get(&service, path).await, expected, "{path}");
    }
}
