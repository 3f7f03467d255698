//! Keys hashed with a secret of the server.

use tollgate::{
    EntityId, Limit,
    layer::{
        Key, KeyExtractor, Policy, RequestHead,
        keys::{self, HmacSecret},
    },
};

use super::{entity, for_uri, from_peer};
use crate::world::{ask, hello, layer, left, memory, per_user, text, with_headers};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn secret() -> HmacSecret {
    HmacSecret::new(SECRET).unwrap()
}

#[test]
fn a_keyed_hash_is_hmac_sha256_cut_to_128_bits() {
    // echo -n sk-123 | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef -binary
    //   | head -c 16 | base64
    let expected = "k:DohkJaTpt7oaDp4JaQ8xrw";
    assert_eq!(secret().entity("sk-123").unwrap(), expected);
    let request = with_headers(&[("x-api-key", b"sk-123")]);
    assert_eq!(
        entity(&keys::hashed_header("x-api-key").hmac(&secret()), &request).unwrap(),
        expected
    );
}

#[test]
fn header_token_cookie_and_query_have_the_same_keyed_hash() {
    let of = |name: &'static str, value: &str| with_headers(&[(name, value.as_bytes())]);
    let expected = secret().entity("sk-123").unwrap();
    assert_eq!(
        entity(
            &keys::bearer_token().hmac(&secret()),
            &of("authorization", "Bearer sk-123")
        )
        .unwrap(),
        expected
    );
    assert_eq!(
        entity(
            &keys::hashed_cookie("s").hmac(&secret()),
            &of("cookie", "s=sk-123")
        )
        .unwrap(),
        expected
    );
    assert_eq!(
        entity(
            &keys::header("x-user").hmac(&secret()),
            &of("x-user", "sk-123")
        )
        .unwrap(),
        expected
    );
    let query = keys::hashed_query_parameter("key").hmac(&secret());
    assert_eq!(entity(&query, &for_uri("/?key=sk-123")).unwrap(), expected);
}

#[test]
fn a_keyed_hash_is_neither_the_plain_hash_nor_that_of_another_secret() {
    let hashed = secret().entity("sk-123").unwrap();
    assert_ne!(hashed, EntityId::from_secret("sk-123").unwrap());
    assert_ne!(
        hashed,
        HmacSecret::new("another secret of 16 bytes")
            .unwrap()
            .entity("sk-123")
            .unwrap()
    );
}

#[test]
fn addresses_and_pairs_have_a_keyed_hash_too() {
    let request = from_peer("192.0.2.1", &[("x-user", b"ip:192.0.2.1")]);
    let address = entity(&keys::peer_ip().hmac(&secret()), &request).unwrap();
    assert!(address.as_str().starts_with("k:"), "{address}");
    // A value from a client never has the hash of an address.
    assert_ne!(
        address,
        entity(&keys::header("x-user").hmac(&secret()), &request).unwrap()
    );
    assert_ne!(
        address,
        entity(&keys::hashed_header("x-user").hmac(&secret()), &request).unwrap()
    );
    let pair = keys::peer_ip().and(keys::header("x-user")).hmac(&secret());
    assert!(entity(&pair, &request).unwrap().as_str().starts_with("k:"));
    let twice = keys::peer_ip().hmac(&secret()).hmac(&secret());
    assert_ne!(entity(&twice, &request).unwrap(), address);
    // The resource is not a valid entity id.
    let path = |_: &RequestHead<'_>| Ok(Key::name("openai/gpt-4"));
    let key = path
        .hmac(&secret())
        .extract(&RequestHead::from(&request))
        .unwrap();
    assert!(key.into_resource().unwrap().as_str().starts_with("k:"));
}

#[tokio::test]
async fn a_missing_key_stays_missing() {
    let (limiter, _) = memory();
    let limit = Limit::per_hour("rph", 1);
    let policy = || per_user(limit.clone());
    let app = hello(layer(
        &limiter,
        policy().entity(keys::hashed_header("x-api-key").hmac(&secret())),
    ));
    let response = ask(&app, with_headers(&[])).await;
    assert_eq!(
        (
            response.status().as_u16(),
            text(&response, "www-authenticate")
        ),
        (401, Some("ApiKey"))
    );
    assert_eq!(
        ask(&app, with_headers(&[("x-api-key", b"sk-123")]))
            .await
            .status(),
        200
    );
    assert_eq!(
        left(
            &limiter,
            secret().entity("sk-123").unwrap().as_str(),
            &limit
        )
        .await,
        0
    );

    let app = hello(layer(
        &limiter,
        policy().entity(keys::header("x-user").hmac(&secret())),
    ));
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 400);
    let app = hello(layer(
        &limiter,
        policy().entity(keys::peer_ip().hmac(&secret())),
    ));
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 500);
    let empty = (|_: &RequestHead<'_>| Ok(Key::untrusted(""))).hmac(&secret());
    assert_eq!(
        ask(
            &hello(layer(&limiter, policy().entity(empty))),
            with_headers(&[])
        )
        .await
        .status(),
        400
    );
    assert!(secret().entity("").is_err());
    // An invalid fixed name is refused when the policy is built.
    assert!(
        policy()
            .resource(keys::fixed("two words").hmac(&secret()))
            .build()
            .is_err()
    );
    assert!(
        policy()
            .resource(keys::fixed("api").hmac(&secret()))
            .build()
            .is_ok()
    );
}

#[test]
fn a_weak_secret_is_refused() {
    for weak in ["", "short", &SECRET[..15]] {
        let error = HmacSecret::new(weak).unwrap_err();
        assert_eq!(error.length, weak.len());
        assert_eq!(
            error.to_string(),
            format!(
                "the secret has {} bytes, at least 16 are needed",
                weak.len()
            )
        );
    }
    assert!(HmacSecret::new(&SECRET[..16]).is_ok());
    assert!(HmacSecret::new(SECRET.repeat(10)).is_ok());
}

#[test]
fn no_output_contains_the_secret() {
    let key = keys::hashed_header("x-api-key").hmac(&secret());
    let request = with_headers(&[("x-api-key", b"sk-123")]);
    let found = key.extract(&RequestHead::from(&request)).unwrap();
    let policy = Policy::builder()
        .entity(key.clone())
        .resource(keys::fixed("api"))
        .limit(Limit::per_hour("rph", 1));
    let told = format!(
        "{key:?} {:?} {found:?} {:?}",
        secret(),
        policy.build().unwrap()
    );
    for secret in ["0123456789abcdef", "48, 49, 50", "30313233", "sk-123"] {
        assert!(!told.contains(secret), "{told}");
    }
    assert!(told.contains("HmacSecret"), "{told}");
}
