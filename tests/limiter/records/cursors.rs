//! Listings that are resumed from the text of a cursor.

use std::time::Duration;

use tollgate::{
    Error, RateLimiter,
    clock::ManualClock,
    error::Invalid,
    limiter::Listing,
    model::{AuditSubject, ConfigScope, Entity, EntityId, NamespaceName},
};

use super::{
    fixture::{START, Table, entity, on_both, resource, rpm},
    usage::Aggregator,
};

on_both!(
    a_listing_is_resumed_after_any_row,
    a_listing_of_several_pages_is_resumed_within_each,
    rows_that_are_added_or_deleted_hide_no_row,
    all_buckets_are_listed_and_those_of_other_namespaces_are_not,
    a_text_that_is_no_cursor_of_the_listing_is_refused,
);

async fn with_children(limiter: &RateLimiter, count: usize) -> EntityId {
    let parent = entity("project");
    for number in 0..count {
        let child = Entity::new(entity(&format!("key-{number:03}"))).with_parent(parent.clone());
        limiter.entities().create(child).await.unwrap();
    }
    parent
}

/// Takes some rows, and returns the cursor behind them.
async fn cursor_after<T: Send + 'static>(mut listing: Listing<T>, rows: usize) -> Option<String> {
    for _ in 0..rows {
        listing.next().await.unwrap().unwrap();
    }
    listing.cursor()
}

async fn a_listing_is_resumed_after_any_row(limiter: RateLimiter, _: ManualClock) {
    let parent = with_children(&limiter, 7).await;
    let children = || limiter.entities().children(&parent);
    let all = children().all().await.unwrap();
    for taken in 0..7 {
        let cursor = cursor_after(children(), taken).await.unwrap();
        assert!(
            cursor
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        let resumed = children().start_at(&cursor).unwrap();
        // The cursor stays the same until rows are taken.
        assert_eq!(resumed.cursor(), Some(cursor));
        assert_eq!(resumed.all().await.unwrap(), all[taken..]);
    }
    assert_eq!(cursor_after(children(), 7).await, None);
}

async fn all_buckets_are_listed_and_those_of_other_namespaces_are_not(
    limiter: RateLimiter,
    _: ManualClock,
) {
    let acquire = async |limiter: &RateLimiter, entity: String, resource: &str| {
        let acquire = limiter.acquire(entity, resource).limits(rpm(5));
        acquire
            .without_parent()
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    };
    for number in 0..120 {
        acquire(&limiter, format!("user-{number:03}"), "api").await;
        acquire(&limiter, format!("user-{number:03}"), "web").await;
    }
    if limiter.capabilities().namespaces {
        let name = NamespaceName::new("other").unwrap();
        limiter.namespaces().register(&name).await.unwrap();
        let other = limiter.namespace(&name).await.unwrap();
        acquire(&other, "stranger".into(), "api").await;
    }
    let all = || limiter.usage().all_buckets();
    let rows = all().all().await.unwrap();
    let mut keys: Vec<_> = rows
        .iter()
        .map(|(key, state)| {
            assert_eq!(state.limits()[0].consumed, 1000);
            (key.entity.to_string(), key.resource.to_string())
        })
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 240);
    assert!(keys.iter().all(|(entity, _)| entity.starts_with("user-")));
    let cursor = cursor_after(all(), 100).await.unwrap();
    let rest = all().start_at(&cursor).unwrap().all().await.unwrap();
    assert_eq!(rest, rows[100..]);
}

async fn a_listing_of_several_pages_is_resumed_within_each(limiter: RateLimiter, _: ManualClock) {
    for number in 0..230 {
        let acquire = limiter.acquire("user", format!("model-{number:03}"));
        let _ = acquire
            .limits(rpm(5))
            .without_parent()
            .await
            .unwrap()
            .commit();
    }
    let buckets = || limiter.entities().buckets(&entity("user"));
    let all: Vec<_> = buckets().all().await.unwrap();
    assert_eq!(all.len(), 230);
    for taken in [0, 1, 99, 100, 101, 199, 200, 229] {
        let cursor = cursor_after(buckets(), taken).await.unwrap();
        let rest = buckets().start_at(&cursor).unwrap().all().await.unwrap();
        assert_eq!(rest, all[taken..], "after {taken}");
    }
}

