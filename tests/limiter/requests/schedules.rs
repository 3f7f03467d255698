//! Limits whose numbers follow a schedule: no request is decided by the numbers of another time.

use std::time::Duration;

use tollgate::{
    Error, Limit,
    clock::Clock,
    model::{InvalidLimit, ResetSchedule, Schedule, ScheduleEntry},
};

use super::fixture::{Fixture, START, on_every_limiter, on_table, settings};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The first midnight in UTC after [`START`].
const MIDNIGHT: i64 = 1_900_022_400_000;
/// The last Sunday of March 2030, 00:00 in UTC. At 01:00 in UTC, clocks in Berlin skip the hour
/// from 2 to 3.
const GAP: i64 = MIDNIGHT + 13 * DAY as i64;
/// The last Sunday of October 2030, 00:00 in UTC. Clocks in Berlin repeat the hour from 2 to 3.
const FOLD: i64 = GAP + 210 * DAY as i64;

fn with(limit: Limit, entries: impl IntoIterator<Item = ScheduleEntry>, zone: &str) -> Limit {
    let schedule = Schedule::new(entries, zone).unwrap();
    limit.with_schedule(schedule).unwrap()
}

/// Returns a limit of 60 per hour with bursts of 100, and of half of that from 0:00 to 5:59.
fn halved_at_night() -> Limit {
    let night = ScheduleEntry::scaled("* 0-5 * * *", 0.5).unwrap();
    with(plain(), [night], "UTC")
}

fn plain() -> Limit {
    Limit::per_hour("tokens", 60).with_burst(100)
}

impl Fixture {
    async fn lease(&self, limit: &Limit, amount: u64) -> Result<tollgate::Lease, tollgate::Error> {
        let acquire = self.limiter.acquire("user", "api").limits(limit.clone());
        acquire.cost("tokens", amount).await
    }

    async fn pay(&self, limit: &Limit, amount: u64) {
        let lease = self.lease(limit, amount).await.unwrap();
        lease.commit().await.unwrap();
    }

    async fn is_denied(&self, limit: &Limit, amount: u64) -> bool {
        match self.lease(limit, amount).await {
            Ok(lease) => {
                lease.rollback().await.unwrap();
                false
            }
            Err(error) => {
                assert!(error.denied().is_some(), "{error:?}");
                true
            }
        }
    }

    /// Returns the time that a denied request is told to wait, ms.
    async fn told(&self, limit: &Limit, amount: u64) -> u64 {
        let error = self.lease(limit, amount).await.unwrap_err();
        let denied = error.denied().unwrap_or_else(|| panic!("{error:?}"));
        u64::try_from(denied.retry_after().unwrap().as_millis()).unwrap()
    }

    fn advance_to(&self, time: i64) {
        self.advance(u64::try_from(time - self.clock.now()).unwrap());
    }
}

on_every_limiter!(
    a_full_bucket_shrinks_when_the_night_begins,
    a_bucket_that_grows_gets_no_tokens_at_once,
    the_refill_before_a_change_is_by_the_old_numbers,
    the_refill_of_several_windows_is_the_sum_of_all,
    a_change_is_obeyed_to_the_millisecond_under_load,
    a_denial_states_the_time_over_a_change,
    a_cost_above_the_scaled_capacity_is_denied_until_the_capacity_is_back,
    a_cost_above_a_capacity_that_is_lowered_at_all_times_is_never_granted,
    a_status_has_the_numbers_of_now,
    what_is_given_back_over_a_change_stays_below_the_new_capacity,
    numbers_may_be_replaced_one_by_one,
    the_first_entry_that_matches_wins,
    a_bucket_gets_a_schedule_and_loses_it,
    a_schedule_beside_a_plain_limit,
    a_quota_with_a_schedule_begins_its_period_with_the_amount_of_that_time,
    a_local_hour_that_is_skipped_never_comes,
    a_local_hour_that_is_repeated_comes_twice,
    a_request_waits_over_a_change,
    a_bucket_in_debt_recovers_by_the_rates_of_the_windows,
);

