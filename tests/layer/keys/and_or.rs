//! The combinators `and` and `or`.

use std::collections::HashSet;

use axum::{body::Body, http::Request};
use tollgate::{
    EntityId, Limit, Resource,
    layer::{
        InvalidPolicy, Key, KeyExtractor, MissingKey, OnMissingKey, Policy, RequestHead, keys,
    },
};

use super::entity;
use crate::{
    events::Events,
    world::{ask, from, hello, layer, left_of, memory, per_user, text, with_headers},
};

fn rph() -> Limit {
    Limit::per_hour("rph", 1)
}

fn two(first: &str, second: &str) -> Request<Body> {
    with_headers(&[("x-a", first.as_bytes()), ("x-b", second.as_bytes())])
}

#[test]
fn no_other_pair_makes_the_same_key() {
    let parts = [
        "a",
        "a:b",
        "b",
        "b:c",
        "c",
        "1:a",
        ":",
        "::",
        "pair:1:a:b",
        "ip:192.0.2.1",
        "two words",
        "é",
    ];
    let long = ["x".repeat(256), "x".repeat(255)];
    let parts: Vec<&str> = parts
        .into_iter()
        .chain(long.iter().map(String::as_str))
        .collect();
    let key = keys::header("x-a").and(keys::header("x-b"));
    let mut entities = HashSet::new();
    let mut resources = HashSet::new();
    for first in &parts {
        for second in &parts {
            let request = two(first, second);
            assert!(
                entities.insert(entity(&key, &request).unwrap()),
                "{first} {second}"
            );
            let resource = key
                .extract(&RequestHead::from(&request))
                .unwrap()
                .into_resource()
                .unwrap();
            assert!(resources.insert(resource), "{first} {second}");
        }
        // The key also differs from that of one value alone.
        let alone = with_headers(&[("x-a", first.as_bytes())]);
        assert!(
            entities.insert(entity(&keys::header("x-a"), &alone).unwrap()),
            "{first}"
        );
    }
}

#[test]
fn no_single_key_poses_as_a_pair() {
    let both = entity(
        &keys::header("x-a").and(keys::header("x-b")),
        &two("alice", "gpt-4"),
    )
    .unwrap();
    assert_eq!(both, "pair:5:alice:gpt-4");
    let alone = with_headers(&[("x-a", both.as_str().as_bytes())]);
    assert_ne!(entity(&keys::header("x-a"), &alone).unwrap(), both);
}

#[test]
fn three_keys_are_a_pair_and_one() {
    let three = || {
        keys::header("x-a")
            .and(keys::header("x-b"))
            .and(keys::method())
    };
    let (a, b, get) = (
        EntityId::new("a").unwrap(),
        EntityId::new("b").unwrap(),
        EntityId::new("GET").unwrap(),
    );
    let expected = EntityId::from_pair(&EntityId::from_pair(&a, &b), &get);
    assert_eq!(entity(&three(), &two("a", "b")).unwrap(), expected);
}

#[tokio::test]
async fn both_keys_of_a_pair_are_needed() {
    let (limiter, _) = memory();
    let entity = keys::hashed_header("x-a").and(keys::header("x-b"));
    let resource = keys::method().and(keys::fixed("chat"));
    let app = hello(layer(
        &limiter,
        Policy::builder()
            .entity(entity)
            .resource(resource)
            .limit(rph()),
    ));
    assert_eq!(
        ask(&app, with_headers(&[("x-a", b"a")])).await.status(),
        400
    );
    assert_eq!(
        ask(&app, with_headers(&[("x-b", b"b")])).await.status(),
        401
    );
    assert_eq!(ask(&app, two("a", "")).await.status(), 400);
    for (first, second, expected) in [
        ("a", "b", 200),
        ("a", "c", 200),
        ("b", "b", 200),
        ("a", "b", 429),
    ] {
        assert_eq!(ask(&app, two(first, second)).await.status(), expected);
    }
    let secret = EntityId::from_secret("a").unwrap();
    let pair = EntityId::from_pair(&secret, &EntityId::new("b").unwrap());
    let resource = Resource::from_pair(
        &Resource::new("GET").unwrap(),
        &Resource::new("chat").unwrap(),
    );
    assert_eq!(
        left_of(&limiter, pair.as_str(), resource.as_str(), &rph()).await,
        0
    );
}

