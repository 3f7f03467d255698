//! Access, cascade and soft limits, stored through the limiter.

use std::time::Duration;

use serde_json::json;
use tollgate::{
    Error, Limit, RateLimiter,
    clock::ManualClock,
    error::Invalid,
    model::{
        Access, AuditAction, AuditSubject, ConfigScope, DisabledLevel, Entity, Owner, StoredConfig,
    },
};

use super::fixture::{entity, on_both, rpm};

on_both!(
    the_first_level_with_an_access_decides,
    a_cleared_access_leaves_the_decision_to_the_next_level,
    a_disabled_parent_denies_a_cascading_child,
    the_history_names_the_flag_and_the_buckets,
    a_config_may_have_only_flags,
    a_config_is_stored_with_its_flags,
    the_system_has_no_flags,
    a_bypassed_entity_is_granted_everything_and_charged_nothing,
    a_bypassed_lease_gives_nothing_back,
    a_cascade_rule_overrides_the_entity,
    a_soft_limit_is_charged_beyond_zero,
    a_soft_limit_does_not_waive_the_others,
    a_limit_that_is_no_longer_soft_is_enforced,
    a_soft_quota_is_overdrawn_until_its_period_ends,
);

fn scope(of: &str) -> ConfigScope {
    match of.split_once('/') {
        None => ConfigScope::entity(of).unwrap(),
        Some(("", resource)) => ConfigScope::resource(resource).unwrap(),
        Some((entity, resource)) => ConfigScope::entity_resource(entity, resource).unwrap(),
    }
}

async fn store(limiter: &RateLimiter, limits: impl Into<StoredConfig>) {
    let config = limiter.config();
    config.set(ConfigScope::system(), limits).await.unwrap();
}

/// Charges one token, and returns the level that disables the resource.
async fn disabled(limiter: &RateLimiter, entity: &str) -> Option<DisabledLevel> {
    match limiter.acquire(entity, "api").await {
        Ok(lease) => {
            lease.commit().await.unwrap();
            None
        }
        Err(Error::Disabled(disabled)) => Some(disabled.level),
        Err(error) => panic!("{error}"),
    }
}

async fn left(limiter: &RateLimiter, entity: &str, limit: &str) -> i64 {
    let available = limiter.available(entity, "api").await.unwrap();
    available.get(limit).unwrap().available
}

async fn the_first_level_with_an_access_decides(limiter: RateLimiter, _: ManualClock) {
    store(&limiter, rpm(100)).await;
    let config = limiter.config();
    for entity in ["a", "b", "c"] {
        assert_eq!(disabled(&limiter, entity).await, None);
    }
    assert_eq!(config.disable(&scope("/api")).await.unwrap(), 3);
    for entity in ["a", "b", "new"] {
        let level = disabled(&limiter, entity).await;
        assert!(
            matches!(level, Some(DisabledLevel::Resource | DisabledLevel::Bucket)),
            "{level:?}"
        );
    }
    // False counts: one customer stays enabled.
    assert_eq!(config.enable(&scope("a")).await.unwrap(), 1);
    assert_eq!(disabled(&limiter, "a").await, None);
    assert_eq!(config.disable(&scope("a/api")).await.unwrap(), 1);
    assert_eq!(disabled(&limiter, "a").await, Some(DisabledLevel::Entity));
    assert_eq!(config.disable(&scope("x")).await.unwrap(), 0);
    assert_eq!(
        disabled(&limiter, "x").await,
        Some(DisabledLevel::EntityDefault)
    );
    // The entity's own access stays if the resource's changes.
    assert_eq!(config.enable(&scope("/api")).await.unwrap(), 2);
    assert_eq!(disabled(&limiter, "a").await, Some(DisabledLevel::Entity));
    assert_eq!(disabled(&limiter, "b").await, None);
}