async fn a_full_bucket_shrinks_when_the_night_begins(at: Fixture) {
    let limit = halved_at_night();
    at.pay(&limit, 1).await;
    at.advance_to(MIDNIGHT - 1);
    assert_eq!(at.available(&limit).await, 100);
    at.advance(1);
    assert_eq!(at.available(&limit).await, 50);
    assert!(at.is_denied(&limit, 51).await);
    at.pay(&limit, 50).await;
    assert!(at.is_denied(&limit, 1).await);
    // The night has half the rate: a token in two minutes.
    at.advance(2 * MINUTE);
    assert_eq!(at.available(&limit).await, 1);
}

async fn a_bucket_that_grows_gets_no_tokens_at_once(at: Fixture) {
    let limit = halved_at_night();
    at.advance_to(MIDNIGHT);
    at.pay(&limit, 10).await;
    at.advance(6 * HOUR - 1);
    assert_eq!(at.available(&limit).await, 50);
    at.advance(1);
    assert_eq!(at.available(&limit).await, 50);
    assert!(at.is_denied(&limit, 51).await);
    at.advance(10 * MINUTE);
    at.pay(&limit, 60).await;
    assert!(at.is_denied(&limit, 1).await);
    at.advance(100 * MINUTE);
    assert_eq!(at.available(&limit).await, 100);
}

async fn the_refill_before_a_change_is_by_the_old_numbers(at: Fixture) {
    let limit = halved_at_night();
    at.advance_to(MIDNIGHT - 30 * MINUTE as i64);
    at.pay(&limit, 100).await;
    at.advance(50 * MINUTE);
    // 30 in the 30 minutes before midnight, and 10 in the 20 minutes after it.
    assert_eq!(at.available(&limit).await, 40);
    at.pay(&limit, 40).await;
    assert!(at.is_denied(&limit, 1).await);
}

async fn the_refill_of_several_windows_is_the_sum_of_all(at: Fixture) {
    // A million per hour, and nothing to speak of in every other hour.
    let still = ScheduleEntry::scaled("* */2 * * *", 0.001).unwrap();
    let limit = with(
        Limit::per_hour("tokens", 60).with_burst(1_000_000),
        [still],
        "UTC",
    );
    at.advance_to(MIDNIGHT + HOUR as i64);
    at.pay(&limit, 1_000_000).await;
    // An hour of 60, and one of 0.06.
    at.advance(2 * HOUR);
    assert_eq!(at.available(&limit).await, 60);
    at.advance(4 * HOUR);
    assert_eq!(at.available(&limit).await, 180);
    at.pay(&limit, 180).await;
    assert!(at.is_denied(&limit, 1).await);
}

async fn a_change_is_obeyed_to_the_millisecond_under_load(at: Fixture) {
    let limit = halved_at_night();
    at.advance_to(MIDNIGHT - HOUR as i64);
    at.pay(&limit, 100).await;
    // All that is refilled is asked for, every minute, and once in the last millisecond.
    for _ in 0..59 {
        at.advance(MINUTE);
        at.pay(&limit, 1).await;
        assert!(at.is_denied(&limit, 1).await);
    }
    at.advance(MINUTE - 1);
    assert!(at.is_denied(&limit, 1).await);
    at.advance(1);
    at.pay(&limit, 1).await;
    for _ in 0..30 {
        at.advance(MINUTE);
        assert!(at.is_denied(&limit, 1).await);
        at.advance(MINUTE);
        at.pay(&limit, 1).await;
        assert!(at.is_denied(&limit, 1).await);
    }
}

async fn a_denial_states_the_time_over_a_change(at: Fixture) {
    let limit = halved_at_night();
    at.advance_to(MIDNIGHT - 10 * MINUTE as i64);
    at.pay(&limit, 100).await;
    // 10 minutes at one a minute, and 20 at half of it.
    let wait = at.told(&limit, 20).await;
    assert_eq!(wait, 30 * MINUTE);
    at.advance(wait - 1);
    assert!(at.is_denied(&limit, 20).await);
    at.advance(1);
    at.pay(&limit, 20).await;
}

