//! Plain ids from headers: each value has a bucket of its own.

use std::collections::HashSet;

use axum::Router;
use http::HeaderName;
use tollgate::{
    EntityId, Limit, RateLimiter,
    layer::{Estimate, Policy, RequestHead, Settle, cost, keys, keys::ClientIp},
};

use super::{entity, from_peer};

use crate::world::{ask, hello, layer, left, memory, per_user, with_headers};

fn one_each(limiter: &RateLimiter) -> Router {
    hello(layer(limiter, per_user(Limit::per_hour("rph", 1))))
}

async fn status(app: &Router, user: &[u8]) -> u16 {
    ask(app, with_headers(&[("x-user", user)]))
        .await
        .status()
        .as_u16()
}

/// Returns 300 characters that differ only in the last one.
fn long(last: char) -> String {
    format!("{}{last}", "a".repeat(299))
}

fn unusual() -> Vec<Vec<u8>> {
    let text = [
        "plain",
        "Plain",
        "two words",
        "two  words",
        "a#b",
        "a/b",
        "a%20b",
        "😀",
        "😁",
        "#",
        "/",
        "ip:192.0.2.1",
        "ip6:2001:db8:0:0",
        "k:ungWv48Bz-pBQUDeXa4iIw",
        "e:YQ",
        "e:aXA6MTkyLjAuMi4x",
        "-",
        "..",
        &long('b'),
        &long('c'),
        "PK",
        "SYSTEM#",
    ];
    let mut keys: Vec<_> = text.map(|text| text.as_bytes().to_vec()).into();
    keys.extend([b"\xff\xfe".to_vec(), b"\xff".to_vec(), b"a\tb".to_vec()]);
    keys
}

#[tokio::test]
async fn every_header_value_has_a_bucket_of_its_own() {
    let (limiter, _) = memory();
    let app = one_each(&limiter);
    for key in unusual() {
        assert_eq!(
            status(&app, &key).await,
            200,
            "{:?} shares a bucket",
            String::from_utf8_lossy(&key)
        );
    }
    for key in unusual() {
        assert_eq!(
            status(&app, &key).await,
            429,
            "{:?} has two buckets",
            String::from_utf8_lossy(&key)
        );
    }
}

#[test]
fn every_header_value_becomes_a_name() {
    let names: HashSet<_> = unusual()
        .into_iter()
        .map(|key| EntityId::from_untrusted(key).unwrap())
        .collect();
    assert_eq!(names.len(), unusual().len());
    assert!(names.iter().all(|name| EntityId::new(name).is_ok()));
}

#[tokio::test]
async fn surrounding_space_is_not_part_of_a_key() {
    let app = one_each(&memory().0);
    assert_eq!(status(&app, b"alice").await, 200);
    assert_eq!(status(&app, b" alice\t").await, 429);
}

#[tokio::test]
async fn no_header_value_poses_as_an_address() {
    let (limiter, _) = memory();
    let limit = Limit::per_hour("rph", 1);
    assert_eq!(status(&one_each(&limiter), b"ip:192.0.2.1").await, 200);
    let address: std::net::IpAddr = "192.0.2.1".parse().unwrap();
    assert_eq!(
        left(&limiter, EntityId::from_ip(address).as_str(), &limit).await,
        1
    );
}

#[tokio::test]
async fn no_header_value_poses_as_a_secret() {
    let (limiter, _) = memory();
    let limit = Limit::per_hour("rph", 1);
    let hashed = EntityId::from_secret("abc").unwrap();
    assert_eq!(
        status(&one_each(&limiter), hashed.as_str().as_bytes()).await,
        200
    );
    assert_eq!(left(&limiter, hashed.as_str(), &limit).await, 1);
}

#[tokio::test]
async fn resources_from_headers_are_apart_too() {
    let (limiter, _) = memory();
    let policy = Policy::builder()
        .entity(keys::fixed("everybody"))
        .resource(keys::header("x-model"))
        .limit(Limit::per_hour("rph", 1));
    let app = hello(layer(&limiter, policy));
    for expected in [200, 429] {
        for model in unusual() {
            let got = ask(&app, with_headers(&[("x-model", &model)]))
                .await
                .status();
            assert_eq!(got, expected, "{:?}", String::from_utf8_lossy(&model));
        }
    }
}