async fn a_cleared_access_leaves_the_decision_to_the_next_level(
    limiter: RateLimiter,
    _: ManualClock,
) {
    store(&limiter, rpm(100)).await;
    let config = limiter.config();
    assert_eq!(disabled(&limiter, "a").await, None);
    assert_eq!(config.clear_access(&scope("a")).await.unwrap(), 1);
    assert_eq!(config.get(&scope("a")).await.unwrap(), None);
    config.disable(&scope("/api")).await.unwrap();
    config.enable(&scope("a")).await.unwrap();
    assert_eq!(disabled(&limiter, "a").await, None);
    assert_eq!(
        config.access(&scope("a")).await.unwrap(),
        Some(Access::Enabled)
    );
    config.clear_access(&scope("a")).await.unwrap();
    assert_eq!(config.access(&scope("a")).await.unwrap(), None);
    assert_eq!(disabled(&limiter, "a").await, Some(DisabledLevel::Resource));
    config.clear_access(&scope("/api")).await.unwrap();
    assert_eq!(disabled(&limiter, "a").await, None);
    // To delete the config clears its flags too.
    config.disable(&scope("a")).await.unwrap();
    assert!(config.delete(&scope("a")).await.unwrap());
    assert_eq!(disabled(&limiter, "a").await, None);
}

async fn a_disabled_parent_denies_a_cascading_child(limiter: RateLimiter, _: ManualClock) {
    store(&limiter, rpm(100)).await;
    let entities = limiter.entities();
    let child = Entity::new(entity("child")).with_parent(entity("parent"));
    entities.create(child.cascading()).await.unwrap();
    assert_eq!(disabled(&limiter, "child").await, None);
    limiter.config().disable(&scope("parent")).await.unwrap();
    let error = limiter.acquire("child", "api").await.unwrap_err();
    let Error::Disabled(error) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (error.entity.as_str(), error.level),
        ("parent", DisabledLevel::EntityDefault)
    );
    let rows = limiter.entities().buckets(&entity("child")).all().await;
    assert_eq!(rows.unwrap()[0].1.limits()[0].consumed, 1000);
    let alone = limiter.acquire("child", "api").without_parent().await;
    alone.unwrap().commit().await.unwrap();
}

async fn the_history_names_the_flag_and_the_buckets(limiter: RateLimiter, clock: ManualClock) {
    store(&limiter, rpm(100)).await;
    let config = limiter.config();
    assert_eq!(disabled(&limiter, "a").await, None);
    let steps = [
        (json!({"disabled": true, "buckets_stamped": 1}), 0),
        (json!({"disabled": "bypass", "buckets_stamped": 1}), 1),
        (json!({"disabled": false, "buckets_stamped": 1}), 2),
        (json!({"disabled": null, "buckets_stamped": 1}), 3),
        (json!({"cascade": true, "buckets_stamped": 0}), 4),
    ];
    for (_, step) in &steps {
        let scope = scope("a");
        match step {
            0 => config.disable(&scope).await,
            1 => config.bypass(&scope).await,
            2 => config.enable(&scope).await,
            3 => config.clear_access(&scope).await,
            _ => config.set_cascade(&scope, true).await,
        }
        .unwrap();
        clock.advance(Duration::from_secs(1));
    }
    let events = limiter
        .audit()
        .events(&AuditSubject::Entity(entity("a")))
        .all()
        .await
        .unwrap();
    let events: Vec<_> = events.into_iter().rev().collect();
    assert_eq!(events.len(), steps.len());
    for (event, (details, _)) in events.iter().zip(steps) {
        assert_eq!(event.action, AuditAction::LimitsSet);
        assert_eq!(event.resource.as_deref(), Some("_default_"));
        assert_eq!(serde_json::Value::Object(event.details.clone()), details);
    }
}

async fn a_config_may_have_only_flags(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    config.set_cascade(&scope("/api"), false).await.unwrap();
    config.enable(&scope("a/api")).await.unwrap();
    store(&limiter, rpm(5)).await;
    let found = config.get(&scope("/api")).await.unwrap().unwrap();
    assert_eq!((found.limits.len(), found.cascade), (0, Some(false)));
    let found = config.resolve("a", "api").await.unwrap().unwrap();
    assert_eq!(found.limits[0].capacity(), 5);
    let resources = config.resources().await.unwrap();
    assert_eq!(
        resources
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>(),
        ["api"]
    );
    let resources = config.resources_with_entity_limits().await.unwrap();
    assert_eq!(resources.len(), 1);
    assert!(config.delete(&scope("a/api")).await.unwrap());
    assert!(
        config
            .resources_with_entity_limits()
            .await
            .unwrap()
            .is_empty()
    );
    // A second flag, and limits beside flags.
    config.disable(&scope("/api")).await.unwrap();
    config.set(scope("/api"), rpm(7)).await.unwrap();
    let found = config.get(&scope("/api")).await.unwrap().unwrap();
    assert_eq!(
        (found.access, found.cascade, found.limits[0].capacity()),
        (Some(Access::Disabled), Some(false), 7)
    );
}