async fn a_cost_above_the_scaled_capacity_is_denied_until_the_capacity_is_back(at: Fixture) {
    let limit = halved_at_night();
    at.advance_to(MIDNIGHT);
    // There is no bucket yet.
    let wait = at.told(&limit, 51).await;
    assert_eq!(wait, 6 * HOUR + MINUTE);
    at.pay(&limit, 0).await;
    assert_eq!(at.told(&limit, 51).await, wait);
    assert!(at.lease(&limit, 101).await.unwrap_err().denied().is_none());
    at.advance(wait - 1);
    assert!(at.is_denied(&limit, 51).await);
    at.advance(1);
    at.pay(&limit, 51).await;
}

/// Once such a request was told to wait for 64 years, or for the 64 windows that are looked at.
async fn a_cost_above_a_capacity_that_is_lowered_at_all_times_is_never_granted(at: Fixture) {
    for crons in [&["* * * * *"][..], &["* 0-5 * * *", "* 6-23 * * *"]] {
        let entries = crons.iter().map(|cron| ScheduleEntry::scaled(cron, 0.5));
        let limit = with(plain(), entries.map(Result::unwrap), "UTC");
        let error = at.lease(&limit, 51).await.unwrap_err();
        let Error::ExceedsCapacity(exceeded) = &error else {
            panic!("{crons:?}: {error:?}");
        };
        assert_eq!(
            (exceeded.requested, exceeded.capacity),
            (51, 50),
            "{crons:?}"
        );
        at.lease(&limit, 50)
            .await
            .unwrap()
            .rollback()
            .await
            .unwrap();
    }
}

async fn a_status_has_the_numbers_of_now(at: Fixture) {
    let limit = halved_at_night();
    let numbers = async || {
        let lease = at.lease(&limit, 0).await.unwrap();
        let status = &lease.statuses()[0];
        let numbers = (status.limit.capacity(), status.limit.refill_amount());
        let available = at.limiter.available("user", "api").limits(limit.clone());
        let other = available
            .await
            .unwrap()
            .get("tokens")
            .unwrap()
            .limit
            .capacity();
        assert_eq!(other, numbers.0);
        lease.commit().await.unwrap();
        numbers
    };
    assert_eq!(numbers().await, (100, 60));
    at.advance_to(MIDNIGHT);
    assert_eq!(numbers().await, (50, 30));
    at.advance(6 * HOUR);
    assert_eq!(numbers().await, (100, 60));
}

async fn what_is_given_back_over_a_change_stays_below_the_new_capacity(at: Fixture) {
    let limit = halved_at_night();
    at.advance_to(MIDNIGHT - 1);
    let lease = at.lease(&limit, 100).await.unwrap();
    at.advance(1);
    lease.rollback().await.unwrap();
    assert_eq!(at.available(&limit).await, 50);
    at.pay(&limit, 50).await;
    assert!(at.is_denied(&limit, 1).await);
}

async fn numbers_may_be_replaced_one_by_one(at: Fixture) {
    let minute = Duration::from_secs(60);
    let entries = [
        ScheduleEntry::replaced("* 0 * * *", Some(10), None, None).unwrap(),
        ScheduleEntry::replaced("* 1 * * *", None, Some(600), None).unwrap(),
        ScheduleEntry::replaced("* 2 * * *", None, None, Some(minute)).unwrap(),
    ];
    let limit = with(plain(), entries, "UTC");
    at.advance_to(MIDNIGHT);
    at.pay(&limit, 10).await;
    at.advance(5 * MINUTE);
    assert_eq!(at.available(&limit).await, 5);
    at.advance(55 * MINUTE);
    assert_eq!(at.available(&limit).await, 10);
    at.advance(MINUTE);
    assert_eq!(at.available(&limit).await, 20);
    at.advance(59 * MINUTE);
    at.pay(&limit, 100).await;
    at.advance(MINUTE);
    assert_eq!(at.available(&limit).await, 60);
}

async fn the_first_entry_that_matches_wins(at: Fixture) {
    let entries = [
        ScheduleEntry::scaled("* 0 * * *", 0.1).unwrap(),
        ScheduleEntry::scaled("* 0-5 * * *", 2.0).unwrap(),
    ];
    let limit = with(plain(), entries, "UTC");
    at.advance_to(MIDNIGHT);
    assert_eq!(at.available(&limit).await, 10);
    at.pay(&limit, 10).await;
    at.advance(HOUR);
    assert_eq!(at.available(&limit).await, 6);
    at.advance(3 * HOUR);
    at.pay(&limit, 200).await;
    assert!(at.is_denied(&limit, 1).await);
}

