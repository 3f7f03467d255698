//! The time after which a table deletes buckets that nobody uses.

use std::time::Duration;

use tollgate::{
    Limit, RateLimiter,
    error::Invalid,
    limiter::RateLimiterBuilder,
    model::{BucketTtl, ConfigScope},
    store::MemoryStore,
};

use super::fixture::{START, Table, integer, on_table, settings};

const DAY: i64 = 86_400;

/// 10 tokens that fill in a day.
fn limit() -> Limit {
    Limit::per_day("tokens", 10)
}

async fn charge(limiter: &RateLimiter) {
    let acquire = limiter.acquire("user", "api").limits(limit());
    acquire.await.unwrap().commit().await.unwrap();
}

/// Returns the seconds until the bucket expires; `None` if it stays.
async fn left(table: &Table, now: i64) -> Option<i64> {
    let item = table.item("user", "api").await.unwrap();
    item.contains_key("ttl")
        .then(|| integer(&item, "ttl") - now / 1000)
}

#[tokio::test]
async fn a_bucket_lives_for_a_multiple_of_the_time_in_which_it_fills() {
    let cases = [
        (None, Some(7)),
        // An emptied bucket must be full before it is deleted.
        (Some(BucketTtl::Times(1)), Some(2)),
        (Some(BucketTtl::Times(30)), Some(30)),
        (Some(BucketTtl::Times(u32::MAX)), Some(i64::from(u32::MAX))),
        (Some(BucketTtl::Never), None),
    ];
    for (ttl, days) in cases {
        let set = move |builder: RateLimiterBuilder| match ttl {
            Some(ttl) => builder.bucket_ttl(ttl),
            None => builder,
        };
        let (table, _, limiter) = on_table(set).await;
        charge(&limiter).await;
        let left = left(&table, START).await;
        // A bucket is not deleted before it is full, however short the time is.
        let least = days.map(|days| (days * DAY).max(DAY));
        match (left, least) {
            (Some(left), Some(least)) => {
                assert!((least..least + DAY).contains(&left), "{ttl:?}: {left}")
            }
            (left, least) => assert_eq!(left, least, "{ttl:?}"),
        }
    }
}

#[tokio::test]
async fn an_expiry_is_removed_and_set_again_as_the_settings_say() {
    let (table, clock, limiter) = on_table(|builder| builder).await;
    let opened = |ttl| table.limiter(settings(&clock).bucket_ttl(ttl));
    charge(&limiter).await;
    assert!(left(&table, START).await.is_some());
    charge(&opened(BucketTtl::Never).await).await;
    assert_eq!(left(&table, START).await, None);
    charge(&opened(BucketTtl::Times(2)).await).await;
    let first = left(&table, START).await.unwrap();
    assert!((2 * DAY..3 * DAY).contains(&first), "{first}");
    // The expiry is renewed when less than half of the time is left.
    clock.advance(Duration::from_secs(86_400 * 3 / 2));
    charge(&opened(BucketTtl::Times(2)).await).await;
    let now = START + DAY * 1500;
    let later = left(&table, now).await.unwrap();
    assert!(later >= 2 * DAY, "{later}");
}

#[tokio::test]
async fn steady_writes_of_a_bucket_that_stays_do_not_move_its_anchor() {
    let (table, _, limiter) =
        on_table(|builder| builder.bucket_ttl(BucketTtl::Never).mixed_fleet(false)).await;
    for _ in 0..5 {
        charge(&limiter).await;
    }
    let item = table.item("user", "api").await.unwrap();
    assert_eq!(integer(&item, "rf"), START);
    assert_eq!(table.writes(), 5);
}

#[tokio::test]
async fn a_bucket_with_limits_of_its_own_stays_in_any_case() {
    let (table, _, limiter) = on_table(|builder| builder.bucket_ttl(BucketTtl::Times(1))).await;
    let scope = ConfigScope::entity_resource("user", "api").unwrap();
    limiter.config().set(scope, limit()).await.unwrap();
    let lease = limiter.acquire("user", "api").await.unwrap();
    lease.commit().await.unwrap();
    assert_eq!(left(&table, START).await, None);
}

#[tokio::test]
async fn a_bucket_cannot_live_for_zero_times() {
    let builder = RateLimiter::builder().bucket_ttl(BucketTtl::Times(0));
    let error = builder.build(MemoryStore::new()).unwrap_err();
    let Invalid::Setting { setting, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(setting, "bucket_ttl");
}