async fn rows_that_are_added_or_deleted_hide_no_row(limiter: RateLimiter, clock: ManualClock) {
    for amount in 1..=5 {
        clock.advance(Duration::from_secs(1));
        let scope = ConfigScope::system();
        limiter.config().set(scope, rpm(amount)).await.unwrap();
    }
    let events = || limiter.audit().events(&AuditSubject::System);
    let amounts = |events: Vec<tollgate::model::AuditEvent>| -> Vec<u64> {
        let amount = |event: &tollgate::model::AuditEvent| {
            event.details["limits"][0]["capacity"].as_u64().unwrap()
        };
        events.iter().map(amount).collect()
    };
    let cursor = cursor_after(events(), 2).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let scope = ConfigScope::system();
    limiter.config().set(scope, rpm(6)).await.unwrap();
    // The newest come first: the new one is before the cursor.
    let rest = events().start_at(&cursor).unwrap().all().await.unwrap();
    assert_eq!(amounts(rest), [3, 2, 1]);

    let parent = with_children(&limiter, 5).await;
    let children = || limiter.entities().children(&parent);
    let cursor = cursor_after(children(), 3).await.unwrap();
    limiter.entities().delete(&entity("key-002")).await.unwrap();
    let rest = children().start_at(&cursor).unwrap().all().await.unwrap();
    let ids: Vec<_> = rest.iter().map(|child| child.id.as_str()).collect();
    assert!(ids.ends_with(&["key-003", "key-004"]), "{ids:?}");
}

async fn a_text_that_is_no_cursor_of_the_listing_is_refused(limiter: RateLimiter, _: ManualClock) {
    let parent = with_children(&limiter, 3).await;
    let children = || limiter.entities().children(&parent);
    let cursor = cursor_after(children(), 1).await.unwrap();
    let refused = |listing: Result<Listing<Entity>, Invalid>| {
        assert_eq!(listing.err(), Some(Invalid::Cursor));
    };
    for text in ["", "x", "e30", "bnVsbA", "key-1", "ümlaut", &cursor[1..]] {
        refused(children().start_at(text));
    }
    refused(
        limiter
            .entities()
            .children(&entity("other"))
            .start_at(&cursor),
    );
    let buckets = limiter.entities().buckets(&parent).start_at(&cursor);
    assert_eq!(buckets.err(), Some(Invalid::Cursor));
    let events = limiter
        .audit()
        .events(&AuditSubject::Entity(parent.clone()));
    assert_eq!(events.start_at(&cursor).err(), Some(Invalid::Cursor));
    assert!(children().start_at(&cursor).is_ok());
}

#[tokio::test]
async fn a_cursor_of_another_namespace_is_refused() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(&clock).await;
    let name = NamespaceName::new("tenant-2").unwrap();
    limiter.namespaces().register(&name).await.unwrap();
    let other = limiter.namespace(name).await.unwrap();
    let parent = with_children(&limiter, 3).await;
    with_children(&other, 3).await;
    let cursor = cursor_after(limiter.entities().children(&parent), 1).await;
    let listing = other
        .entities()
        .children(&parent)
        .start_at(&cursor.unwrap());
    assert_eq!(listing.err(), Some(Invalid::Cursor));
    let listing = limiter.namespaces().list();
    let cursor = cursor_after(listing, 1).await.unwrap();
    let rest = other.namespaces().list().start_at(&cursor);
    // The registry is that of the table, but the listing belongs to a limiter's namespace.
    assert_eq!(rest.err(), Some(Invalid::Cursor));
    let rest = limiter.namespaces().list().start_at(&cursor).unwrap();
    assert_eq!(rest.all().await.unwrap().len(), 1);
}

/// The text is not signed. A client may write a key of its own into it.
#[tokio::test]
async fn a_cursor_with_another_key_is_refused_by_the_store() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(&clock).await;
    let parent = with_children(&limiter, 2).await;
    let children = || limiter.entities().children(&parent);
    let cursor = cursor_after(children(), 1).await.unwrap();
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).unwrap()).unwrap();
    for key in ["garbage", r#"{\"PK\":\"x\"}"#] {
        let forged = text.replace("null", &format!("\"{key}\""));
        let forged = URL_SAFE_NO_PAD.encode(forged);
        let first = children().start_at(&forged).unwrap().next().await;
        assert!(
            matches!(first, Some(Err(Error::Invalid(Invalid::Cursor)))),
            "{first:?}"
        );
    }
}

#[tokio::test]
async fn snapshots_of_usage_are_resumed() {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(&clock).await;
    let aggregator = Aggregator {
        client: table.engine.client(),
        namespace: table.namespace().await,
    };
    for who in ["key-1", "key-2"] {
        for hour in 10..16 {
            let start = format!("2026-01-31T{hour}:00:00Z");
            let window = ("hourly", start.as_str());
            aggregator
                .count((who, "gpt-4"), window, ("tpm", 1000))
                .await;
        }
    }
    let of_entity = || limiter.usage().of_entity(entity("key-1")).list();
    let of_resource = || limiter.usage().of_resource(resource("gpt-4")).list();
    for snapshots in [&of_entity as &dyn Fn() -> _, &of_resource] {
        let all = snapshots().all().await.unwrap();
        for taken in 0..all.len() {
            let cursor = cursor_after(snapshots(), taken).await.unwrap();
            let rest = snapshots().start_at(&cursor).unwrap().all().await.unwrap();
            assert_eq!(rest, all[taken..], "after {taken}");
        }
    }
    let cursor = cursor_after(of_entity(), 1).await.unwrap();
    assert!(of_resource().start_at(&cursor).is_err());
}