async fn a_bucket_gets_a_schedule_and_loses_it(at: Fixture) {
    at.advance_to(MIDNIGHT);
    at.pay(&plain(), 20).await;
    let limit = halved_at_night();
    assert_eq!(at.available(&limit).await, 50);
    at.pay(&limit, 30).await;
    assert_eq!(at.available(&limit).await, 20);
    // Each change moves the bucket's refill time by a millisecond at least.
    at.advance(2 * MINUTE + 2);
    at.pay(&limit, 21).await;
    at.pay(&plain(), 0).await;
    at.advance(MINUTE + 2);
    at.pay(&plain(), 1).await;
    at.advance(6 * HOUR);
    assert_eq!(at.available(&plain()).await, 100);
}

async fn a_schedule_beside_a_plain_limit(at: Fixture) {
    let other = Limit::per_minute("other", 60);
    let limits = [halved_at_night(), other];
    let ask = || at.limiter.acquire("user", "api").limits(limits.clone());
    let pay = async |tokens: u64, others: u64| {
        let lease = ask().cost("tokens", tokens).cost("other", others).await;
        lease.map(|lease| lease.commit())
    };
    pay(100, 60).await.unwrap().await.unwrap();
    at.advance_to(MIDNIGHT);
    pay(0, 60).await.unwrap().await.unwrap();
    assert!(pay(51, 0).await.is_err());
    at.advance(MINUTE);
    pay(50, 60).await.unwrap().await.unwrap();
    assert!(pay(0, 1).await.is_err());
}

async fn a_quota_with_a_schedule_begins_its_period_with_the_amount_of_that_time(at: Fixture) {
    let weekend = ScheduleEntry::scaled("* * * * 6-7", 0.5).unwrap();
    let daily = || Limit::quota("tokens", 100).daily("UTC").unwrap();
    let limit = with(daily(), [weekend], "UTC");
    // A Sunday evening.
    assert_eq!(at.available(&limit).await, 50);
    at.pay(&limit, 20).await;
    assert_eq!(at.told(&limit, 31).await, (MIDNIGHT - START) as u64);
    at.advance_to(MIDNIGHT);
    at.pay(&limit, 100).await;
    assert_eq!(at.told(&limit, 1).await, DAY);
    // Friday night: what is above the amount of the weekend is gone, with the period.
    at.advance(4 * DAY);
    at.pay(&limit, 10).await;
    at.advance(DAY);
    assert_eq!(at.available(&limit).await, 50);
    // No weekend has so much: the next weekday has.
    assert_eq!(at.told(&limit, 51).await, 2 * DAY);

    let other = Schedule::new(
        [ScheduleEntry::scaled("* 1 * * *", 0.5).unwrap()],
        "Asia/Tokyo",
    );
    assert_eq!(
        daily().with_schedule(other.unwrap()),
        Err(InvalidLimit::Zones)
    );
}

async fn a_local_hour_that_is_skipped_never_comes(at: Fixture) {
    let two = ScheduleEntry::scaled("* 2 * * *", 0.1).unwrap();
    let limit = with(plain(), [two], "Europe/Berlin");
    // The day before: from 1:00 to 2:00 in UTC.
    at.advance_to(GAP - DAY as i64);
    at.pay(&limit, 0).await;
    at.advance(HOUR);
    assert_eq!(at.available(&limit).await, 10);
    at.advance(HOUR);
    at.pay(&limit, 5).await;
    at.advance_to(GAP);
    assert_eq!(at.available(&limit).await, 100);
    for _ in 0..4 {
        at.advance(HOUR / 2);
        assert_eq!(at.available(&limit).await, 100);
    }
    // The day after, local time is two hours ahead.
    at.advance_to(GAP + DAY as i64);
    assert_eq!(at.available(&limit).await, 10);
}

