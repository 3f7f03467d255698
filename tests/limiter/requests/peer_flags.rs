//! Attributes that newer peers write to buckets and configs: they are obeyed, or refused by name,
//! and always kept.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::{Router, body::Body, routing::get};
use http::{Request, StatusCode};
use tollgate::{
    Error, Lease, Limit, RateLimitLayer, RateLimiter,
    clock::ManualClock,
    error::{ErrorCategory, Invalid},
    layer::{Policy, keys},
    model::{Access, ConfigScope},
};
use tower::ServiceExt;

use super::fixture::{STACK, START, Table, integer, settings};

/// A table, a limiter on it, and a bucket of 10 tokens that refills one a minute.
struct World {
    table: Table,
    limiter: RateLimiter,
    clock: ManualClock,
}

impl World {
    async fn new() -> Self {
        let (clock, table) = (ManualClock::at(START), Table::create().await);
        // No denial comes from memory, so each request reaches the store.
        let limiter = table
            .limiter(settings(&clock).deny_from_memory(Duration::ZERO))
            .await;
        let world = Self {
            table,
            limiter,
            clock,
        };
        world.acquire(1).await.unwrap().commit().await.unwrap();
        world
    }

    async fn acquire(&self, tokens: u64) -> Result<Lease, Error> {
        let limit = Limit::new("tokens", 10, 1, Duration::from_secs(60)).unwrap();
        self.limiter
            .acquire("user", "api")
            .limits(limit)
            .cost("tokens", tokens)
            .await
    }

    /// Sets an attribute of the bucket as a peer would; `None` removes it.
    async fn stamp(&self, attribute: &str, value: Option<AttributeValue>) {
        let mut item = self
            .table
            .item("user", "api")
            .await
            .expect("there is a bucket");
        match value {
            Some(value) => item.insert(attribute.to_owned(), value),
            None => item.remove(attribute),
        };
        self.table
            .engine
            .client()
            .put_item()
            .table_name(STACK)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }

    async fn has(&self, attribute: &str) -> bool {
        self.table
            .item("user", "api")
            .await
            .unwrap()
            .contains_key(attribute)
    }

    /// Returns the tokens and the consumption of the bucket, in whole tokens.
    async fn raw(&self) -> (i64, i64) {
        let item = self.table.item("user", "api").await.unwrap();
        (
            integer(&item, "b_tokens_tk") / 1000,
            integer(&item, "b_tokens_tc") / 1000,
        )
    }

    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
}

fn number_value(number: i64) -> Option<AttributeValue> {
    Some(AttributeValue::N(number.to_string()))
}

fn text_value(text: &str) -> Option<AttributeValue> {
    Some(AttributeValue::S(text.to_owned()))
}

const YES: Option<AttributeValue> = Some(AttributeValue::Bool(true));

#[tokio::test]
async fn a_disabled_bucket_refuses_everything_until_it_is_enabled() {
    let world = World::new().await;
    let lease = world.acquire(2).await.unwrap();
    world.stamp("disabled", YES).await;
    for tokens in [1, 0, 9] {
        let error = world.acquire(tokens).await.unwrap_err();
        assert_eq!(
            error.category(),
            ErrorCategory::Disabled,
            "{tokens}: {error}"
        );
        assert_eq!(error.to_string(), "api is disabled for user");
    }
    assert_eq!(world.raw().await, (7, 3), "nothing was charged");
    // A lease that was granted before is settled nevertheless.
    lease.rollback().await.unwrap();
    assert_eq!(world.raw().await, (9, 1));
    // Stored limits can be set and deleted too.
    let own = ConfigScope::entity_resource("user", "api").unwrap();
    world
        .limiter
        .config()
        .set(own.clone(), [Limit::per_minute("rpm", 10)])
        .await
        .unwrap();
    assert!(world.limiter.config().delete(&own).await.unwrap());
    assert!(world.has("disabled").await);

    world.stamp("disabled", None).await;
    drop(world.acquire(9).await.unwrap());
}

#[tokio::test]
async fn a_flood_on_a_disabled_bucket_asks_the_store_twice_a_second_at_most() {
    let world = World::new().await;
    let limiter = world.table.limiter(settings(&world.clock)).await;
    world.stamp("disabled", YES).await;
    let before = world.table.writes() + world.table.reads();
    for _ in 0..200 {
        let limit = Limit::new("tokens", 10, 1, Duration::from_secs(60)).unwrap();
        let error = limiter
            .acquire("user", "api")
            .limits(limit)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Disabled(_)), "{error}");
    }
    assert!(world.table.writes() + world.table.reads() - before <= 2);
}

