//! Leases of several resources while periods end, parents change, operators reset and requests are
//! bypassed.

use std::time::Duration;

use tollgate::{
    Error, Limit, RateLimiter,
    limiter::Acquire,
    model::{ConfigScope, Entity, EntityId, Schedule, ScheduleEntry},
};

use super::fixture::{Fixture, HOUR, daily, on_every_limiter};

on_every_limiter!(
    each_part_is_settled_by_its_own_period,
    a_parent_of_several_resources_is_charged_for_each,
    open_leases_stay_with_the_old_parent_for_each_resource,
    a_bypassed_part_keeps_its_tokens,
    a_part_in_debt_is_reset_while_a_lease_is_open,
);

fn id(name: &str) -> EntityId {
    EntityId::new(name).unwrap()
}

fn cents(amount: u64) -> Limit {
    Limit::quota("cents", amount).daily("UTC").unwrap()
}

async fn cents_left(limiter: &RateLimiter, entity: &str) -> i64 {
    let left = limiter.available(entity, "all").await.unwrap();
    left.get("cents").unwrap().available
}

async fn tokens_left(limiter: &RateLimiter, entity: &str) -> i64 {
    let left = limiter.available(entity, "api").await.unwrap();
    left.get("tokens").unwrap().available
}

async fn both(at: &Fixture) {
    let config = at.limiter.config();
    config
        .set(ConfigScope::resource("api").unwrap(), [daily(100)])
        .await
        .unwrap();
    config
        .set(ConfigScope::resource("all").unwrap(), [cents(50)])
        .await
        .unwrap();
}