async fn a_local_hour_that_is_repeated_comes_twice(at: Fixture) {
    let two = ScheduleEntry::scaled("* 2 * * *", 0.1).unwrap();
    let limit = with(plain(), [two], "Europe/Berlin");
    at.advance_to(FOLD - 1);
    at.pay(&limit, 0).await;
    assert_eq!(at.available(&limit).await, 100);
    at.advance(1);
    assert_eq!(at.available(&limit).await, 10);
    at.advance(2 * HOUR - 1);
    assert_eq!(at.available(&limit).await, 10);
    assert_eq!(at.told(&limit, 11).await, 1 + MINUTE);
    at.advance(1 + MINUTE);
    at.pay(&limit, 11).await;
}

async fn a_request_waits_over_a_change(at: Fixture) {
    let limit = halved_at_night();
    at.advance_to(MIDNIGHT - 10 * MINUTE as i64);
    at.pay(&limit, 100).await;
    let ask = |amount| {
        let acquire = at.limiter.acquire("user", "api").limits(limit.clone());
        acquire.cost("tokens", amount)
    };
    // In half an hour there are 20.
    let half_an_hour = Duration::from_millis(30 * MINUTE);
    let denied = ask(21).until_ready(half_an_hour).await.unwrap_err();
    assert!(denied.denied().is_some(), "{denied:?}");
    // It waits by the real time, which the test does not.
    let waiting = ask(20).until_ready(half_an_hour).into_future();
    let waiting = tokio::time::timeout(Duration::from_millis(50), waiting);
    assert!(waiting.await.is_err());
}

async fn a_bucket_in_debt_recovers_by_the_rates_of_the_windows(at: Fixture) {
    let limit = halved_at_night();
    at.advance_to(MIDNIGHT - 10 * MINUTE as i64);
    let mut lease = at.lease(&limit, 100).await.unwrap();
    lease.settle("tokens", 500).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(at.available(&limit).await, -400);
    // 10 before midnight, 180 in the night, and the rest of 400 at one a minute.
    let wait = 10 * MINUTE + 6 * HOUR + 210 * MINUTE;
    assert_eq!(at.told(&limit, 1).await, wait + MINUTE);
    at.advance(wait + MINUTE);
    at.pay(&limit, 1).await;
    assert!(at.is_denied(&limit, 1).await);
}

/// Two processes: one has an image from before the change, and the other has changed the numbers.
#[tokio::test]
async fn a_stale_image_is_not_granted_from_after_a_change() {
    let at = Fixture::dynamodb().await;
    let limit = halved_at_night();
    at.advance_to(MIDNIGHT - 1);
    at.pay(&limit, 1).await;
    let other = at.another().await;
    at.advance(1);
    let ask = |limiter: &tollgate::RateLimiter, amount| {
        let acquire = limiter.acquire("user", "api").limits(limit.clone());
        acquire.cost("tokens", amount)
    };
    let lease = ask(&other, 50).await.unwrap();
    lease.commit().await.unwrap();
    assert!(ask(&at.limiter, 1).await.is_err());
    assert!(ask(&other, 1).await.is_err());
}

/// QUOTAS.md: the fast write is valid only while now < vu.
#[tokio::test]
async fn the_item_says_when_its_numbers_change() {
    let (table, clock, limiter) = on_table(|settings| settings).await;
    let limit = halved_at_night();
    let pay = async || {
        let acquire = limiter.acquire("user", "api").limits(limit.clone());
        acquire
            .cost("tokens", 1)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        table.item("user", "api").await.unwrap()
    };
    let number =
        |item: &std::collections::HashMap<_, aws_sdk_dynamodb::types::AttributeValue>,
         name: &str| { item[name].as_n().unwrap().parse::<i64>().unwrap() };
    let item = pay().await;
    assert_eq!(number(&item, "vu"), MIDNIGHT);
    assert_eq!(item["sched"].as_s().unwrap(), "1h0-5s500");
    assert_eq!(item["sched_tz"].as_s().unwrap(), "UTC");
    let anchor = number(&item, "rf");
    clock.advance(Duration::from_millis(
        u64::try_from(MIDNIGHT - clock.now()).unwrap(),
    ));
    let item = pay().await;
    assert!(number(&item, "rf") > anchor);
    assert_eq!(number(&item, "vu"), MIDNIGHT + 6 * HOUR as i64);
    // The numbers on the item stay the limit's own.
    assert_eq!(number(&item, "b_tokens_cp"), 100_000);
    assert_eq!(number(&item, "b_tokens_tk"), 49_000);
}