#[test]
fn two_fixed_keys_are_checked_when_the_policy_is_built() {
    let policy = |second| {
        per_user(rph())
            .resource(keys::fixed("a").and(keys::fixed(second)))
            .build()
    };
    assert!(policy("b").is_ok());
    assert!(matches!(policy("two words"), Err(InvalidPolicy::Name(_))));
    let either = per_user(rph())
        .resource(keys::fixed("two words").or(keys::fixed("b")))
        .build();
    assert!(matches!(either, Err(InvalidPolicy::Name(_))));
}

#[tokio::test]
async fn an_alternative_key_is_used_only_if_the_first_is_missing() {
    let key = || keys::bearer_token().or(keys::header("x-user"));
    let both = with_headers(&[("authorization", b"Bearer t"), ("x-user", b"alice")]);
    assert_eq!(
        entity(&key(), &both).unwrap(),
        EntityId::from_secret("t").unwrap()
    );
    assert_eq!(entity(&key(), &from("alice")).unwrap(), "alice");
    assert_eq!(
        entity(
            &key(),
            &with_headers(&[("authorization", b"Basic x"), ("x-user", b"alice")])
        )
        .unwrap(),
        "alice"
    );

    let app = hello(layer(&memory().0, per_user(rph()).entity(key())));
    let response = ask(&app, with_headers(&[])).await;
    assert_eq!(
        (
            response.status().as_u16(),
            text(&response, "www-authenticate")
        ),
        (401, Some("Bearer"))
    );
    let body = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&body).into_owned();
    assert!(
        said.contains("Missing or invalid header: authorization or header: x-user."),
        "{said}"
    );
}

#[test]
fn an_empty_first_key_is_missing() {
    let empty = |_: &RequestHead<'_>| Ok(Key::untrusted(""));
    assert_eq!(
        entity(&empty.or(keys::header("x-user")), &from("alice")).unwrap(),
        "alice"
    );
    let pair = |_: &RequestHead<'_>| Ok(Key::pair(Key::name("a"), Key::secret("")));
    assert_eq!(
        entity(&pair.or(keys::header("x-user")), &from("alice")).unwrap(),
        "alice"
    );
}

#[tokio::test]
async fn a_mistake_of_the_server_is_not_replaced_by_the_alternative() {
    let peer_first = || keys::peer_ip().or(keys::header("x-user"));
    let peer_second = || keys::header("x-other").or(keys::peer_ip());
    for action in [
        OnMissingKey::Reject,
        OnMissingKey::Skip,
        OnMissingKey::Entity(EntityId::new("all").unwrap()),
    ] {
        let policies = [
            per_user(rph()).entity(peer_first()),
            per_user(rph()).entity(peer_second()),
            per_user(rph()).entity(keys::header("x-user").and(keys::peer_ip())),
            per_user(rph()).entity(keys::peer_ip().and(keys::header("x-other"))),
            per_user(rph()).entity(keys::header("x-other").and(keys::peer_ip())),
            per_user(rph())
                .entity(keys::header("x-other").and(keys::fixed("a").and(keys::peer_ip()))),
        ];
        for policy in policies {
            let events = Events::collect();
            let app = hello(layer(&memory().0, policy.on_missing_key(action.clone())));
            assert_eq!(ask(&app, from("alice")).await.status(), 500, "{action:?}");
            assert!(
                events
                    .text()
                    .contains("into_make_service_with_connect_info"),
                "{}",
                events.text()
            );
        }
    }
}

#[test]
fn the_challenge_of_each_key_is_kept() {
    let credential = || keys::hashed_header("x-api-key");
    let missing = |key: &dyn Fn() -> MissingKey| key().to_string();
    let first = entity(&credential().or(keys::header("x-user")), &with_headers(&[])).unwrap_err();
    let second = entity(&keys::header("x-user").or(credential()), &with_headers(&[])).unwrap_err();
    assert_eq!(
        missing(&|| first.clone()),
        "missing or invalid header: x-api-key or header: x-user"
    );
    assert!(format!("{first:?}").contains("ApiKey") && format!("{second:?}").contains("ApiKey"));
    let two = entity(&keys::bearer_token().or(credential()), &with_headers(&[])).unwrap_err();
    assert!(format!("{two:?}").contains("Bearer"), "{two:?}");
}
