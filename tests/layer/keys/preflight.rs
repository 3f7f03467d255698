//! CORS preflights: the browser sends them, not the user.

use axum::body::Body;
use http::{Method, Request};
use tollgate::{
    Limit,
    layer::{Policy, keys},
};

use crate::world::{ask, from, hello, layer, memory, per_user, text, with_headers};

fn preflight() -> Request<Body> {
    let mut request = with_headers(&[
        ("origin", b"https://example.com"),
        ("access-control-request-method", b"POST"),
    ]);
    *request.method_mut() = Method::OPTIONS;
    request
}

#[tokio::test]
async fn preflights_pass_without_a_key() {
    let app = hello(layer(&memory().0, per_user(Limit::per_hour("rph", 1))));
    for _ in 0..3 {
        let response = ask(&app, preflight()).await;
        assert_eq!(
            (response.status().as_u16(), text(&response, "ratelimit")),
            (200, None)
        );
    }
}

#[tokio::test]
async fn preflights_are_limited_if_the_policy_wants_that() {
    let app = hello(layer(
        &memory().0,
        per_user(Limit::per_hour("rph", 1)).limit_preflights(),
    ));
    assert_eq!(ask(&app, preflight()).await.status(), 400);
    for expected in [200, 429] {
        let mut request = preflight();
        request
            .headers_mut()
            .insert("x-user", "alice".parse().unwrap());
        assert_eq!(ask(&app, request).await.status(), expected);
    }
}

/// Preflights have a bucket of their own, and do not use that of the user.
#[tokio::test]
async fn preflights_can_have_a_policy_of_their_own() {
    let (limiter, _) = memory();
    let own = Policy::builder()
        .entity(keys::fixed("everybody"))
        .resource(keys::fixed("preflights"));
    let own = own.limit(Limit::per_hour("preflights", 2)).build().unwrap();
    let policy = || per_user(Limit::per_hour("rph", 1)).limit_preflights_by(own.clone());
    for policy in [policy(), policy().limit_preflights()] {
        let app = hello(layer(&limiter, policy));
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let mut request = preflight();
            request
                .headers_mut()
                .insert("x-user", "alice".parse().unwrap());
            statuses.push(ask(&app, request).await.status().as_u16());
        }
        assert!(
            [[200, 200, 429], [429; 3]].contains(&[statuses[0], statuses[1], statuses[2]]),
            "{statuses:?}"
        );
    }
    let limited = ask(&hello(layer(&limiter, policy())), preflight()).await;
    assert_eq!(
        text(&limited, "ratelimit"),
        Some(r#""preflights";r=0;t=1800"#)
    );
    assert_eq!(
        ask(&hello(layer(&limiter, policy())), from("alice"))
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn other_options_requests_are_requests() {
    let app = hello(layer(&memory().0, per_user(Limit::per_hour("rph", 1))));
    for left_out in ["origin", "access-control-request-method"] {
        let mut request = preflight();
        request.headers_mut().remove(left_out);
        assert_eq!(ask(&app, request).await.status(), 400, "without {left_out}");
    }
    let mut post = preflight();
    *post.method_mut() = Method::POST;
    assert_eq!(ask(&app, post).await.status(), 400);
}