#[tokio::test]
async fn a_bypassed_bucket_admits_without_charging() {
    let world = World::new().await;
    world.stamp("bypass", number_value(START + 5_000)).await;
    let mut lease = world.acquire(10).await.unwrap();
    let other = world.acquire(10).await.unwrap();
    world.acquire(3).await.unwrap().commit().await.unwrap();
    assert_eq!(world.raw().await, (9, 24), "counted, not charged");
    lease.settle("tokens", 400).unwrap();
    lease.consume("tokens", 5).await.unwrap();
    lease.commit().await.unwrap();
    other.rollback().await.unwrap();
    assert_eq!(world.raw().await, (9, 409));

    // The bypass ends at its time.
    world.advance(5_000);
    assert!(world.acquire(10).await.unwrap_err().denied().is_some());
    drop(world.acquire(9).await.unwrap());
    assert!(!world.has("bypass").await, "no config has a bypass");
}

#[tokio::test]
async fn a_bypass_that_is_gone_is_noticed_by_the_next_write() {
    let world = World::new().await;
    world.stamp("bypass", number_value(START + 60_000)).await;
    let lease = world.acquire(10).await.unwrap();
    world.stamp("bypass", None).await;
    assert!(world.acquire(10).await.unwrap_err().denied().is_some());
    let mixed = world.acquire(3).await.unwrap();
    assert_eq!(world.raw().await.0, 6);
    // A stamp that is not a time has no effect.
    world.stamp("bypass", YES).await;
    world.acquire(1).await.unwrap().commit().await.unwrap();
    assert_eq!(world.raw().await.0, 5);

    // To mint nothing, the bypassed lease gives nothing back. The other one gives back its charge.
    lease.rollback().await.unwrap();
    assert_eq!(world.raw().await.0, 5);
    mixed.rollback().await.unwrap();
    assert_eq!(world.raw().await.0, 8);
}

#[tokio::test]
async fn a_lease_that_grows_while_bypassed_gives_back_what_it_was_charged() {
    let world = World::new().await;
    let mut lease = world.acquire(4).await.unwrap();
    world.stamp("bypass", number_value(START + 60_000)).await;
    lease.consume("tokens", 9).await.unwrap();
    assert_eq!(world.raw().await, (5, 14));
    lease.rollback().await.unwrap();
    assert_eq!(world.raw().await, (9, 1));
}

#[tokio::test]
async fn a_soft_limit_is_charged_and_refuses_nothing() {
    let world = World::new().await;
    world
        .stamp("b_tokens_soft", number_value(START + 60_000))
        .await;
    world.acquire(8).await.unwrap().commit().await.unwrap();
    let lease = world.acquire(10).await.unwrap();
    assert_eq!(world.raw().await, (-9, 19));
    lease.rollback().await.unwrap();
    assert_eq!(world.raw().await, (1, 9));

    world.advance(60_000);
    assert!(
        world.acquire(3).await.unwrap_err().denied().is_some(),
        "it is a limit again"
    );
    drop(world.acquire(2).await.unwrap());
}

#[tokio::test]
async fn only_the_soft_limit_of_several_is_waived() {
    let world = World::new().await;
    let limits = [
        Limit::new("tokens", 10, 1, Duration::from_secs(60)).unwrap(),
        Limit::per_hour("requests", 2),
    ];
    let acquire = || {
        world
            .limiter
            .acquire("user", "api")
            .limits(limits.clone())
            .cost("tokens", 10)
    };
    world
        .stamp("b_tokens_soft", number_value(START + 60_000))
        .await;
    for _ in 0..2 {
        acquire().await.unwrap().commit().await.unwrap();
    }
    let denied = acquire().await.unwrap_err();
    let violated: Vec<_> = denied
        .denied()
        .unwrap()
        .violated()
        .map(|status| status.limit.name().as_str())
        .collect();
    assert!(violated.contains(&"requests"), "{violated:?}");
    assert_eq!(world.raw().await.0, -11);
}

#[tokio::test]
async fn an_overfull_bucket_is_cut_before_it_is_spent() {
    let world = World::new().await;
    // A peer's credit that did not fit leaves the bucket like this.
    world.stamp("b_tokens_tk", number_value(25_000)).await;
    world.stamp("vu", number_value(0)).await;
    world.advance(1);
    world.acquire(4).await.unwrap().commit().await.unwrap();
    assert_eq!(world.raw().await.0, 6);
    assert!(!world.has("vu").await);

    // The stamp is removed too if the limiter learns of it from its refused write, and if the
    // bucket holds little.
    world.stamp("b_tokens_tk", number_value(3_000)).await;
    world.stamp("vu", number_value(0)).await;
    assert!(world.acquire(4).await.unwrap_err().denied().is_some());
    world.advance(1);
    world.acquire(3).await.unwrap().commit().await.unwrap();
    assert_eq!(world.raw().await.0, 0);
    assert!(!world.has("vu").await);
}

#[tokio::test]
async fn a_time_of_validity_that_lies_ahead_stays() {
    let world = World::new().await;
    world.stamp("vu", number_value(START + 30_000)).await;
    world.acquire(1).await.unwrap().commit().await.unwrap();
    world.advance(20_000);
    world.acquire(1).await.unwrap().commit().await.unwrap();
    assert!(world.has("vu").await);
    world.advance(20_000);
    world.acquire(1).await.unwrap().commit().await.unwrap();
    assert!(!world.has("vu").await);
}