async fn a_config_is_stored_with_its_flags(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    let stored = StoredConfig::from(rpm(9))
        .with_access(Access::Disabled)
        .with_cascade(true);
    config.set(scope("a"), stored.clone()).await.unwrap();
    assert_eq!(config.get(&scope("a")).await.unwrap(), Some(stored.clone()));
    let text = serde_json::to_value(&stored).unwrap();
    assert_eq!(text["disabled"], json!(true));
    assert_eq!(
        serde_json::from_value::<StoredConfig>(text).unwrap(),
        stored
    );
    assert_eq!(
        disabled(&limiter, "a").await,
        Some(DisabledLevel::EntityDefault)
    );
    let stored = StoredConfig::from(rpm(9)).with_access(Access::Enabled);
    config.set(scope("a"), stored).await.unwrap();
    assert_eq!(disabled(&limiter, "a").await, None);
    assert_eq!(config.cascade(&scope("a")).await.unwrap(), Some(true));
}

async fn the_system_has_no_flags(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    let error = config.disable(&ConfigScope::System).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(Invalid::NoFlags)), "{error}");
    let flagged = StoredConfig::from(rpm(1)).with_cascade(true);
    let error = config.set(ConfigScope::System, flagged).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(Invalid::NoFlags)), "{error}");
}

async fn a_bypassed_entity_is_granted_everything_and_charged_nothing(
    limiter: RateLimiter,
    _: ManualClock,
) {
    store(&limiter, rpm(3)).await;
    let config = limiter.config();
    for entity in ["old", "other"] {
        assert_eq!(disabled(&limiter, entity).await, None);
    }
    config.bypass(&scope("old")).await.unwrap();
    config.bypass(&scope("new")).await.unwrap();
    for entity in ["old", "new"] {
        for _ in 0..5 {
            let lease = limiter.acquire(entity, "api").cost("rpm", 4).await.unwrap();
            assert!(lease.is_bypassed(), "{entity}");
            lease.commit().await.unwrap();
        }
        let available = limiter.available(entity, "api").cost("rpm", 9).await;
        let available = available.unwrap();
        assert!(available.bypassed && available.is_available());
    }
    assert_eq!(left(&limiter, "old", "rpm").await, 2);
    assert_eq!(left(&limiter, "new", "rpm").await, 3);
    let lease = limiter.acquire("other", "api").await.unwrap();
    assert!(!lease.is_bypassed());
    drop(lease);
    config.clear_access(&scope("old")).await.unwrap();
    let acquire = limiter.acquire("old", "api").cost("rpm", 3).await;
    assert!(acquire.unwrap_err().denied().is_some());
    let acquire = limiter.acquire("old", "api").cost("rpm", 2).await;
    acquire.unwrap().commit().await.unwrap();
}

async fn a_bypassed_lease_gives_nothing_back(limiter: RateLimiter, _: ManualClock) {
    store(&limiter, rpm(5)).await;
    assert_eq!(disabled(&limiter, "a").await, None);
    limiter.config().bypass(&scope("a")).await.unwrap();
    let mut lease = limiter.acquire("a", "api").cost("rpm", 4).await.unwrap();
    lease.settle("rpm", 400).unwrap();
    lease.commit().await.unwrap();
    let lease = limiter.acquire("a", "api").cost("rpm", 4).await.unwrap();
    lease.rollback().await.unwrap();
    assert_eq!(left(&limiter, "a", "rpm").await, 4);
    let rows = limiter
        .entities()
        .buckets(&entity("a"))
        .all()
        .await
        .unwrap();
    // 1 before the bypass, and 400.
    assert_eq!(rows[0].1.limits()[0].consumed, 401_000);
}

