//! Limits that only observe.

use std::time::Duration;

use tollgate::{
    Cost, EntityId, Error, Lease, Limit,
    limiter::Acquire,
    model::{ConfigScope, Entity, Owner},
};

use super::fixture::{Fixture, on_every_limiter};

on_every_limiter!(
    a_request_that_all_limits_grant_is_charged_to_all,
    a_request_that_only_shadow_limits_deny_is_granted_and_not_charged_to_them,
    a_request_that_other_limits_deny_is_charged_to_none,
    a_cost_above_the_capacity_of_shadow_limits_is_granted,
    a_consume_that_only_shadow_limits_deny_is_granted,
    more_of_several_limits_is_charged_without_the_shadow_limits_that_deny,
    a_request_whose_shadow_limits_are_known_to_be_short_is_one_write,
);

#[tokio::test]
async fn shadow_limits_hold_for_the_parent_in_memory() {
    check_shadow_limits_of_the_parent(Fixture::in_memory()).await;
}

#[tokio::test]
async fn shadow_limits_hold_for_the_parent_over_dynamodb() {
    check_shadow_limits_of_the_parent(Fixture::dynamodb().await).await;
}

/// Enforced: 100 `tokens` an hour. Observed: 10 `seen` and 50 `other` an hour.
fn limits() -> [Limit; 3] {
    [
        Limit::per_hour("tokens", 100),
        Limit::per_hour("seen", 10),
        Limit::per_hour("other", 50),
    ]
}

fn ask(at: &Fixture, cost: u64) -> Acquire {
    let ask = at.limiter.acquire("user", "api").limits(limits());
    let ask = ask
        .cost("tokens", cost)
        .cost("seen", cost)
        .cost("other", cost);
    ask.shadow_limit("seen").shadow_limit("other")
}

async fn left(at: &Fixture) -> [i64; 3] {
    let available = at
        .limiter
        .available("user", "api")
        .limits(limits())
        .await
        .unwrap();
    ["tokens", "seen", "other"].map(|name| available.get(name).unwrap().available)
}

fn short(lease: &Lease) -> Vec<(&str, i64, u64)> {
    let of = |status: &'_ tollgate::model::LimitStatus| (status.available, status.requested);
    lease
        .shadow_denials()
        .iter()
        .map(|status| (status.limit.name().as_str(), of(status).0, of(status).1))
        .collect()
}

async fn a_request_that_all_limits_grant_is_charged_to_all(at: Fixture) {
    let mut lease = ask(&at, 4).await.unwrap();
    assert!(lease.shadow_denials().is_empty());
    assert_eq!(left(&at).await, [96, 6, 46]);
    lease.settle("seen", 6).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(left(&at).await, [96, 4, 46]);
}

async fn a_request_that_only_shadow_limits_deny_is_granted_and_not_charged_to_them(at: Fixture) {
    ask(&at, 8).await.unwrap().commit().await.unwrap();
    let mut lease = ask(&at, 8).await.unwrap();
    assert_eq!(short(&lease), [("seen", 2, 8)]);
    // The observed limits are charged all or none: `other`, which has enough tokens, is not charged
    // either.
    assert_eq!(left(&at).await, [84, 2, 42]);
    assert_eq!(
        (lease.consumed("tokens"), lease.consumed("seen")),
        (Some(8), Some(0))
    );
    for name in ["tokens", "seen", "other"] {
        lease.settle(name, 20).unwrap();
    }
    lease.consume("seen", 1).await.unwrap();
    assert!(lease.adjust("unknown", 1).is_err());
    lease.commit().await.unwrap();
    assert_eq!(
        left(&at).await,
        [72, 2, 42],
        "no debt that could not have come about"
    );
    let lease = ask(&at, 8).await.unwrap();
    lease.rollback().await.unwrap();
    assert_eq!(left(&at).await, [72, 2, 42]);
    // A request that fits is charged to the observed limits again.
    ask(&at, 2).await.unwrap().commit().await.unwrap();
    assert_eq!(left(&at).await, [70, 0, 40]);
}

async fn a_request_that_other_limits_deny_is_charged_to_none(at: Fixture) {
    ask(&at, 10)
        .cost("tokens", 99)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    for cost in [2, 20] {
        let error = ask(&at, cost).await.unwrap_err();
        let denied = error.denied().unwrap();
        let violated: Vec<_> = denied
            .violated()
            .map(|status| status.limit.name().as_str())
            .collect();
        assert_eq!(violated, ["tokens"]);
        // One token takes 36 seconds. `seen` would take longer.
        assert_eq!(
            denied.retry_after(),
            Some(Duration::from_secs(36) * u32::try_from(cost - 1).unwrap())
        );
    }
    assert_eq!(left(&at).await, [1, 0, 40]);
}

