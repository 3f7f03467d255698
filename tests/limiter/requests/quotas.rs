//! Quotas: all tokens come back at once, when a period ends, and none before.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::N;
use tollgate::{
    Error, Limit, Limits,
    clock::{Clock, ManualClock},
    error::Invalid,
};

use super::fixture::{Fixture, STACK, START, integer, on_every_limiter, on_table, settings};

/// The first midnight in UTC after [`START`], and the milliseconds until then.
const MIDNIGHT: i64 = 1_900_022_400_000;
const UNTIL_MIDNIGHT: u64 = (MIDNIGHT - START) as u64;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn daily(amount: u64) -> Limit {
    Limit::quota("tokens", amount).daily("UTC").unwrap()
}

fn session(amount: u64) -> Limit {
    let hours = Duration::from_millis(5 * HOUR);
    Limit::quota("tokens", amount).session(hours).unwrap()
}

impl Fixture {
    async fn take(&self, limit: &Limit, amount: u64) -> Result<tollgate::Lease, tollgate::Error> {
        let acquire = self.limiter.acquire("user", "api").limits(limit.clone());
        acquire.cost("tokens", amount).await
    }

    async fn charge(&self, limit: &Limit, amount: u64) {
        let lease = self.take(limit, amount).await.unwrap();
        lease.commit().await.unwrap();
    }

    /// Returns the time that a denied request is told to wait, ms.
    async fn wait(&self, limit: &Limit, amount: u64) -> u128 {
        let error = self.take(limit, amount).await.unwrap_err();
        let denied = error.denied().unwrap_or_else(|| panic!("{error:?}"));
        denied.retry_after().unwrap().as_millis()
    }
}

on_every_limiter!(
    a_day_is_full_again_at_midnight_and_not_before,
    a_denial_states_the_time_until_the_period_ends,
    an_old_day_is_not_carried_over,
    a_debt_ends_with_the_period,
    what_is_given_back_in_the_same_period_counts,
    a_lease_over_midnight_gives_nothing_to_the_new_day,
    a_lease_over_midnight_takes_from_the_new_day,
    a_session_begins_with_its_first_request,
    a_session_that_nobody_begins_does_not_run,
    a_lease_over_the_end_of_a_session_gives_nothing_to_the_next,
    a_quota_stands_beside_a_rate,
    a_bucket_becomes_a_quota_and_back,
    a_larger_quota_adds_nothing_before_the_period_ends,
    the_status_of_a_lease_says_when_the_period_ends,
    the_status_of_a_lease_says_when_a_session_ends_that_began_before,
    a_request_that_costs_nothing_begins_no_session,
    waiting_for_a_quota_grants_no_more_than_the_quota,
);

async fn a_day_is_full_again_at_midnight_and_not_before(at: Fixture) {
    let limit = daily(100);
    at.charge(&limit, 60).await;
    assert_eq!(at.available(&limit).await, 40);
    at.advance(UNTIL_MIDNIGHT - 1);
    assert_eq!(at.available(&limit).await, 40);
    assert!(at.take(&limit, 41).await.is_err());
    at.charge(&limit, 40).await;
    assert!(at.take(&limit, 1).await.is_err());
    at.advance(1);
    assert_eq!(at.available(&limit).await, 100);
    at.charge(&limit, 100).await;
    assert!(at.take(&limit, 1).await.is_err());
    at.advance(DAY - 1);
    assert!(at.take(&limit, 1).await.is_err());
    at.advance(1);
    at.charge(&limit, 100).await;
}

async fn a_denial_states_the_time_until_the_period_ends(at: Fixture) {
    let limit = daily(10);
    at.charge(&limit, 10).await;
    assert_eq!(at.wait(&limit, 1).await, UNTIL_MIDNIGHT.into());
    at.advance(HOUR);
    assert_eq!(at.wait(&limit, 10).await, (UNTIL_MIDNIGHT - HOUR).into());
    assert!(at.take(&limit, 11).await.unwrap_err().denied().is_none());
}

async fn an_old_day_is_not_carried_over(at: Fixture) {
    let limit = daily(10);
    at.charge(&limit, 3).await;
    at.advance(UNTIL_MIDNIGHT + 9 * DAY);
    assert_eq!(at.available(&limit).await, 10);
    at.charge(&limit, 10).await;
    assert_eq!(at.wait(&limit, 1).await, DAY.into());
}

async fn a_debt_ends_with_the_period(at: Fixture) {
    let limit = daily(10);
    let mut lease = at.take(&limit, 5).await.unwrap();
    lease.settle("tokens", 500).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(at.available(&limit).await, -490);
    assert_eq!(at.wait(&limit, 1).await, UNTIL_MIDNIGHT.into());
    at.advance(UNTIL_MIDNIGHT);
    assert_eq!(at.available(&limit).await, 10);
    at.charge(&limit, 10).await;
}