/// `keys::header("X-Api-Key")` must not panic, because header names are case-insensitive.
#[test]
fn a_header_name_may_have_any_case() {
    let request = from_peer("10.0.0.1", &[("x-user", b"7")]);
    let outside = || HeaderName::try_from("X-User".to_owned()).unwrap();
    for key in [
        keys::header("X-User"),
        keys::header("x-user"),
        keys::header(outside()),
    ] {
        assert_eq!(entity(&key, &request).unwrap(), "7");
    }
    let secret = EntityId::from_secret("7").unwrap();
    for key in [
        keys::hashed_header("X-USER"),
        keys::hashed_header(outside()),
    ] {
        assert_eq!(entity(&key, &request).unwrap(), secret);
    }
    for estimate in [cost::header("X-User"), cost::header(outside())] {
        assert_eq!(estimate.estimate(&RequestHead::from(&request)), Some(7));
    }
    let proxies = || keys::Networks::private();
    let request = from_peer("10.0.0.1", &[("x-client", b"192.0.2.1")]);
    for key in [
        ClientIp::header("X-Client", proxies()),
        ClientIp::header(String::from("x-CLIENT"), proxies()),
    ] {
        assert_eq!(entity(&key, &request).unwrap(), "ip:192.0.2.1");
    }
    let rules = [
        Settle::header("X-Used"),
        Settle::headers([outside()]),
        Settle::trailer("X-Used"),
    ];
    assert!(
        rules
            .iter()
            .all(|rule| format!("{rule:?}").contains("x-us")),
        "{rules:?}"
    );
}

#[test]
#[should_panic(expected = "invalid HTTP header name: \"x user\"")]
fn a_text_that_is_no_header_name_builds_no_policy() {
    let _ = keys::header("x user");
}

/// Builders cloned from one builder are independent.
#[tokio::test]
async fn policies_from_one_builder_are_independent() {
    let (limiter, _) = memory();
    let base = Policy::builder()
        .entity(keys::header("x-user"))
        .cost("rph", 2)
        .estimate("rph", cost::header("x-cost"))
        .settle("rph", Settle::header("x-used"))
        .exempt(|head: &RequestHead<'_>| head.headers.contains_key("x-free"));
    let small = base
        .clone()
        .resource(keys::fixed("small"))
        .limit(Limit::per_hour("rph", 2));
    let exempt = base
        .clone()
        .exempt_entities([EntityId::new("bob").unwrap()]);
    let large = exempt
        .resource(keys::fixed("large"))
        .limit(Limit::per_hour("rph", 4));
    let [small, large] = [small, large].map(|policy| hello(layer(&limiter, policy)));
    let ask_as = async |app: &Router, user: &[u8]| {
        ask(app, with_headers(&[("x-user", user)]))
            .await
            .status()
            .as_u16()
    };
    let mut seen = Vec::new();
    for (app, user) in [
        (&small, b"bob"),
        (&small, b"bob"),
        (&large, b"bob"),
        (&large, b"eve"),
        (&large, b"eve"),
        (&large, b"eve"),
    ] {
        seen.push(ask_as(app, user).await);
    }
    assert_eq!(seen, [200, 429, 200, 200, 200, 429]);
    assert_eq!(
        ask(
            &small,
            with_headers(&[("x-user", b"bob"), ("x-free", b"1")])
        )
        .await
        .status(),
        200
    );
}

/// For a service that splits at white space, `Bearer abc x` is the token `abc` for every `x`.
#[test]
fn one_bearer_token_has_one_key() {
    let key = |value: &[u8]| {
        entity(
            &keys::bearer_token(),
            &with_headers(&[("authorization", value)]),
        )
        .ok()
    };
    let expected = EntityId::from_secret("abc").unwrap();
    for value in [
        &b"Bearer abc"[..],
        b"bearer abc",
        b"BEARER  abc ",
        b"Bearer \tabc",
    ] {
        assert_eq!(key(value).as_ref(), Some(&expected), "{value:?}");
    }
    for value in [
        &b"Bearer abc x"[..],
        b"Bearer abc\tx",
        b"Bearer",
        b"Bearer ",
        b"Basic abc",
        b"abc",
    ] {
        assert_eq!(key(value), None, "{value:?}");
    }
}
