//! Extreme values of amounts, remainders and lifetimes.

use std::{sync::Arc, thread, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    Limit, RateLimiter,
    clock::ManualClock,
    store::{MemoryStore, Store},
};

use super::fixture::{Fixture, STACK, START, Table, key, on_every_limiter, settings};

on_every_limiter! {
    many_of_the_largest_debts_leave_a_bucket_that_works,
    the_greatest_amounts_are_decided,
    a_limit_that_comes_back_is_as_it_was,
}

async fn the_greatest_amounts_are_decided(at: Fixture) {
    let limit = Limit::new(
        "tokens",
        Limit::MAX_TOKENS,
        Limit::MAX_TOKENS,
        Duration::from_secs(1),
    )
    .unwrap();
    let ask = |cost| {
        at.limiter
            .acquire("user", "api")
            .limits(limit.clone())
            .cost("tokens", cost)
    };
    let mut debts = Vec::new();
    for _ in 0..3 {
        debts.push(ask(0).await.unwrap());
    }
    let mut all = ask(Limit::MAX_TOKENS).await.unwrap();
    all.adjust("tokens", i64::MAX).unwrap();
    all.adjust("tokens", i64::MIN).unwrap();
    all.settle("tokens", Limit::MAX_TOKENS).unwrap();
    all.commit().await.unwrap();
    assert_eq!(at.raw("user", "api", "tokens").await.0, 0);
    for mut lease in debts {
        lease.settle("tokens", u64::MAX).unwrap();
        lease.commit().await.unwrap();
    }
    let most = i64::try_from(Limit::MAX_TOKENS).unwrap() * 1000;
    assert_eq!(at.raw("user", "api", "tokens").await, (-3 * most, 4 * most));
    let denied = ask(1).await.unwrap_err();
    let wait = denied.denied().unwrap().retry_after().unwrap();
    // Three seconds, and the part of a second that brings a token.
    assert!((3_000..=3_001).contains(&wait.as_millis()), "{wait:?}");
    at.clock.advance(wait);
    ask(1).await.unwrap().commit().await.unwrap();
    at.advance(100_000);
    ask(Limit::MAX_TOKENS)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert!(ask(1).await.unwrap_err().denied().is_some());
}

/// The item became invalid: its tokens were below what an `i64` holds.
async fn many_of_the_largest_debts_leave_a_bucket_that_works(at: Fixture) {
    let limit = Limit::new("tokens", 10, Limit::MAX_TOKENS, Duration::from_secs(1)).unwrap();
    let ask = |cost| {
        let acquire = at.limiter.acquire("user", "api").limits(limit.clone());
        acquire.cost("tokens", cost)
    };
    let mut leases = Vec::new();
    for _ in 0..12 {
        leases.push(ask(0).await.unwrap());
    }
    for mut lease in leases {
        lease.settle("tokens", u64::MAX).unwrap();
        lease.commit().await.unwrap();
    }
    assert!(ask(1).await.unwrap_err().denied().is_some());
    at.advance(10_000);
    ask(10).await.unwrap().commit().await.unwrap();
}

async fn a_limit_that_comes_back_is_as_it_was(at: Fixture) {
    let (one, other) = (Limit::per_hour("one", 10), Limit::per_hour("other", 10));
    let both = || [one.clone(), other.clone()];
    let ask = || at.limiter.acquire("user", "api");
    ask()
        .limits(both())
        .cost("one", 4)
        .cost("other", 10)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    // `other` refills although only `one` is asked for.
    at.advance(360_000);
    ask()
        .limits(one.clone())
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    at.advance(360_000);
    ask()
        .limits(one.clone())
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let denied = ask().limits(both()).cost("other", 3).await.unwrap_err();
    assert_eq!(
        denied.denied().unwrap().retry_after(),
        Some(Duration::from_secs(360))
    );
    ask()
        .limits(both())
        .cost("other", 2)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert_eq!(at.raw("user", "api", "other").await.0, 0);
}