async fn a_cost_above_the_capacity_of_shadow_limits_is_granted(at: Fixture) {
    let lease = ask(&at, 60).await.unwrap();
    assert_eq!(short(&lease), [("seen", 10, 60), ("other", 50, 60)]);
    assert_eq!(lease.shadow_denials()[0].retry_after, None);
    assert_eq!(left(&at).await, [40, 10, 50]);
    assert!(matches!(
        ask(&at, 101).await,
        Err(Error::ExceedsCapacity(_))
    ));
}

async fn more_of_several_limits_is_charged_without_the_shadow_limits_that_deny(at: Fixture) {
    let mut lease = ask(&at, 8).await.unwrap();
    let more = |tokens, seen, other| {
        let cost = Cost::new().with("tokens", tokens).unwrap();
        cost.with("seen", seen)
            .unwrap()
            .with("other", other)
            .unwrap()
    };
    // Short of `seen` only; then above its capacity.
    lease.consume_all(&more(5, 5, 5)).await.unwrap();
    assert_eq!(short(&lease), [("seen", 2, 5)]);
    lease.consume_all(&more(5, 50, 5)).await.unwrap();
    assert!(lease.consume_all(&more(500, 1, 1)).await.is_err());
    assert!(lease.consume_all(&more(90, 1, 1)).await.is_err());
    lease.commit().await.unwrap();
    assert_eq!(left(&at).await, [82, 2, 32]);
}

async fn a_consume_that_only_shadow_limits_deny_is_granted(at: Fixture) {
    let mut lease = ask(&at, 4).await.unwrap();
    lease.consume("seen", 4).await.unwrap();
    assert_eq!(left(&at).await, [96, 2, 46]);
    lease.consume("seen", 4).await.unwrap();
    assert_eq!(short(&lease), [("seen", 2, 4)]);
    lease.consume("other", 500).await.unwrap();
    assert_eq!(short(&lease)[1], ("other", 46, 500));
    assert!(lease.consume("tokens", 97).await.is_err());
    // With enforced limits, the request would have ended at the first denial, so later use is not
    // charged to them.
    lease.settle("seen", 30).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(left(&at).await, [96, 2, 46]);
}

async fn check_shadow_limits_of_the_parent(at: Fixture) {
    let [parent, child] = ["project", "key"].map(|name| EntityId::new(name).unwrap());
    let entity = Entity::new(child).with_parent(parent.clone()).cascading();
    at.limiter.entities().create(entity).await.unwrap();
    let config = at.limiter.config();
    config
        .set(ConfigScope::system(), limits()[..2].to_vec())
        .await
        .unwrap();
    let few = vec![Limit::per_hour("tokens", 20), Limit::per_hour("seen", 5)];
    config
        .set(ConfigScope::Entity(parent.clone()), few)
        .await
        .unwrap();
    let ask = |cost| {
        at.limiter
            .acquire("key", "api")
            .cost("tokens", cost)
            .cost("seen", cost)
            .shadow_limit("seen")
    };
    ask(5).await.unwrap().commit().await.unwrap();
    let lease = ask(5).await.unwrap();
    let owners: Vec<_> = lease
        .shadow_denials()
        .iter()
        .map(|status| (status.owner, status.available))
        .collect();
    assert_eq!(owners, [(Owner::Parent, 0)]);
    assert_eq!(lease.parent(), Some(&parent));
    lease.commit().await.unwrap();
    let left = async |who: &str| {
        let available = at.limiter.available(who, "api").await.unwrap();
        ["tokens", "seen"].map(|name| available.get(name).unwrap().available)
    };
    assert_eq!(
        (left("key").await[..2].to_vec(), left("project").await),
        (vec![90, 5], [10, 0])
    );
    let error = ask(11).await.unwrap_err();
    let violated: Vec<_> = error
        .denied()
        .unwrap()
        .violated()
        .map(|status| status.owner)
        .collect();
    assert_eq!(violated, [Owner::Parent]);
}

async fn a_request_whose_shadow_limits_are_known_to_be_short_is_one_write(at: Fixture) {
    ask(&at, 10).await.unwrap().commit().await.unwrap();
    let before = at.writes();
    if before == 0 {
        return;
    }
    ask(&at, 1).await.unwrap().commit().await.unwrap();
    ask(&at, 0)
        .cost("tokens", 1)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert_eq!(at.writes() - before, 2);
}