async fn what_is_given_back_in_the_same_period_counts(at: Fixture) {
    let limit = daily(10);
    let mut lease = at.take(&limit, 10).await.unwrap();
    at.advance(HOUR);
    lease.settle("tokens", 4).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(at.available(&limit).await, 6);
    at.charge(&limit, 6).await;
    assert!(at.take(&limit, 1).await.is_err());
}

async fn a_lease_over_midnight_gives_nothing_to_the_new_day(at: Fixture) {
    let limit = daily(10);
    let first = at.take(&limit, 6).await.unwrap();
    let second = at.take(&limit, 4).await.unwrap();
    at.advance(UNTIL_MIDNIGHT);
    // Given back before anybody has charged the new day, and after.
    first.rollback().await.unwrap();
    assert_eq!(at.available(&limit).await, 10);
    at.charge(&limit, 7).await;
    second.rollback().await.unwrap();
    assert_eq!(at.available(&limit).await, 3);
}

async fn a_lease_over_midnight_takes_from_the_new_day(at: Fixture) {
    let limit = daily(10);
    let mut lease = at.take(&limit, 6).await.unwrap();
    at.advance(UNTIL_MIDNIGHT);
    at.charge(&limit, 2).await;
    lease.settle("tokens", 9).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(at.available(&limit).await, 5);
}

async fn a_session_begins_with_its_first_request(at: Fixture) {
    let limit = session(10);
    at.charge(&limit, 4).await;
    at.advance(HOUR);
    at.charge(&limit, 6).await;
    assert_eq!(at.wait(&limit, 1).await, (4 * HOUR).into());
    at.advance(4 * HOUR - 1);
    assert!(at.take(&limit, 1).await.is_err());
    at.advance(1);
    at.charge(&limit, 10).await;
    assert_eq!(at.wait(&limit, 1).await, (5 * HOUR).into());
}

async fn a_session_that_nobody_begins_does_not_run(at: Fixture) {
    let limit = session(10);
    at.charge(&limit, 4).await;
    at.advance(7 * HOUR);
    assert_eq!(at.available(&limit).await, 10);
    at.advance(HOUR);
    at.charge(&limit, 10).await;
    assert_eq!(at.wait(&limit, 1).await, (5 * HOUR).into());
}

async fn a_lease_over_the_end_of_a_session_gives_nothing_to_the_next(at: Fixture) {
    let limit = session(10);
    let lease = at.take(&limit, 10).await.unwrap();
    at.advance(6 * HOUR);
    at.charge(&limit, 7).await;
    lease.rollback().await.unwrap();
    assert_eq!(at.available(&limit).await, 3);
}

async fn a_quota_stands_beside_a_rate(at: Fixture) {
    let limits = [daily(100), Limit::per_minute("rpm", 60)];
    let ask = || at.limiter.acquire("user", "api").limits(limits.clone());
    ask()
        .cost("tokens", 70)
        .cost("rpm", 30)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    at.advance(60_000);
    let available = at
        .limiter
        .available("user", "api")
        .limits(limits.clone())
        .await
        .unwrap();
    let left = |name| available.get(name).unwrap().available;
    assert_eq!((left("tokens"), left("rpm")), (30, 60));
    assert!(ask().cost("tokens", 31).await.is_err());
    at.advance(UNTIL_MIDNIGHT - 60_000);
    ask()
        .cost("tokens", 100)
        .cost("rpm", 60)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    at.advance(30_000);
    let denied = ask().cost("tokens", 0).cost("rpm", 31).await.unwrap_err();
    assert_eq!(
        denied.denied().unwrap().retry_after().unwrap().as_millis(),
        1000
    );
}

async fn a_bucket_becomes_a_quota_and_back(at: Fixture) {
    let (rate, quota) = (Limit::per_hour("tokens", 100), daily(80));
    at.charge(&rate, 70).await;
    // No tokens are created by the change.
    at.charge(&quota, 30).await;
    assert_eq!(at.available(&quota).await, 0);
    at.advance(HOUR);
    assert_eq!(at.available(&quota).await, 0);
    at.advance(UNTIL_MIDNIGHT - HOUR);
    at.charge(&quota, 75).await;
    // Each change moves the bucket's refill time by a millisecond at least.
    at.charge(&rate, 5).await;
    at.advance(HOUR / 2 + 1);
    assert_eq!(at.available(&rate).await, 50);
}

async fn a_larger_quota_adds_nothing_before_the_period_ends(at: Fixture) {
    at.charge(&daily(10), 10).await;
    let larger = daily(50);
    assert!(at.take(&larger, 1).await.is_err());
    at.advance(UNTIL_MIDNIGHT);
    at.charge(&larger, 50).await;
    at.charge(&daily(50), 0).await;
    assert!(at.take(&larger, 1).await.is_err());
}

