//! A memory store that is full of made-up keys, whose buckets take hours to refill.

use std::time::Duration;

use tollgate::{
    Error, Limit, RateLimiter,
    clock::ManualClock,
    error::Unavailable,
    store::{MemoryStore, StoreErrorKind, WhenFull},
};

use super::fixture::{START, settings};

/// Five tokens a day: after one request a bucket is in use for 4.8 hours.
const HOURS: Duration = Duration::from_secs(17_280);

/// Creates a store for 640 buckets: 64 parts of 10 buckets each.
fn small(rule: WhenFull) -> (RateLimiter, MemoryStore, ManualClock) {
    let (store, clock) = (
        MemoryStore::with_capacity(640).when_full(rule),
        ManualClock::at(START),
    );
    assert_eq!(store.capacity(), 640);
    (settings(&clock).build_memory(store.clone()), store, clock)
}

async fn ask(limiter: &RateLimiter, entity: &str, tokens: u64) -> Result<String, Error> {
    let lease = limiter
        .acquire(entity, "api")
        .limits(Limit::per_day("rpd", 5))
        .cost("rpd", tokens)
        .await?;
    let charged = lease.entity().to_string();
    lease.commit().await.unwrap();
    Ok(charged)
}

async fn left(limiter: &RateLimiter, entity: &str) -> i64 {
    let available = limiter
        .available(entity, "api")
        .limits(Limit::per_day("rpd", 5))
        .await
        .unwrap();
    available.get("rpd").unwrap().available
}

/// Fills the store with keys that have used one token each.
async fn fill(limiter: &RateLimiter, store: &MemoryStore) -> Vec<String> {
    let mut own = Vec::new();
    for number in 0.. {
        let entity = format!("made-up-{number}");
        match ask(limiter, &entity, 1).await {
            Ok(charged) if charged == entity => own.push(entity),
            _ => {}
        }
        if own.len() >= store.capacity() && number > 3000 {
            break;
        }
    }
    assert_eq!(store.len(), store.capacity());
    own
}

fn is_refused(result: &Result<String, Error>) -> bool {
    matches!(result, Err(Error::Unavailable(Unavailable::Store(error))) if error.kind() == StoreErrorKind::Full)
}

#[tokio::test]
async fn new_keys_are_refused_by_default() {
    let (limiter, store, clock) = small(WhenFull::default());
    fill(&limiter, &store).await;
    for number in 0..100 {
        assert!(is_refused(
            &ask(&limiter, &format!("new-{number}"), 1).await
        ));
    }
    clock.advance(HOURS);
    assert_eq!(ask(&limiter, "new-0", 1).await.unwrap(), "new-0");
}

