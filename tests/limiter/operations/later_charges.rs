//! Charges after a reset, a top-up, a split or a change of the limit: nothing is lost, and no period
//! grants more than its amount and what was added.

use tollgate::{
    Limit,
    model::{Schedule, ScheduleEntry},
};

use super::fixture::{Fixture, HOUR, daily, on_every_limiter, session, take};

on_every_limiter!(
    what_was_added_can_be_used_in_the_same_millisecond,
    what_was_added_stays_if_the_amount_changes,
    a_bucket_in_use_outlives_its_operations,
    a_split_at_night_loses_nothing,
    all_shards_begin_a_session_with_the_amount_of_its_start,
);

/// Half of the amount from 0:00 to 4:59, and half as much again from 12:00 to 13:59.
fn scheduled(limit: Limit) -> Limit {
    let night = ScheduleEntry::scaled("* 0-4 * * *", 0.5).unwrap();
    let noon = ScheduleEntry::replaced("* 12-13 * * *", Some(150), None, None).unwrap();
    let schedule = Schedule::new([night, noon], "UTC").unwrap();
    limit.with_schedule(schedule).unwrap()
}

async fn what_was_added_can_be_used_in_the_same_millisecond(at: Fixture) {
    for limit in [daily(100), session(100), scheduled(daily(100))] {
        at.store([limit]).await;
        at.reset().await;
        at.charge(1).await;
        assert_eq!(at.top_up(50).await, 50);
        at.charge(1).await;
        assert_eq!(at.top_up(50).await, 50);
        at.charge(110).await;
        assert_eq!(at.left().await, 88);
        at.advance(10);
    }
}

async fn what_was_added_stays_if_the_amount_changes(at: Fixture) {
    at.store([daily(100)]).await;
    at.charge(1).await;
    at.top_up(50).await;
    at.advance(10);
    at.store([daily(90)]).await;
    at.charge(1).await;
    assert_eq!(at.left().await, 139);
    at.store([daily(120).soft()]).await;
    at.charge(1).await;
    assert_eq!(at.left().await, 138);
    at.advance(24 * HOUR);
    assert_eq!(at.left().await, 120);
}

/// The time to live is seven days, or seven sessions.
async fn a_bucket_in_use_outlives_its_operations(at: Fixture) {
    for limit in [daily(100), session(100)] {
        at.store([limit]).await;
        at.charge(1).await;
        at.reset().await;
        at.top_up(1).await;
        for _ in 0..18 {
            at.advance(10 * HOUR);
            at.charge(2).await;
        }
        at.charge(60).await;
        assert_eq!(at.left().await, 38);
        assert_eq!(at.top_up(7).await, 7);
        assert_eq!(at.left().await, 45);
        at.advance(24 * HOUR);
    }
}

async fn a_split_at_night_loses_nothing(at: Fixture) {
    at.store([scheduled(daily(100))]).await;
    at.advance(8 * HOUR); // 1:46
    at.charge(1).await;
    at.top_up(15).await;
    if at.split(1).await {
        assert_eq!(at.left().await, 64);
        let other = at.another().await;
        take(&other, 64).await.unwrap().commit().await.unwrap();
        assert!(take(&other, 1).await.is_err());
    }
}

async fn all_shards_begin_a_session_with_the_amount_of_its_start(at: Fixture) {
    at.store([scheduled(session(100))]).await;
    at.charge(1).await;
    if !at.split(1).await {
        return;
    }
    for (hours, amount) in [(19, 150), (13, 50)] {
        at.advance(hours * HOUR); // 12:46, then 1:46
        at.charge(1).await;
        let other = at.another().await;
        let left = other.available("user", "api").await.unwrap();
        assert_eq!(left.get("tokens").unwrap().available, amount - 1);
        let all = amount.unsigned_abs() - 1;
        take(&other, all).await.unwrap().commit().await.unwrap();
        assert!(take(&other, 1).await.is_err());
    }
}
