//! Partition keys.

use sfv::{BareItem, List, ListEntry, Parser};
use tollgate::{
    EntityId, Limit, RateLimiter,
    layer::PolicyBuilder,
    model::{ConfigScope, Entity},
};

use crate::world::{ask, from, hello, layer, memory, per_user, text};

const SECRET: &[u8] = b"sixteen bytes of it, and some more";

fn policy(secret: &[u8]) -> PolicyBuilder {
    per_user(Limit::per_minute("rpm", 2)).partition_keys(secret)
}

/// Returns the partition keys of a field, limit by limit.
fn keys(response: &http::Response<axum::body::Body>, field: &str) -> Vec<Option<Vec<u8>>> {
    let list = Parser::new(text(response, field).expect("a field"))
        .parse::<List>()
        .expect("a structured field");
    let key = |entry: ListEntry| match entry {
        ListEntry::Item(item) => item.params.get("pk").map(|key| match key {
            BareItem::ByteSequence(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        }),
        ListEntry::InnerList(list) => panic!("{list:?}"),
    };
    list.into_iter().map(key).collect()
}

async fn key_of(limiter: &RateLimiter, policy: PolicyBuilder, user: &str) -> Vec<u8> {
    let response = ask(&hello(layer(limiter, policy)), from(user)).await;
    let key = keys(&response, "ratelimit").pop().flatten().expect("a key");
    assert_eq!(
        keys(&response, "ratelimit-policy"),
        [Some(key.clone())],
        "the same in both fields"
    );
    key
}

#[tokio::test]
async fn responses_have_no_partition_key_by_default() {
    let response = ask(
        &hello(layer(&memory().0, per_user(Limit::per_minute("rpm", 2)))),
        from("alice"),
    )
    .await;
    assert_eq!(keys(&response, "ratelimit"), [None]);
    assert_eq!(keys(&response, "ratelimit-policy"), [None]);
}

#[tokio::test]
async fn partition_keys_tell_buckets_apart_and_not_their_owners() {
    let (limiter, _) = memory();
    let alice = key_of(&limiter, policy(SECRET), "alice").await;
    assert_eq!(alice.len(), 12);
    assert_eq!(
        key_of(&limiter, policy(SECRET), "alice").await,
        alice,
        "in every response, granted or not"
    );
    assert_eq!(key_of(&limiter, policy(SECRET), "alice").await, alice);
    let others = [
        key_of(&limiter, policy(SECRET), "bob").await,
        key_of(
            &limiter,
            policy(SECRET).resource(tollgate::layer::keys::fixed("other")),
            "alice",
        )
        .await,
        key_of(
            &limiter,
            policy(b"another secret, long enough too"),
            "carol",
        )
        .await,
        key_of(&limiter, policy(SECRET), "carol").await,
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(*other, alice);
        assert!(!others[..index].contains(other), "{index}");
    }
    // The keys are no plain hashes of ids, so nobody can find an id by trying hashes without the
    // secret.
    let plain = <sha2::Sha256 as sha2::Digest>::digest(b"alice\0api");
    assert_ne!(alice, plain[..12]);
}

#[tokio::test]
async fn the_limits_of_a_parent_have_no_partition_key() {
    let (limiter, _) = memory();
    let project = EntityId::new("project-1").unwrap();
    limiter
        .entities()
        .create(Entity::new(project.clone()))
        .await
        .unwrap();
    let child = Entity::new(EntityId::new("alice").unwrap())
        .with_parent(project.clone())
        .cascading();
    limiter.entities().create(child).await.unwrap();
    limiter
        .config()
        .set(ConfigScope::Entity(project), Limit::per_minute("rpm", 9))
        .await
        .unwrap();
    let app = hello(layer(&limiter, policy(SECRET)));
    for _ in 0..3 {
        let response = ask(&app, from("alice")).await;
        for field in ["ratelimit", "ratelimit-policy"] {
            let keys = keys(&response, field);
            assert_eq!(
                keys.iter().map(Option::is_some).collect::<Vec<_>>(),
                [true, false],
                "{response:?}"
            );
        }
        assert!(!format!("{response:?}").contains("project"), "{response:?}");
    }
}