async fn a_cascade_rule_overrides_the_entity(limiter: RateLimiter, _: ManualClock) {
    store(&limiter, rpm(100)).await;
    let entities = limiter.entities();
    let child = Entity::new(entity("child")).with_parent(entity("parent"));
    entities.create(child).await.unwrap();
    let config = limiter.config();
    let parents = async || {
        let lease = limiter.acquire("child", "api").await.unwrap();
        let parent = lease.parent().cloned();
        lease.commit().await.unwrap();
        let rows = limiter.entities().buckets(&entity("child")).all().await;
        let stamped = rows.unwrap()[0].1.cascade;
        (parent.is_some(), stamped)
    };
    assert!(!parents().await.0);
    assert_eq!(config.set_cascade(&scope("/api"), true).await.unwrap(), 1);
    assert_eq!(parents().await, (true, true));
    assert_eq!(config.set_cascade(&scope("child"), false).await.unwrap(), 1);
    assert_eq!(parents().await, (false, false));
    assert_eq!(config.cascade(&scope("child")).await.unwrap(), Some(false));
    assert_eq!(config.clear_cascade(&scope("child")).await.unwrap(), 1);
    assert_eq!(parents().await, (true, true));
}

async fn a_soft_limit_is_charged_beyond_zero(limiter: RateLimiter, _: ManualClock) {
    store(&limiter, rpm(10).soft()).await;
    let found = limiter.config().get(&ConfigScope::System).await.unwrap();
    assert!(found.unwrap().limits[0].is_soft());
    let lease = limiter.acquire("a", "api").cost("rpm", 8).await.unwrap();
    assert!(!lease.is_overdrawn());
    lease.commit().await.unwrap();
    // Above the capacity too.
    let lease = limiter.acquire("a", "api").cost("rpm", 12).await.unwrap();
    assert!(lease.is_overdrawn());
    lease.commit().await.unwrap();
    let available = limiter.available("a", "api").cost("rpm", 5).await.unwrap();
    let status = available.get("rpm").unwrap();
    assert_eq!(status.available, -10);
    assert!(status.overdrawn() && !status.exceeded() && available.is_available());
    // A lease that is rolled back gives its charge back.
    let lease = limiter.acquire("a", "api").cost("rpm", 3).await.unwrap();
    lease.rollback().await.unwrap();
    assert_eq!(left(&limiter, "a", "rpm").await, -10);
}

async fn a_soft_limit_does_not_waive_the_others(limiter: RateLimiter, _: ManualClock) {
    store(&limiter, [rpm(10).soft(), Limit::per_hour("rph", 2)]).await;
    for _ in 0..2 {
        let acquire = limiter.acquire("a", "api").cost("rpm", 9);
        acquire.await.unwrap().commit().await.unwrap();
    }
    let error = limiter
        .acquire("a", "api")
        .cost("rpm", 9)
        .await
        .unwrap_err();
    let denied = error.denied().unwrap();
    let violated: Vec<_> = denied
        .violated()
        .map(|status| status.limit.name().as_str())
        .collect();
    assert_eq!(violated, ["rph"]);
    assert_eq!(denied.limits[1].owner, Owner::Entity);
    assert_eq!(left(&limiter, "a", "rpm").await, -8);
}

async fn a_limit_that_is_no_longer_soft_is_enforced(limiter: RateLimiter, _: ManualClock) {
    let own = scope("/api");
    let config = limiter.config();
    config.set(own.clone(), rpm(10).soft()).await.unwrap();
    let acquire = || limiter.acquire("a", "api").cost("rpm", 7);
    for _ in 0..2 {
        acquire().await.unwrap().commit().await.unwrap();
    }
    config.set(own.clone(), rpm(10)).await.unwrap();
    assert!(acquire().await.unwrap_err().denied().is_some());
    config.set(own, rpm(10).soft()).await.unwrap();
    acquire().await.unwrap().commit().await.unwrap();
    assert_eq!(left(&limiter, "a", "rpm").await, -11);
}

async fn a_soft_quota_is_overdrawn_until_its_period_ends(limiter: RateLimiter, clock: ManualClock) {
    let plan = Limit::quota("plan", 10).session(Duration::from_secs(3600));
    store(&limiter, plan.unwrap().soft()).await;
    for _ in 0..3 {
        let acquire = limiter.acquire("a", "api").cost("plan", 6);
        acquire.await.unwrap().commit().await.unwrap();
    }
    assert_eq!(left(&limiter, "a", "plan").await, -8);
    clock.advance(Duration::from_secs(3601));
    let lease = limiter.acquire("a", "api").cost("plan", 6).await.unwrap();
    assert!(!lease.is_overdrawn());
    lease.commit().await.unwrap();
    assert_eq!(left(&limiter, "a", "plan").await, 4);
}