#[tokio::test]
async fn new_keys_share_a_bucket() {
    let (limiter, store, clock) = small(WhenFull::Share);
    let own = fill(&limiter, &store).await;
    clock.advance(Duration::from_secs(60));
    // All new keys of a part share five tokens, minus those used since the store became full.
    let mut granted = 0;
    for number in 0..3000 {
        match ask(&limiter, &format!("new-{number}"), 1).await {
            Ok(charged) => {
                assert_eq!(charged, "overflow");
                granted += 1;
            }
            Err(Error::Denied(denied)) => assert_eq!(denied.entity, "overflow"),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(granted <= 64 * 5, "{granted}");
    assert_eq!(left(&limiter, "new-0").await, 0, "what it shares is told");
    // Keys that have a bucket keep it.
    assert_eq!(store.len(), 640);
    for entity in &own {
        assert_eq!(left(&limiter, entity).await, 4, "{entity}");
        assert_eq!(&ask(&limiter, entity, 4).await.unwrap(), entity);
    }
}

/// A key that has used a shared bucket starts with the level of the shared one, so no tokens are
/// minted.
#[tokio::test]
async fn a_key_that_finds_room_later_has_used_what_it_shared() {
    let (limiter, store, clock) = small(WhenFull::Share);
    fill(&limiter, &store).await;
    let mut sharers = Vec::new();
    for number in 0..1000 {
        let entity = format!("new-{number}");
        while ask(&limiter, &entity, 1).await.is_ok() {}
        sharers.push(entity);
    }
    // The 640 buckets are full again. The shared buckets have one token of five.
    clock.advance(HOURS);
    let (mut own, mut granted) = (0, 0);
    for entity in &sharers {
        let mut tokens = 0;
        while let Ok(charged) = ask(&limiter, entity, 1).await {
            own += usize::from(charged == *entity);
            tokens += 1;
        }
        assert!(tokens <= 1, "{entity} was granted {tokens}");
        granted += tokens;
    }
    assert!(own >= 500 && granted >= own, "{own} {granted}");
    // Once all buckets are full, a new key gets a full bucket.
    clock.advance(5 * HOURS);
    assert_eq!(left(&limiter, "late").await, 5);
    assert_eq!(ask(&limiter, "late", 5).await.unwrap(), "late");
}

/// Resource names may be made up too.
#[tokio::test]
async fn shared_buckets_are_bounded() {
    let (limiter, store, _) = small(WhenFull::Share);
    fill(&limiter, &store).await;
    let mut refused = 0;
    for number in 0..3000 {
        let acquire = limiter
            .acquire("new", format!("resource-{number}"))
            .limits(Limit::per_day("rpd", 5));
        match acquire.await {
            Ok(lease) => lease.commit(),
            Err(Error::Unavailable(_)) => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("{error:?}"),
        };
    }
    // At most 16 shared buckets in each part.
    assert!(refused >= 3000 - 64 * 16, "{refused}");
    assert_eq!(store.len(), 640);
}

/// A handle holds its bucket permanently, so it does not hold a shared one.
#[tokio::test]
async fn a_handle_does_not_keep_a_shared_bucket() {
    let (limiter, store, clock) = small(WhenFull::Share);
    fill(&limiter, &store).await;
    let handle = limiter.bucket("handled", "api").unwrap();
    let ask = async || match handle.acquire().limits(Limit::per_day("rpd", 5)).await {
        Ok(lease) => lease.entity().to_string(),
        Err(Error::Denied(denied)) => denied.entity.to_string(),
        Err(error) => panic!("{error:?}"),
    };
    assert_eq!(ask().await, "overflow");
    clock.advance(5 * HOURS);
    assert_eq!(ask().await, "handled");
}

#[tokio::test]
async fn the_fullest_bucket_is_forgotten() {
    let (limiter, store, clock) = small(WhenFull::ForgetFullest);
    let mut short = Vec::new();
    for number in 0..64 {
        let entity = format!("short-{number}");
        ask(&limiter, &entity, 5).await.unwrap();
        short.push(entity);
    }
    clock.advance(Duration::from_secs(1));
    // A made-up key uses one token, so it is fuller than the short keys. A part has 10 buckets.
    for number in 0..5000 {
        let entity = format!("made-up-{number}");
        assert_eq!(
            ask(&limiter, &entity, 1).await.unwrap(),
            entity,
            "every new key is served"
        );
    }
    assert_eq!(store.len(), 640);
    // No bucket of a short key was evicted: each part held made-up keys, which are fuller.
    for entity in &short {
        assert_eq!(left(&limiter, entity).await, 0, "{entity}");
    }
    // A bucket that a lease holds is not evicted.
    let lease = limiter
        .acquire("held", "api")
        .limits(Limit::per_day("rpd", 5))
        .await
        .unwrap();
    for number in 0..5000 {
        ask(&limiter, &format!("more-{number}"), 1).await.unwrap();
    }
    lease.commit().await.unwrap();
    assert_eq!(left(&limiter, "held").await, 4);
    assert_eq!(store.len(), 640);
}

/// The eviction sees what was spent from buckets after it last looked at them.
#[tokio::test]
async fn the_bucket_that_is_the_fullest_now_is_forgotten() {
    let (limiter, store, _) = small(WhenFull::Refuse);
    // All buckets lack one token when the store is full and looks at them.
    let own = fill(&limiter, &store).await;
    let is_short = |index: usize| index.is_multiple_of(4);
    for (index, entity) in own.iter().enumerate() {
        ask(&limiter, entity, if is_short(index) { 4 } else { 1 })
            .await
            .unwrap();
    }
    let store = store.when_full(WhenFull::ForgetFullest);
    for number in 0..30 {
        ask(&limiter, &format!("new-{number}"), 5).await.unwrap();
    }
    assert_eq!(store.len(), 640);
    let mut forgotten = 0;
    for (index, entity) in own.iter().enumerate() {
        match left(&limiter, entity).await {
            0 => assert!(is_short(index), "{entity}"),
            5 if !is_short(index) => forgotten += 1,
            left => assert!(left == 3 && !is_short(index), "{entity}: {left}"),
        }
    }
    assert_eq!(forgotten, 30);
}