/// Waits until the buckets have these tokens, because charges are given back in the background.
async fn eventually(what: &str, expected: [i64; 4], mut look: impl AsyncFnMut() -> [i64; 4]) {
    for _ in 0..100 {
        if look().await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(look().await, expected, "{what}");
}

fn ask(limiter: &RateLimiter, entity: &str, used: u64, spent: u64) -> Acquire {
    limiter
        .acquire(entity, "api")
        .cost("tokens", used)
        .also("all", [("cents", spent)])
}

async fn each_part_is_settled_by_its_own_period(at: Fixture) {
    let config = at.limiter.config();
    config
        .set(
            ConfigScope::resource("api").unwrap(),
            [Limit::new("tokens", 100, 1, Duration::from_secs(300 * 86_400)).unwrap()],
        )
        .await
        .unwrap();
    config
        .set(
            ConfigScope::resource("all").unwrap(),
            [cents(50).with_schedule(entries_for(30)).unwrap()],
        )
        .await
        .unwrap();
    let look = async || {
        [
            tokens_left(&at.limiter, "user").await,
            cents_left(&at.limiter, "user").await,
            0,
            0,
        ]
    };
    for transaction in [false, true] {
        at.limiter.buckets().reset("user", "api").await.unwrap();
        at.limiter.buckets().reset("user", "all").await.unwrap();
        let ask = |used, spent| {
            let ask = ask(&at.limiter, "user", used, spent);
            if transaction {
                ask.in_one_transaction()
            } else {
                ask
            }
        };
        let mut held = ask(20, 20).await.unwrap();
        let mut more = ask(10, 10).await.unwrap();
        at.advance(8 * HOUR);
        // 01:46: 30 cents.
        eventually("after the edge", [70, 30, 0, 0], look).await;
        ask(0, 30).await.unwrap().commit().await.unwrap();
        held.settle("tokens", 5).unwrap();
        held.part_mut("all").unwrap().settle("cents", 5).unwrap();
        held.commit().await.unwrap();
        eventually("given back", [85, 0, 0, 0], look).await;
        more.settle("tokens", 12).unwrap();
        more.part_mut("all").unwrap().settle("cents", 15).unwrap();
        more.commit().await.unwrap();
        eventually("taken", [83, -5, 0, 0], look).await;
        at.advance(5 * HOUR);
        eventually("grown", [83, -5, 0, 0], look).await;
        at.advance(11 * HOUR);
    }
}

fn entries_for(capacity: u64) -> Schedule {
    Schedule::new(
        [ScheduleEntry::replaced("* 0-4 * * *", Some(capacity), None, None).unwrap()],
        "UTC",
    )
    .unwrap()
}

async fn family(at: &Fixture) {
    both(at).await;
    let entities = at.limiter.entities();
    for org in ["org", "new"] {
        entities.create(Entity::new(id(org))).await.unwrap();
    }
    entities
        .create(Entity::new(id("user")).with_parent(id("org")).cascading())
        .await
        .unwrap();
}

async fn a_parent_of_several_resources_is_charged_for_each(at: Fixture) {
    family(&at).await;
    let look = async || {
        [
            tokens_left(&at.limiter, "user").await,
            cents_left(&at.limiter, "user").await,
            tokens_left(&at.limiter, "org").await,
            cents_left(&at.limiter, "org").await,
        ]
    };
    for (transaction, split) in [(false, false), (true, false), (false, true), (true, true)] {
        if split && !at.split(1).await {
            continue;
        }
        let ask = |used, spent| {
            let ask = ask(&at.limiter, "user", used, spent);
            if transaction {
                ask.in_one_transaction()
            } else {
                ask
            }
        };
        for resource in ["api", "all"] {
            for entity in ["user", "org"] {
                at.limiter.buckets().reset(entity, resource).await.unwrap();
            }
        }
        let mut lease = ask(60, 20).await.unwrap();
        eventually("charged", [40, 30, 40, 30], look).await;
        lease.consume("tokens", 10).await.unwrap();
        lease
            .part_mut("all")
            .unwrap()
            .consume("cents", 10)
            .await
            .unwrap();
        eventually("consumed", [30, 20, 30, 20], look).await;
        lease.settle("tokens", 5).unwrap();
        lease.part_mut("all").unwrap().settle("cents", 35).unwrap();
        lease.commit().await.unwrap();
        eventually("settled", [95, 15, 95, 15], look).await;
        at.limiter
            .acquire("org", "all")
            .cost("cents", 10)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        let error = ask(10, 6).await.unwrap_err();
        assert_eq!(error.denied().unwrap().violated().count(), 1);
        eventually("denied", [95, 15, 95, 5], look).await;
        let top_up = at.limiter.buckets().top_up("org", "all", [("cents", 60)]);
        top_up.await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        ask(10, 15).await.unwrap().commit().await.unwrap();
        eventually("topped up", [85, 0, 85, 50], look).await;
        let lease = ask(10, 0).await.unwrap();
        at.advance(24 * HOUR);
        lease.rollback().await.unwrap();
        eventually("the next day", [100, 50, 100, 50], look).await;
    }
}

async fn open_leases_stay_with_the_old_parent_for_each_resource(at: Fixture) {
    family(&at).await;
    let look = async || {
        [
            tokens_left(&at.limiter, "org").await,
            cents_left(&at.limiter, "org").await,
            tokens_left(&at.limiter, "new").await,
            cents_left(&at.limiter, "new").await,
        ]
    };
    let mut held = ask(&at.limiter, "user", 10, 10).await.unwrap();
    let back = ask(&at.limiter, "user", 10, 10).await.unwrap();
    eventually("held", [80, 30, 100, 50], look).await;
    let entities = at.limiter.entities();
    entities
        .set_parent(&id("user"), Some(&id("new")))
        .await
        .unwrap();
    ask(&at.limiter, "user", 1, 2)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    eventually("moved", [80, 30, 99, 48], look).await;
    held.part_mut("all")
        .unwrap()
        .consume("cents", 5)
        .await
        .unwrap();
    eventually("consumed with the old", [80, 25, 99, 48], look).await;
    held.settle("tokens", 12).unwrap();
    held.part_mut("all").unwrap().settle("cents", 3).unwrap();
    held.commit().await.unwrap();
    eventually("settled with the old", [78, 37, 99, 48], look).await;
    entities.set_parent(&id("user"), None).await.unwrap();
    back.rollback().await.unwrap();
    eventually("rolled back with the old", [88, 47, 99, 48], look).await;
    ask(&at.limiter, "user", 1, 2)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    eventually("no parent", [88, 47, 99, 48], look).await;
    let other = at.another().await;
    entities
        .set_parent(&id("user"), Some(&id("org")))
        .await
        .unwrap();
    ask(&other, "user", 1, 2)
        .in_one_transaction()
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    eventually("back", [87, 45, 99, 48], look).await;
    let ask_held = ask(&other, "user", 7, 7)
        .in_one_transaction()
        .await
        .unwrap();
    entities
        .set_parent(&id("user"), Some(&id("new")))
        .await
        .unwrap();
    at.advance(24 * HOUR);
    ask_held.rollback().await.unwrap();
    eventually("a day later", [100, 50, 100, 50], look).await;
    ask(&other, "user", 1, 2)
        .in_one_transaction()
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    eventually("the other process", [100, 50, 99, 48], look).await;
}

async fn a_bypassed_part_keeps_its_tokens(at: Fixture) {
    both(&at).await;
    for transaction in [false, true] {
        let ask = |used, spent| {
            let ask = ask(&at.limiter, "user", used, spent);
            if transaction {
                ask.in_one_transaction()
            } else {
                ask
            }
        };
        at.limiter.buckets().reset("user", "api").await.unwrap();
        at.limiter.buckets().reset("user", "all").await.unwrap();
        ask(1, 1).await.unwrap().commit().await.unwrap();
        let look = async || {
            [
                tokens_left(&at.limiter, "user").await,
                cents_left(&at.limiter, "user").await,
                0,
                0,
            ]
        };
        eventually("charged", [99, 49, 0, 0], look).await;
        let config = at.limiter.config();
        let all = ConfigScope::entity_resource("user", "all").unwrap();
        config.bypass(&all).await.unwrap();
        let mut lease = ask(10, 40).await.unwrap();
        assert!(!lease.is_bypassed());
        lease
            .part_mut("all")
            .unwrap()
            .consume("cents", 30)
            .await
            .unwrap();
        lease.part_mut("all").unwrap().settle("cents", 90).unwrap();
        lease.consume("tokens", 5).await.unwrap();
        lease.settle("tokens", 12).unwrap();
        lease.commit().await.unwrap();
        eventually("bypassed", [87, 49, 0, 0], look).await;
        // The primary is short, the bypassed one keeps its tokens.
        let error = ask(90, 49).await.unwrap_err();
        assert!(error.denied().is_some());
        eventually("denied", [87, 49, 0, 0], look).await;
        ask(1, 1).await.unwrap().rollback().await.unwrap();
        eventually("rolled back", [87, 49, 0, 0], look).await;
        config.disable(&all).await.unwrap();
        let error = ask(90, 49).await.unwrap_err();
        assert!(matches!(error, Error::Disabled { .. }), "{error:?}");
        config
            .bypass(&ConfigScope::entity_resource("user", "api").unwrap())
            .await
            .unwrap();
        let error = ask(90, 49).await.unwrap_err();
        assert!(matches!(error, Error::Disabled { .. }), "{error:?}");
        let lease = ask(10, 4).await;
        assert!(lease.is_err());
        config.clear_access(&all).await.unwrap();
        // A lease that begins bypassed, and ends when the bypass has ended.
        let mut lease = ask(10, 4).await.unwrap();
        assert!(lease.is_bypassed());
        config
            .clear_access(&ConfigScope::entity_resource("user", "api").unwrap())
            .await
            .unwrap();
        lease.settle("tokens", 3).unwrap();
        lease.part_mut("all").unwrap().settle("cents", 6).unwrap();
        lease.commit().await.unwrap();
        eventually("after the bypass", [87, 43, 0, 0], look).await;
    }
}

async fn a_part_in_debt_is_reset_while_a_lease_is_open(at: Fixture) {
    both(&at).await;
    let mut held = ask(&at.limiter, "user", 10, 10).await.unwrap();
    let mut debt = ask(&at.limiter, "user", 1, 1).await.unwrap();
    debt.part_mut("all").unwrap().settle("cents", 80).unwrap();
    debt.commit().await.unwrap();
    let look = async || {
        [
            tokens_left(&at.limiter, "user").await,
            cents_left(&at.limiter, "user").await,
            0,
            0,
        ]
    };
    eventually("in debt", [89, -40, 0, 0], look).await;
    let error = ask(&at.limiter, "user", 1, 1).await.unwrap_err();
    assert!(error.denied().is_some());
    let reset = at.limiter.buckets().reset("user", "all").await.unwrap();
    assert_eq!(reset.amount("cents"), 90);
    at.advance(10);
    held.part_mut("all").unwrap().settle("cents", 4).unwrap();
    held.settle("tokens", 4).unwrap();
    held.commit().await.unwrap();
    eventually("settled", [95, 50, 0, 0], look).await;
    ask(&at.limiter, "user", 95, 50)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let wait = at
        .limiter
        .time_until_available("user", "api")
        .cost("tokens", 1)
        .also("all", [("cents", 1)])
        .await
        .unwrap();
    let midnight = 24 * HOUR - (tollgate::clock::Clock::now(&at.clock) as u64) % (24 * HOUR);
    assert_eq!(wait, Some(Duration::from_millis(midnight)));
}
