//! Quotas: all tokens come back at once, when a period ends, and none before.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::N;
use tollgate::{
    Error, Limit,
    clock::{Clock, ManualClock},
    error::Invalid,
    model::{Calendar, InvalidLimits, ResetSchedule},
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
    a_larger_session_adds_nothing_before_it_ends,
    a_bucket_that_becomes_a_session_gets_no_tokens,
    a_period_that_begins_with_another_amount_has_all_of_it,
    a_lease_of_another_calendar_gives_nothing_back,
    what_a_lease_has_consumed_in_this_period_comes_back,
    the_deepest_debt_ends_with_the_period,
    a_bucket_with_a_calendar_gets_a_rate,
    a_lease_with_old_limits_asks_for_more_of_the_new_ones,
    a_bucket_outlives_the_longest_period,
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

/// In memory, the session was over at once.
async fn a_larger_session_adds_nothing_before_it_ends(at: Fixture) {
    at.charge(&session(10), 10).await;
    at.advance(HOUR);
    for _ in 0..2 {
        assert_eq!(at.wait(&session(50), 1).await, (4 * HOUR).into());
    }
    at.advance(1);
    assert_eq!(at.wait(&session(50), 50).await, (4 * HOUR - 1).into());
    at.advance(4 * HOUR);
    at.charge(&session(50), 50).await;
}

/// In memory, the tokens came back a millisecond later.
async fn a_bucket_that_becomes_a_session_gets_no_tokens(at: Fixture) {
    for before in [Limit::per_hour("tokens", 10), daily(10)] {
        at.charge(&before, 10).await;
        for _ in 0..3 {
            at.advance(2);
            assert!(at.take(&session(10), 1).await.is_err());
        }
        at.advance(2 * DAY);
        at.charge(&session(10), 10).await;
        at.advance(2 * DAY);
    }
}

/// The first request of the period brought the amount, and the period began with the old one.
async fn a_period_that_begins_with_another_amount_has_all_of_it(at: Fixture) {
    at.charge(&daily(10), 10).await;
    at.advance(UNTIL_MIDNIGHT);
    assert_eq!(at.available(&daily(50)).await, 50);
    at.charge(&daily(50), 50).await;
    assert!(at.take(&daily(50), 1).await.is_err());
    at.advance(DAY);
    at.charge(&daily(20), 20).await;
    assert!(at.take(&daily(20), 1).await.is_err());
    at.charge(&session(20), 0).await;
    at.advance(DAY);
    at.charge(&session(30), 30).await;
}

/// The last hour of a day ends with the day.
async fn a_lease_of_another_calendar_gives_nothing_back(at: Fixture) {
    let hourly = Limit::quota("tokens", 10).calendar("0 * * * *", "UTC");
    let hourly = hourly.unwrap();
    let lease = at.take(&daily(10), 10).await.unwrap();
    at.advance(1);
    at.charge(&hourly, 0).await;
    at.advance(UNTIL_MIDNIGHT - HOUR / 2);
    at.charge(&hourly, 10).await;
    lease.rollback().await.unwrap();
    assert_eq!(at.available(&hourly).await, 0);
    assert!(at.take(&hourly, 1).await.is_err());
}

/// The lease was acquired in the period before, but was charged nothing then.
async fn what_a_lease_has_consumed_in_this_period_comes_back(at: Fixture) {
    for limit in [daily(10), session(10)] {
        let mut lease = at.take(&limit, 0).await.unwrap();
        at.advance(2 * DAY);
        lease.consume("tokens", 6).await.unwrap();
        at.advance(HOUR);
        lease.rollback().await.unwrap();
        assert_eq!(at.available(&limit).await, 10);
        at.advance(2 * DAY);
    }
}

/// Over a store, the next period could not begin.
async fn the_deepest_debt_ends_with_the_period(at: Fixture) {
    let limit = daily(999_999_999_999_999);
    for _ in 0..6 {
        let mut lease = at.take(&limit, 0).await.unwrap();
        lease.settle("tokens", u64::MAX).unwrap();
        lease.commit().await.unwrap();
    }
    assert!(at.available(&limit).await < -4_000_000_000_000_000);
    at.advance(UNTIL_MIDNIGHT);
    at.charge(&limit, 999_999_999_999_999).await;
    assert_eq!(at.available(&limit).await, 0);
}

/// The calendar counted for the rate too, and the item was not understood any more.
async fn a_bucket_with_a_calendar_gets_a_rate(at: Fixture) {
    let other = at.another().await;
    at.charge(&daily(10), 3).await;
    let limits = [daily(10), Limit::per_minute("rpm", 60)];
    for limiter in [&at.limiter, &other, &at.limiter] {
        at.advance(2);
        let acquire = limiter.acquire("user", "api").limits(limits.clone());
        let lease = acquire.cost("tokens", 2).cost("rpm", 1).await.unwrap();
        lease.commit().await.unwrap();
    }
    assert_eq!(at.available(&daily(10)).await, 1);
}

/// In memory, the bucket got the old limits back, and refilled.
async fn a_lease_with_old_limits_asks_for_more_of_the_new_ones(at: Fixture) {
    let mut lease = at.take(&Limit::per_hour("tokens", 10), 1).await.unwrap();
    at.charge(&daily(10), 8).await;
    at.advance(2);
    assert!(lease.consume("tokens", 2).await.is_err());
    at.advance(2 * HOUR);
    assert!(lease.consume("tokens", 2).await.is_err());
    assert_eq!(at.available(&daily(10)).await, 1);
}

/// These periods have up to 14 months. A bucket expired after 7, and was full again.
async fn a_bucket_outlives_the_longest_period(at: Fixture) {
    let rare = Limit::quota("tokens", 10).calendar("0 0 */31 * 5", "UTC");
    let rare = rare.unwrap();
    let [begin, end] = RARE;
    at.clock.set(begin - 1);
    at.charge(&rare, 1).await;
    at.clock.set(begin);
    at.charge(&rare, 10).await;
    at.clock.set(end - 1);
    assert_eq!(at.wait(&rare, 1).await, 1);
    at.clock.set(end);
    at.charge(&rare, 10).await;
}

/// The 2031-08-01 and the 2032-10-01: Fridays that begin a month, and none is between them.
const RARE: [i64; 2] = [1_943_308_800_000, 1_980_201_600_000];

/// Some periods ended never, and others a year late.
#[test]
fn the_periods_of_rare_expressions_end() {
    let end = |crons: &[&str], time| {
        let schedule = ResetSchedule::new(crons.iter().copied(), "UTC").unwrap();
        Calendar::new(schedule).end_after(time)
    };
    let [begin, friday] = RARE;
    assert_eq!(end(&["0 0 */31 * 5"], begin), friday);
    // 45 days before that Friday, the year's end is in sight, and the Friday is not.
    let time = friday - 45 * 86_400_000;
    assert_eq!(end(&["0 0 */31 * 5", "0 0 31 12 *"], time), friday);
    // Sundays that are the 29th of February, in 2032 and 2060.
    assert_eq!(end(&["0 0 29 2 */7"], START), 1_961_625_600_000);
    assert_eq!(end(&["0 0 29 2 */7"], 1_961_625_600_000), 2_845_238_400_000);
}

/// Tokens above the amount were not shown, and got lost if the amount changed.
#[tokio::test]
async fn what_an_operator_has_added_is_available() {
    let (table, clock, limiter) = on_table(|settings| settings).await;
    let ask = |amount| {
        let acquire = limiter.acquire("user", "api").limits(daily(100));
        acquire.cost("tokens", amount)
    };
    ask(30).await.unwrap().commit().await.unwrap();
    let mut item = table.item("user", "api").await.unwrap();
    for (name, value) in [("b_tokens_tk", 120_000), ("b_tokens_tu", 50_000), ("vu", 0)] {
        item.insert(name.into(), N(value.to_string()));
    }
    let put = table.engine.client().put_item().table_name(STACK);
    put.set_item(Some(item)).send().await.unwrap();
    let other = table.limiter(settings(&clock)).await;
    let left = async |limit: Limit| {
        let available = other.available("user", "api").limits(limit);
        available.await.unwrap().get("tokens").unwrap().available
    };
    assert_eq!(left(daily(100)).await, 120);
    // A cost above the amount fits as long as what was added is there.
    let ask = |amount| {
        let acquire = other.acquire("user", "api").limits(daily(100));
        acquire.cost("tokens", amount)
    };
    ask(0).await.unwrap().commit().await.unwrap();
    let lease = ask(110).await.unwrap();
    assert_eq!(lease.statuses()[0].available, 10);
    lease.rollback().await.unwrap();
    assert!(matches!(
        ask(151).await.unwrap_err(),
        Error::ExceedsCapacity(_)
    ));
    let acquire = other.acquire("user", "api").limits(daily(110));
    let lease = acquire.cost("tokens", 0).await.unwrap();
    lease.commit().await.unwrap();
    assert_eq!(left(daily(110)).await, 120);
    clock.advance(Duration::from_millis(UNTIL_MIDNIGHT));
    assert_eq!(left(daily(110)).await, 110);
    assert!(matches!(
        ask(111).await.unwrap_err(),
        Error::ExceedsCapacity(_)
    ));
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

/// An item has one time zone. The second calendar had moved the first one's edges.
#[tokio::test]
async fn a_bucket_has_calendars_in_one_time_zone() {
    let (_table, clock, limiter) = on_table(|settings| settings).await;
    let ask = |name: &'static str, zone: &str| {
        let limit = Limit::quota(name, 10).daily(zone).unwrap();
        limiter.acquire("user", "api").limits(limit).cost(name, 1)
    };
    ask("a", "Asia/Kolkata")
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    for _ in 0..2 {
        clock.advance(Duration::from_secs(2));
        match ask("b", "UTC").await.unwrap_err() {
            Error::Invalid(Invalid::Limits(invalid)) => assert_eq!(
                invalid,
                InvalidLimits::Zones("Asia/Kolkata".into(), "UTC".into())
            ),
            error => panic!("{error}"),
        }
        ask("a", "Asia/Kolkata")
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    }
    ask("b", "Asia/Kolkata")
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
}

/// A request that waits was denied at once, although the period ended before its deadline.
#[tokio::test]
async fn a_request_waits_until_the_period_ends_if_that_is_before_its_deadline() {
    let store = std::sync::Arc::new(tollgate::store::MemoryStore::new());
    for limiter in [
        tollgate::RateLimiter::memory(),
        tollgate::RateLimiter::builder()
            .build_shared(store)
            .unwrap(),
    ] {
        let second = Duration::from_secs(1);
        let limit = Limit::quota("tokens", 2).session(second).unwrap();
        let ask = |amount| {
            let acquire = limiter.acquire("user", "api").limits(limit.clone());
            acquire.cost("tokens", amount)
        };
        ask(2).await.unwrap().commit().await.unwrap();
        let begun = std::time::Instant::now();
        let denied = ask(1).until_ready(second / 4).await.unwrap_err();
        assert!(denied.denied().is_some(), "{denied:?}");
        assert!(begun.elapsed() < second / 2);
        let lease = ask(1).until_ready(5 * second).await.unwrap();
        assert!(begun.elapsed() > second / 2);
        lease.commit().await.unwrap();
        ask(1).await.unwrap().commit().await.unwrap();
        assert!(ask(1).await.unwrap_err().denied().is_some());
    }
}