/// A remainder counts only if a division can leave it. Any other value would mint tokens.
#[tokio::test]
async fn a_remainder_that_makes_no_sense_counts_as_none() {
    // A token takes 360 seconds, so a millitoken is 3600 units of the remainder.
    for remainder in [i64::MIN, -1, 0, 3_600_000, i64::MAX] {
        let (clock, table) = (ManualClock::at(START), Table::create().await);
        let limit = || Limit::per_hour("tokens", 10);
        let first = table.limiter(settings(&clock)).await;
        first
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", 10)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        let mut item = table.item("user", "api").await.unwrap();
        item.insert(
            "b_tokens_fr".into(),
            AttributeValue::N(remainder.to_string()),
        );
        table
            .engine
            .client()
            .put_item()
            .table_name(STACK)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
        let limiter = table.limiter(settings(&clock)).await;
        let ask = || {
            limiter
                .acquire("user", "api")
                .limits(limit())
                .cost("tokens", 1)
        };
        clock.advance(Duration::from_millis(359_999));
        let denied = ask().await.map(|lease| drop(lease.commit())).unwrap_err();
        let wait = denied
            .denied()
            .unwrap_or_else(|| panic!("{remainder}: {denied}"))
            .retry_after();
        assert_eq!(wait, Some(Duration::from_millis(1)), "{remainder}");
        clock.advance(Duration::from_millis(1));
        ask().await.unwrap().commit().await.unwrap();
    }
}

/// Pending differences are written even after the limiter is dropped.
#[tokio::test(start_paused = true)]
async fn a_limiter_that_is_dropped_settles_what_is_pending() {
    let store = Arc::new(MemoryStore::new());
    let limiter = RateLimiter::builder()
        .clock(ManualClock::at(START))
        .build_shared(store.clone())
        .unwrap();
    let limit = Limit::per_hour("tokens", 100);
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(limit.clone())
            .cost("tokens", 10)
    };
    let (mut more, less, held) = (
        ask().await.unwrap(),
        ask().await.unwrap(),
        ask().await.unwrap(),
    );
    more.settle("tokens", 25).unwrap();
    drop(more.commit());
    drop(less);
    drop(limiter);
    // The lease works after the limiter is gone.
    drop(held);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let state = store.read(&key("user", "api")).await.unwrap().unwrap();
    assert_eq!(state.limits()[0].level.tokens, 75_000);
}

#[test]
fn two_runtimes_share_a_limiter() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let home = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let limiter = RateLimiter::builder()
        .clock(ManualClock::at(START))
        .deadline(Duration::from_secs(20))
        .runtime(home.handle().clone())
        .build(MemoryStore::new())
        .unwrap();
    let work = |limiter: RateLimiter| async move {
        let limit = Limit::per_hour("tokens", 1000);
        for round in 0..100 {
            let lease = limiter
                .acquire("user", "api")
                .limits(limit.clone())
                .cost("tokens", 5)
                .await
                .unwrap();
            match round % 2 {
                0 => lease.commit().await.unwrap(),
                _ => lease.rollback().await.unwrap(),
            }
        }
    };
    let away = thread::spawn({
        let work = work(limiter.clone());
        move || runtime().block_on(work)
    });
    home.block_on(work(limiter.clone()));
    away.join().unwrap();
    let available = runtime().block_on(async {
        let available = limiter
            .available("user", "api")
            .limits(Limit::per_hour("tokens", 1000))
            .await
            .unwrap();
        limiter.shutdown().await;
        available
    });
    assert_eq!(available.get("tokens").unwrap().available, 500);
}

/// A slow limit takes long to refill a millitoken, so no millitoken may be lost to rounding.
#[tokio::test]
async fn a_full_bucket_grants_all_of_its_capacity_at_any_time() {
    for millis in [86_400_001, 86_400_017, 90_000_037, 123_456_789] {
        for fixture in [Fixture::in_memory(), Fixture::gated()] {
            let limit = Limit::per_day("rpd", 5);
            let one = || {
                fixture
                    .limiter
                    .acquire("user", "api")
                    .limits(limit.clone())
                    .into_future()
            };
            for _ in 0..5 {
                one().await.unwrap().commit();
            }
            fixture.advance(millis);
            for granted in 0..5 {
                one()
                    .await
                    .unwrap_or_else(|error| panic!("{granted} of 5 after {millis}: {error}"))
                    .commit();
            }
            assert!(one().await.unwrap_err().denied().is_some());
        }
    }
}
