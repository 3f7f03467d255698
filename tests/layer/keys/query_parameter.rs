//! Query parameters.

use tollgate::{
    EntityId, Limit,
    layer::keys::{hashed_query_parameter, query_parameter},
};

use super::{entity, for_uri};
use crate::world::{ask, hello, layer, memory, per_user, text};

fn found(query: &str) -> Option<String> {
    entity(&query_parameter("user"), &for_uri(&format!("/?{query}")))
        .ok()
        .map(String::from)
}

fn name_of(bytes: &[u8]) -> String {
    EntityId::from_untrusted(bytes).unwrap().into()
}

#[test]
fn a_query_parameter_is_decoded_as_forms_are() {
    for (query, value) in [
        ("user=alice", &b"alice"[..]),
        ("a=1&user=alice&b", b"alice"),
        ("us%65r=%61lice", b"alice"),
        ("user=two+words", b"two words"),
        ("user=two%20words", b"two words"),
        ("user=two%2Bwords", b"two+words"),
        ("user=a=b", b"a=b"),
        ("user=%ff%00", b"\xff\x00"),
        ("user=%zz%", b"%zz%"),
        ("&&user=alice&&", b"alice"),
    ] {
        assert_eq!(found(query), Some(name_of(value)), "{query}");
    }
}

#[test]
fn query_parameters_that_are_no_text_stay_apart() {
    assert_ne!(found("user=%ff"), found("user=%fe"));
}

#[test]
fn a_query_parameter_that_is_missing_empty_or_repeated_gives_no_key() {
    for query in [
        "",
        "user",
        "user=",
        "USER=alice",
        "user=a&user=b",
        "user=a&us%65r=a",
        "user=a&user",
    ] {
        assert_eq!(found(query), None, "{query}");
    }
    assert!(entity(&query_parameter("user"), &for_uri("/")).is_err());
}

#[tokio::test]
async fn a_hashed_query_parameter_is_a_credential() {
    let key = || hashed_query_parameter("key");
    let app = hello(layer(
        &memory().0,
        per_user(Limit::per_hour("rph", 1)).entity(key()),
    ));
    let response = ask(&app, for_uri("/?user=x")).await;
    assert_eq!(
        (
            response.status().as_u16(),
            text(&response, "www-authenticate")
        ),
        (401, Some("ApiKey"))
    );
    assert_eq!(
        entity(&key(), &for_uri("/?key=sk%2d1")).unwrap(),
        EntityId::from_secret("sk-1").unwrap()
    );
    assert_eq!(ask(&app, for_uri("/?key=sk-1")).await.status(), 200);
    assert_eq!(ask(&app, for_uri("/?key=sk%2D1")).await.status(), 429);
}
