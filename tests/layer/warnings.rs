//! Warnings before a limit is used up, and about requests that are charged nothing.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tollgate::{
    EntityId, Limit, RateLimiter,
    clock::ManualClock,
    layer::{
        InvalidPolicy, LeaseHandle, LimitWarning, Policy, PolicyBuilder, ResourceCharge, Settle,
        keys,
    },
    model::Entity,
};

use super::{
    events::Events,
    world::{gated, hello, layer, memory, per_user, status},
};

const DAY: Duration = Duration::from_secs(86_400);

/// The warnings that a policy has given, in short.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn listen(&self, policy: PolicyBuilder) -> PolicyBuilder {
        let told = self.clone();
        policy.on_warning(move |warning: &LimitWarning| {
            let LimitWarning {
                entity,
                limit,
                threshold,
                used,
                amount,
                ..
            } = warning;
            let text = format!("{entity} {limit} {threshold}: {used}/{amount}");
            told.0.lock().unwrap().push(text);
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn once_a_period((limiter, clock): (RateLimiter, ManualClock)) {
    let (events, told) = (Events::collect(), Told::default());
    let quota = Limit::quota("rpd", 20).daily("UTC").unwrap();
    let policy = told.listen(per_user(quota).warn_at([95, 80, 80]));
    let app = hello(layer(&limiter, policy));
    for _ in 0..15 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    assert_eq!(told.take(), [""; 0]);
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(told.take(), ["alice rpd 80: 16/20"]);
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(status(&app, "bob").await, 200);
    assert_eq!(told.take(), [""; 0]);
    for expected in [200, 200, 200, 429, 429] {
        assert_eq!(status(&app, "alice").await, expected);
    }
    assert_eq!(told.take(), ["alice rpd 95: 19/20"]);
    let text = events.text();
    assert_eq!(text.matches("limit nearly used").count(), 2, "{text}");
    assert!(!text.contains("alice"), "{text}");

    // The next day has warnings of its own.
    clock.advance(DAY);
    for _ in 0..16 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    assert_eq!(told.take(), ["alice rpd 80: 16/20"]);
}

#[tokio::test]
async fn a_quota_warns_once_a_period_in_memory() {
    once_a_period(memory()).await;
}

#[tokio::test]
async fn a_quota_warns_once_a_period_through_gates() {
    once_a_period(gated()).await;
}

#[tokio::test]
async fn a_rate_warns_again_when_it_has_fallen() {
    let ((limiter, clock), told) = (memory(), Told::default());
    let policy = told.listen(per_user(Limit::per_minute("rpm", 100)).warn_at([80]));
    let app = hello(layer(&limiter, policy));
    let spend = async |times: usize| {
        for _ in 0..times {
            assert_eq!(status(&app, "alice").await, 200);
        }
    };
    spend(85).await;
    assert_eq!(told.take(), ["alice rpm 80: 80/100"]);
    // To 75, and back to 82: not enough for another warning.
    clock.advance(Duration::from_secs(6));
    spend(7).await;
    assert_eq!(told.take(), [""; 0]);
    // To 62, and back to 80.
    clock.advance(Duration::from_secs(12));
    spend(18).await;
    assert_eq!(told.take(), ["alice rpm 80: 80/100"]);
}

#[tokio::test]
async fn a_jump_reaches_every_threshold_and_a_limit_can_have_its_own() {
    let ((limiter, _), told) = (memory(), Told::default());
    let policy = per_user(Limit::per_minute("rpm", 10))
        .limit(Limit::per_hour("tph", 1000))
        .limit(Limit::per_hour("quiet", 1))
        .cost("tph", 900)
        .warn_at([10])
        .warn_limit_at("tph", [50, 75, 95])
        .warn_limit_at("quiet", []);
    let app = hello(layer(&limiter, told.listen(policy)));
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(
        told.take(),
        [
            "alice rpm 10: 1/10",
            "alice tph 50: 900/1000",
            "alice tph 75: 900/1000",
        ]
    );
}

/// A denial shows a level, too: this process may not have seen how the limit was used up.
#[tokio::test]
async fn a_denial_warns() {
    let ((limiter, _), told) = (memory(), Told::default());
    let limit = Limit::per_hour("rph", 10);
    let elsewhere = limiter.acquire("alice", "api").limits(limit.clone());
    elsewhere.cost("rph", 10).await.unwrap().commit();
    let app = hello(layer(&limiter, told.listen(per_user(limit).warn_at([90]))));
    assert_eq!(status(&app, "alice").await, 429);
    assert_eq!(status(&app, "alice").await, 429);
    assert_eq!(told.take(), ["alice rph 90: 10/10"]);
}

/// The budget over all models warns by its own thresholds, and names itself.
#[tokio::test]
async fn an_added_resource_warns() {
    let ((limiter, _), resources) = (memory(), Arc::new(Mutex::new(Vec::new())));
    let told = resources.clone();
    let budget = ResourceCharge::on(keys::fixed("all")).limit(Limit::per_hour("cents", 100));
    let policy = per_user(Limit::per_hour("rph", 100))
        .also(budget.cost("cents", 45))
        .warn_at([50])
        .warn_limit_at("cents", [80])
        .on_warning(move |warning| {
            let LimitWarning {
                entity, resource, ..
            } = warning;
            let text = format!("{entity} {resource} {} {}", warning.limit, warning.used);
            told.lock().unwrap().push(text);
        });
    let app = hello(layer(&limiter, policy));
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(*resources.lock().unwrap(), [""; 0]);
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(*resources.lock().unwrap(), ["alice all cents 90"]);
    // Denied: the level was told already.
    assert_eq!(status(&app, "alice").await, 429);
    assert_eq!(resources.lock().unwrap().len(), 1);
}

/// A parent that is short warns under its own name, although the child's bucket has enough.
#[tokio::test]
async fn a_denial_of_the_parent_warns_of_the_parent() {
    let ((limiter, _), told) = (memory(), Told::default());
    let parent = EntityId::new("project").unwrap();
    for child in ["alice", "bob"] {
        let child = Entity::new(EntityId::new(child).unwrap());
        let child = child.with_parent(parent.clone()).cascading();
        limiter.entities().create(child).await.unwrap();
    }
    let limit = Limit::per_hour("rph", 10);
    let elsewhere = limiter.acquire("alice", "api").limits(limit.clone());
    elsewhere.cost("rph", 10).await.unwrap().commit();
    let app = hello(layer(&limiter, told.listen(per_user(limit).warn_at([90]))));
    assert_eq!(status(&app, "bob").await, 429);
    assert_eq!(status(&app, "bob").await, 429);
    assert_eq!(told.take(), ["project rph 90: 10/10"]);
}

#[test]
fn a_threshold_has_one_to_a_hundred_percent() {
    let policy = |threshold| {
        let policy = Policy::builder()
            .entity(keys::header("user"))
            .resource(keys::fixed("api"))
            .limit(Limit::per_hour("rph", 10));
        policy.warn_at([threshold])
    };
    for threshold in [0, 101] {
        let invalid = policy(threshold).build().unwrap_err();
        assert_eq!(invalid, InvalidPolicy::Threshold(threshold));
    }
    let unknown = policy(100).warn_limit_at("tpm", [50]).build().unwrap_err();
    assert_eq!(unknown, InvalidPolicy::UnknownLimit("tpm".into()));
}

#[tokio::test]
async fn a_request_that_is_charged_nothing_is_told() {
    let (limiter, _) = memory();
    let events = Events::collect();
    let told = || events.text().matches("nothing charged").count();
    let free = |policy: PolicyBuilder| layer(&limiter, policy.cost("rph", 0));

    let app = hello(free(per_user(Limit::per_hour("rph", 10))));
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(told(), 1);

    // The response has said that nothing was used.
    let policy = per_user(Limit::per_hour("rph", 10)).settle("rph", Settle::header("x-used"));
    let app = axum::Router::new()
        .route("/", axum::routing::get(async || [("x-used", "0")]))
        .layer(free(policy));
    assert_eq!(status(&app, "alice").await, 200);
    // The handler has said it.
    let handler = async |lease: LeaseHandle| lease.settle("rph", 0).unwrap();
    let app = axum::Router::new()
        .route("/", axum::routing::get(handler))
        .layer(free(per_user(Limit::per_hour("rph", 10))));
    assert_eq!(status(&app, "alice").await, 200);
    // The request was charged.
    let app = hello(layer(
        &limiter,
        per_user(Limit::per_hour("rph", 10)).cost("rph", 2),
    ));
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(told(), 1);
}
