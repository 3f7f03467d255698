//! Problem documents: each reason has its own.

use serde_json::{Value, json};
use tollgate::{
    EntityId, Limit,
    layer::{MissingKey, Policy, RequestHead, keys},
    model::{ConfigScope, Entity},
};

use super::reasons::{ALL, Why, World};
use crate::world::{ask, from, hello, layer, memory, per_user, text};

async fn document(response: http::Response<axum::body::Body>) -> Value {
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    serde_json::from_slice(&bytes).expect("a document")
}

#[tokio::test]
async fn each_reason_has_a_problem_document_of_its_own() {
    for why in ALL {
        let world = World::new(why, |policy| policy).await;
        let response = ask(&world.app, world.request()).await;
        let status = response.status().as_u16();
        assert_eq!(
            text(&response, "content-type"),
            Some("application/problem+json"),
            "{why:?}"
        );
        assert_eq!(
            text(&response, "cache-control"),
            Some("no-store"),
            "{why:?}"
        );
        let retry_after = text(&response, "retry-after").map(str::to_owned);
        let challenge = text(&response, "www-authenticate").is_some();
        let reported = text(&response, "ratelimit").is_some();
        let document = document(response).await;
        let quota = "https://iana.org/assignments/http-problem-types#quota-exceeded";
        let reduced = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
        let exceeds =
            "https://docs.rs/tollgate/latest/tollgate/layer/index.html#cost-exceeds-capacity";
        let (expected, kind, violated, wait) = match why {
            Why::Denied => (429, quota, json!(["rpm"]), Some("12")),
            Why::ExceedsCapacity => (429, exceeds, json!(["rpm"]), None),
            Why::Disabled => (403, "about:blank", Value::Null, None),
            Why::Unavailable => (503, reduced, Value::Null, Some("1")),
            Why::MissingKey => (400, "about:blank", Value::Null, None),
            Why::MissingCredential => (401, "about:blank", Value::Null, None),
            Why::Setup => (500, "about:blank", Value::Null, None),
        };
        assert_eq!(
            (status, retry_after.as_deref()),
            (expected, wait),
            "{why:?}"
        );
        assert_eq!(document["status"], expected, "{why:?}");
        assert_eq!(document["type"], kind, "{why:?}");
        assert_eq!(document["violated-policies"], violated, "{why:?}");
        assert_eq!(challenge, why == Why::MissingCredential, "{why:?}");
        assert_eq!(reported, why == Why::Denied, "{why:?}");
        for member in ["title", "detail"] {
            assert!(
                document[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{why:?}"
            );
        }
    }
}

#[tokio::test]
async fn problem_documents_are_valid_whatever_key_is_missing() {
    let odd = "a \"key\" \\ with\nlines, \u{1}, \u{2028} and é";
    let key = move |_: &RequestHead<'_>| Err(MissingKey::absent(odd));
    let app = hello(layer(
        &memory().0,
        per_user(Limit::per_minute("rpm", 1)).entity(key),
    ));
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 400);
    let document = document(response).await;
    assert!(
        document["detail"].as_str().unwrap().contains(odd),
        "{document}"
    );
}

#[tokio::test]
async fn a_parents_limit_is_named_by_its_level_and_the_parent_is_not() {
    let (limiter, _) = memory();
    let project = EntityId::new("project-1").unwrap();
    limiter
        .entities()
        .create(Entity::new(project.clone()))
        .await
        .unwrap();
    for user in ["alice", "bob"] {
        let child = Entity::new(EntityId::new(user).unwrap())
            .with_parent(project.clone())
            .cascading();
        limiter.entities().create(child).await.unwrap();
    }
    limiter
        .config()
        .set(ConfigScope::system(), Limit::per_minute("rpm", 5))
        .await
        .unwrap();
    limiter
        .config()
        .set(ConfigScope::Entity(project), Limit::per_minute("rpm", 6))
        .await
        .unwrap();
    let policy = || {
        Policy::builder()
            .entity(keys::header("x-user"))
            .resource(keys::fixed("api"))
    };
    let app = hello(layer(&limiter, policy().cost("rpm", 4)));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    let response = ask(&app, from("bob")).await;
    assert_eq!(response.status(), 429);
    assert_eq!(text(&response, "retry-after"), Some("20"));
    assert_eq!(
        text(&response, "ratelimit-policy"),
        Some(r#""rpm";q=5;w=60, "parent.rpm";q=6;w=60"#)
    );
    assert_eq!(
        text(&response, "ratelimit"),
        Some(r#""rpm";r=5;t=0, "parent.rpm";r=2;t=20"#)
    );
    assert!(!format!("{response:?}").contains("project"), "{response:?}");
    let document = document(response).await;
    assert_eq!(document["violated-policies"], json!(["parent.rpm"]));
    assert_eq!(
        document["detail"],
        "Rate limit exceeded: parent.rpm. Please try again in 20s."
    );

    // The cost exceeds the capacity of the parent's bucket, but not that of the entity's bucket.
    limiter
        .config()
        .set(ConfigScope::system(), Limit::per_minute("rpm", 9))
        .await
        .unwrap();
    let response = ask(
        &hello(layer(&limiter, policy().cost("rpm", 7))),
        from("bob"),
    )
    .await;
    assert_eq!(response.status(), 429);
    let document = self::document(response).await;
    assert_eq!(document["violated-policies"], json!(["parent.rpm"]));
    let detail =
        "Request too large for parent.rpm: 7 requested, 6 at most. Retrying does not help.";
    assert_eq!(document["detail"], detail);
}