#[tokio::test]
async fn schedules_are_refused_by_name_and_kept() {
    for attribute in [
        "sched",
        "rsched",
        "b_tokens_sched",
        "b_tokens_rsched",
        "b_tokens_ws",
        "b_tokens_rsa",
    ] {
        let world = World::new().await;
        let lease = world.acquire(2).await.unwrap();
        world.stamp(attribute, text_value("1|0 9 * * *|x0.5")).await;
        // A peer sets `vu` with every schedule.
        world.stamp("vu", number_value(0)).await;
        for tokens in [1, 0] {
            match world.acquire(tokens).await.unwrap_err() {
                Error::Invalid(Invalid::NotUnderstood(named)) => assert_eq!(named, attribute),
                error => panic!("{attribute}: {error}"),
            }
        }
        // The give-back is written without a refill, because the rate is not known.
        world.advance(600_000);
        lease.rollback().await.unwrap();
        assert_eq!(world.raw().await, (9, 1), "{attribute}");
        assert!(
            world.has(attribute).await && world.has("vu").await,
            "{attribute}"
        );

        world.stamp(attribute, text_value("-")).await;
        if attribute.starts_with("b_") {
            drop(world.acquire(1).await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_quota_that_only_a_schedule_refills_is_refused_by_name() {
    let world = World::new().await;
    world.stamp("b_tokens_ra", number_value(0)).await;
    world
        .stamp("b_tokens_rsched", text_value("1|0 0 * * *"))
        .await;
    world.stamp("vu", number_value(0)).await;
    let error = world.acquire(1).await.unwrap_err();
    assert!(
        matches!(error, Error::Invalid(Invalid::NotUnderstood(_))),
        "{error}"
    );
}

#[tokio::test]
async fn a_config_can_disable_and_the_next_level_can_enable() {
    let world = World::new().await;
    let limits = [Limit::per_minute("rpm", 10)];
    let config = world.limiter.config();
    let api = || ConfigScope::resource("api").unwrap();
    let own = || ConfigScope::entity_resource("vip", "api").unwrap();
    config.set(api(), limits.clone()).await.unwrap();
    config.set(own(), limits.clone()).await.unwrap();
    let set = async |key: &str, sort_key: &str, value: Option<AttributeValue>| {
        let registry = world
            .table
            .engine
            .item(STACK, "_/SYSTEM#", "#NAMESPACE#default")
            .await
            .unwrap();
        let key = format!("{}/{key}", registry["namespace_id"].as_s().unwrap());
        let mut item = world
            .table
            .engine
            .item(STACK, &key, sort_key)
            .await
            .unwrap();
        match value {
            Some(value) => item.insert("disabled".into(), value),
            None => item.remove("disabled"),
        };
        world
            .table
            .engine
            .client()
            .put_item()
            .table_name(STACK)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
        world.limiter.config().invalidate();
    };
    let acquire = async |entity: &str| world.limiter.acquire(entity, "api").await.map(drop);

    set("RESOURCE#api", "#CONFIG", YES).await;
    for entity in ["user", "vip", "new"] {
        assert!(
            matches!(acquire(entity).await.unwrap_err(), Error::Disabled(_)),
            "{entity}"
        );
    }
    let explicit = world.acquire(1).await.unwrap_err();
    assert!(
        matches!(explicit, Error::Disabled(_)),
        "also with limits of one's own: {explicit}"
    );
    set(
        "ENTITY#vip",
        "#CONFIG#api",
        Some(AttributeValue::Bool(false)),
    )
    .await;
    acquire("vip").await.unwrap();
    assert!(matches!(
        acquire("new").await.unwrap_err(),
        Error::Disabled(_)
    ));

    // Setting limits does not enable the resource.
    config.set(api(), limits).await.unwrap();
    assert_eq!(
        config.get(&api()).await.unwrap().unwrap().access,
        Some(Access::Disabled)
    );
    assert!(matches!(
        acquire("new").await.unwrap_err(),
        Error::Disabled(_)
    ));
    set("RESOURCE#api", "#CONFIG", text_value("bypass")).await;
    acquire("new").await.unwrap();
}

#[tokio::test]
async fn the_layer_answers_403_without_a_time_to_retry() {
    let world = World::new().await;
    world.stamp("disabled", YES).await;
    let policy = Policy::builder()
        .entity(keys::fixed("user"))
        .resource(keys::fixed("api"));
    let policy = policy
        .limit(Limit::new("tokens", 10, 1, Duration::from_secs(60)).unwrap())
        .build()
        .unwrap();
    let app = Router::new()
        .route("/", get(|| async { "never" }))
        .route_layer(RateLimitLayer::new(world.limiter.clone(), policy));
    let response = app
        .oneshot(Request::get("/").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert!(!response.headers().contains_key("retry-after"));
}
