//! A process that has not learned of a change of limits does not undo it.

use std::time::Duration;

use tollgate::{
    RateLimiter,
    clock::ManualClock,
    model::{ConfigScope, StoredConfig},
};

use super::fixture::{START, Table, rpm};

/// Two processes that know the same limits, and the bucket that they have used.
struct Two {
    table: Table,
    clock: ManualClock,
    first: RateLimiter,
    second: RateLimiter,
}

impl Two {
    async fn start(capacity: u64) -> Self {
        let (clock, table) = (ManualClock::at(START), Table::create().await);
        let (first, second) = (table.limiter(&clock).await, table.limiter(&clock).await);
        first
            .config()
            .set(ConfigScope::System, rpm(capacity))
            .await
            .unwrap();
        for process in [&first, &second] {
            acquire(process).await.unwrap();
        }
        clock.advance(Duration::from_secs(5));
        Self {
            table,
            clock,
            first,
            second,
        }
    }

    async fn store(&self, capacity: u64) {
        self.first
            .config()
            .set(ConfigScope::System, rpm(capacity))
            .await
            .unwrap();
    }

    /// Returns the capacity in the bucket, in millitokens.
    async fn capacity(&self) -> i64 {
        let item = self
            .table
            .item("BUCKET#user#api#0", "#STATE")
            .await
            .unwrap();
        item["b_rpm_cp"].as_n().unwrap().parse().unwrap()
    }

    /// Waits until the look-up in the background is done.
    async fn refreshed(&self, process: &RateLimiter) {
        while process
            .config()
            .resolve("user", "api")
            .await
            .unwrap()
            .unwrap()
            .limits[0]
            .capacity()
            != 10
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Acquires a token. Returns the capacity that the lease uses.
async fn acquire(process: &RateLimiter) -> Result<u64, tollgate::Error> {
    let lease = process.acquire("user", "api").await?;
    let capacity = lease.limits()[0].capacity();
    lease.commit().await.unwrap();
    Ok(capacity)
}

#[tokio::test]
async fn old_limits_are_not_written_over_new_ones() {
    let two = Two::start(100).await;
    two.store(10).await;
    assert_eq!(acquire(&two.first).await.unwrap(), 10);
    assert_eq!(two.capacity().await, 10_000);

    two.clock.advance(Duration::from_secs(1));
    acquire(&two.second).await.unwrap();
    assert_eq!(
        two.capacity().await,
        10_000,
        "a change that it has not heard of"
    );
    // The process has looked up the limits, and no request waited for that.
    two.refreshed(&two.second).await;
    assert_eq!(acquire(&two.second).await.unwrap(), 10);
    assert_eq!(two.second.config().cache_stats().refreshes, 1);
    assert_eq!(two.capacity().await, 10_000);
}

#[tokio::test]
async fn a_lowered_limit_holds_for_a_process_that_has_not_learned_of_it() {
    let two = Two::start(100).await;
    two.store(10).await;
    while acquire(&two.first).await.is_ok() {}
    two.clock.advance(Duration::from_millis(10));
    let denied = acquire(&two.second).await.unwrap_err();
    assert_eq!(denied.denied().unwrap().limits[0].limit.capacity(), 10);
    assert_eq!(two.capacity().await, 10_000);
}

#[tokio::test]
async fn limits_that_were_looked_up_after_the_bucket_was_written_reach_it() {
    let two = Two::start(100).await;
    two.store(10).await;
    // The second process learns of the change first, when its cached limits have become too old.
    two.clock.advance(Duration::from_secs(120));
    assert_eq!(acquire(&two.second).await.unwrap(), 10);
    assert_eq!(two.capacity().await, 10_000);
}

#[tokio::test]
async fn a_lease_of_old_limits_takes_more_without_bringing_them_back() {
    let two = Two::start(100).await;
    let mut lease = two.second.acquire("user", "api").await.unwrap();
    two.store(10).await;
    acquire(&two.first).await.unwrap();
    lease.consume("rpm", 2).await.unwrap();
    assert_eq!(two.capacity().await, 10_000);
    lease.commit().await.unwrap();
    assert_eq!(two.capacity().await, 10_000);
}

#[tokio::test]
async fn a_new_process_brings_the_stored_limits() {
    let two = Two::start(100).await;
    let stored = StoredConfig::new([rpm(10)]);
    two.first
        .config()
        .set(ConfigScope::System, stored)
        .await
        .unwrap();
    let third = two.table.limiter(&two.clock).await;
    acquire(&third).await.unwrap();
    assert_eq!(two.capacity().await, 10_000);
}