async fn the_status_of_a_lease_says_when_the_period_ends(at: Fixture) {
    let lease = at.take(&daily(10), 4).await.unwrap();
    let status = lease.statuses().remove(0);
    assert_eq!((status.available, status.limit.capacity()), (6, 10));
    assert_eq!(status.reset_after.as_millis(), UNTIL_MIDNIGHT.into());
}

/// A lease stated the whole length of the session.
async fn the_status_of_a_lease_says_when_a_session_ends_that_began_before(at: Fixture) {
    let limit = session(10);
    at.charge(&limit, 1).await;
    at.advance(2 * HOUR);
    let status = at.take(&limit, 1).await.unwrap().statuses().remove(0);
    assert_eq!(status.reset_after.as_millis(), (3 * HOUR).into());
}

/// The request that created the bucket began its session.
async fn a_request_that_costs_nothing_begins_no_session(at: Fixture) {
    let limits = [session(10), Limit::per_minute("rpm", 60)];
    let ask = || at.limiter.acquire("user", "api").limits(limits.clone());
    let free = ask().cost("tokens", 0).cost("rpm", 1);
    free.await.unwrap().commit().await.unwrap();
    at.advance(2 * HOUR);
    let charged = ask().cost("tokens", 10).cost("rpm", 1);
    charged.await.unwrap().commit().await.unwrap();
    let denied = ask().cost("tokens", 1).cost("rpm", 0).await.unwrap_err();
    let wait = denied.denied().unwrap().retry_after().unwrap();
    assert_eq!(wait.as_millis(), (5 * HOUR).into());
}

/// A debt without a bound: all of them were granted at once.
async fn waiting_for_a_quota_grants_no_more_than_the_quota(at: Fixture) {
    for (entity, limit) in [("daily", daily(10)), ("session", session(10))] {
        let mut granted = 0;
        for _ in 0..5 {
            let acquire = at.limiter.acquire(entity, "api").limits(limit.clone());
            let acquire = acquire.cost("tokens", 10).until_ready(Duration::MAX);
            let wait = tokio::time::timeout(Duration::from_millis(300), acquire.into_future());
            if let Ok(Ok(lease)) = wait.await {
                lease.commit().await.unwrap();
                granted += 1;
            }
        }
        assert_eq!(granted, 1, "{entity}");
    }
}

/// A quota that was added to a bucket with several shards made all of its limits unusable.
#[tokio::test]
async fn a_bucket_of_several_shards_gets_no_quota() {
    let (table, clock, limiter) = on_table(|settings| settings).await;
    let rate = Limit::per_minute("rpm", 600);
    let with_quota = [rate.clone(), daily(100)];
    let ask = |limits: Limits| {
        let acquire = limiter.acquire("user", "api").limits(limits);
        acquire.cost("rpm", 1)
    };
    ask(rate.clone().into())
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert!(table.split("user", "api", 1).await);
    for _ in 0..3 {
        clock.advance(Duration::from_secs(2));
        let quota = Limits::new(with_quota.clone()).unwrap();
        match ask(quota).cost("tokens", 1).await.unwrap_err() {
            Error::Invalid(Invalid::NotUnderstood(named)) => assert_eq!(named, "b_tokens_gc"),
            error => panic!("{error}"),
        }
        ask(rate.clone().into())
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    }
}

/// A clock that is known to be right to a second.
#[derive(Debug)]
struct Right(ManualClock);

impl Clock for Right {
    fn now(&self) -> i64 {
        self.0.now()
    }

    fn error(&self) -> Option<i64> {
        Some(1000)
    }
}

/// The time until which others may spend was the end of the day after tomorrow.
#[tokio::test]
async fn a_repaired_anchor_gets_the_end_of_today() {
    let (table, clock, limiter) = on_table(|settings| settings).await;
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(daily(100))
            .cost("tokens", 1)
    };
    ask().await.unwrap().commit().await.unwrap();
    let tomorrow = START + i64::try_from(DAY).unwrap();
    let mut item = table.item("user", "api").await.unwrap();
    item.insert("rf".into(), N(tomorrow.to_string()));
    item.insert("vu".into(), N((MIDNIGHT + tomorrow - START).to_string()));
    let put = table.engine.client().put_item().table_name(STACK);
    put.set_item(Some(item)).send().await.unwrap();
    let again = table
        .limiter(settings(&clock).clock(Right(clock.clone())))
        .await;
    let acquire = again
        .acquire("user", "api")
        .limits(daily(100))
        .cost("tokens", 1);
    acquire.await.unwrap().commit().await.unwrap();
    let item = table.item("user", "api").await.unwrap();
    assert!(integer(&item, "rf") < START + 60_000);
    assert_eq!(integer(&item, "vu"), MIDNIGHT);
}