#[tokio::test]
async fn the_shards_of_a_bucket_shrink_and_grow_together() {
    let (table, clock, limiter) = on_table(|settings| settings).await;
    let limit = halved_at_night();
    let first = limiter.acquire("user", "api").limits(limit.clone());
    let lease = first.cost("tokens", 0).await.unwrap();
    lease.commit().await.unwrap();
    assert!(table.split("user", "api", 1).await && table.split("user", "api", 2).await);
    let limiter = table.limiter(settings(&clock)).await;
    let ask = |amount| {
        let acquire = limiter.acquire("user", "api").limits(limit.clone());
        acquire.cost("tokens", amount)
    };
    let left = async || {
        let available = limiter.available("user", "api").limits(limit.clone());
        available.await.unwrap().get("tokens").unwrap().available
    };
    let advance = |millis: u64| clock.advance(Duration::from_millis(millis));
    ask(0).await.unwrap().commit().await.unwrap();
    assert_eq!(left().await, 100);
    advance((MIDNIGHT - START) as u64);
    assert!(ask(51).await.unwrap_err().denied().is_some());
    ask(50).await.unwrap().commit().await.unwrap();
    assert!(ask(1).await.unwrap_err().denied().is_some());
    assert_eq!(left().await, 0);
    advance(4 * MINUTE);
    assert_eq!(left().await, 2);
    advance(6 * HOUR - 4 * MINUTE);
    assert_eq!(left().await, 50);
    advance(100 * MINUTE);
    ask(100).await.unwrap().commit().await.unwrap();
    assert!(ask(1).await.unwrap_err().denied().is_some());
}

#[test]
fn numbers_out_of_bounds_are_refused() {
    let schedule = |entry| Schedule::new([entry], "UTC").unwrap();
    let scaled = |scale| schedule(ScheduleEntry::scaled("* 1 * * *", scale).unwrap());
    let large = Limit::per_hour("tokens", Limit::MAX_TOKENS / 2);
    assert!(large.clone().with_schedule(scaled(2.0)).is_ok());
    assert!(matches!(
        large.with_schedule(scaled(2.1)),
        Err(InvalidLimit::TooManyTokens { .. })
    ));
    let refills = ScheduleEntry::replaced("* 1 * * *", None, Some(5), None).unwrap();
    let daily = Limit::quota("tokens", 5).daily("UTC").unwrap();
    assert_eq!(
        daily.with_schedule(schedule(refills)),
        Err(InvalidLimit::Mixed)
    );
    assert!(ResetSchedule::new(["0 0 * * *"], "UTC").is_ok());
}

#[test]
fn a_schedule_is_read_and_written_as_json() {
    let entries = [
        ScheduleEntry::scaled("* 0-5 * * *", 0.5).unwrap(),
        ScheduleEntry::replaced("* * * * 6-7", Some(7), None, Some(Duration::from_secs(9)))
            .unwrap(),
    ];
    let limit = with(plain(), entries, "Europe/Berlin");
    let json = serde_json::to_value(&limit).unwrap();
    assert_eq!(
        json["schedule"],
        serde_json::json!([
            {"cron": "* 0-5 * * *", "tz": "Europe/Berlin", "scale": 0.5},
            {"cron": "* * * * 6-7", "tz": "Europe/Berlin", "capacity": 7, "refill_period_seconds": 9},
        ])
    );
    assert_eq!(
        serde_json::from_value::<Limit>(json.clone()).unwrap(),
        limit
    );
    for (name, value) in [("tz", "UTC"), ("cron", "* 24 * * *")] {
        let mut bad = json.clone();
        bad["schedule"][0][name] = value.into();
        assert!(serde_json::from_value::<Limit>(bad).is_err(), "{name}");
    }
    let mut bad = json;
    bad["schedule"][0]["capacity"] = 5.into();
    assert!(serde_json::from_value::<Limit>(bad).is_err());
}
