//! Acquires that charge several resources, all or none.

use std::{future::IntoFuture, sync::Arc, task::Context, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    EntityId, Error, Limit, RateLimiter,
    clock::ManualClock,
    error::Invalid,
    limiter::{Acquire, LocalShare, Prefetch},
    model::{ConfigScope, Entity, Owner},
    store::{MemoryStore, StoreErrorKind},
};
use tollgate_testkit::Fault;

use super::{
    fixture::{Fixture, STACK, START, Table, integer, on_every_limiter, on_table, settings},
    flaky_store::FlakyStore,
};

on_every_limiter!(
    all_resources_are_charged_or_none,
    a_denial_lists_the_limits_of_all_resources,
    each_part_is_settled_on_its_own,
    a_part_can_ask_for_more,
    a_lease_that_is_dropped_or_rolled_back_gives_all_resources_back,
    a_lease_names_its_resources,
    availability_covers_all_resources,
    limits_that_only_observe_are_left_out_for_each_resource,
    a_handle_charges_further_resources,
    stored_limits_are_not_needed_if_there_are_defaults,
    a_cost_above_a_capacity_names_the_added_resource,
);

fn tokens() -> Limit {
    Limit::per_day("tokens", 10)
}

fn cents() -> Limit {
    Limit::per_day("cents", 20)
}

/// Asks for tokens of a model, and for cents of the budget over all models.
fn ask(limiter: &RateLimiter, model: &str, used: u64, spent: u64) -> Acquire {
    limiter
        .acquire("user", model)
        .limits(tokens())
        .cost("tokens", used)
        .also("all", [("cents", spent)])
        .also_limits("all", cents())
}

async fn left(limiter: &RateLimiter, resource: &str, limit: &Limit) -> i64 {
    let available = limiter
        .available("user", resource)
        .limits(limit.clone())
        .await
        .unwrap();
    available.get(limit.name().as_str()).unwrap().available
}

/// Waits until a bucket has this number of tokens, because charges are given back in the
/// background.
async fn comes_to(limiter: &RateLimiter, resource: &str, limit: &Limit, tokens: i64) {
    for _ in 0..200 {
        if left(limiter, resource, limit).await == tokens {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(left(limiter, resource, limit).await, tokens, "{resource}");
}

async fn all_resources_are_charged_or_none(at: Fixture) {
    let limiter = &at.limiter;
    ask(limiter, "small", 4, 7).await.unwrap().commit();
    ask(limiter, "large", 3, 8).await.unwrap().commit();
    for (resource, limit, tokens) in [
        ("small", tokens(), 6),
        ("large", tokens(), 7),
        ("all", cents(), 5),
    ] {
        assert_eq!(left(limiter, resource, &limit).await, tokens, "{resource}");
    }
    // The budget is short, then the model. Another process knows neither.
    let other = at.another().await;
    for limiter in [limiter, &other] {
        for (used, spent) in [(1, 6), (7, 1)] {
            let error = ask(limiter, "small", used, spent).await.unwrap_err();
            assert!(error.denied().is_some(), "{error}");
        }
        comes_to(limiter, "small", &tokens(), 6).await;
        comes_to(limiter, "all", &cents(), 5).await;
    }
    ask(&other, "small", 6, 5).await.unwrap().commit();
    assert_eq!(left(&other, "all", &cents()).await, 0);
}

async fn a_denial_lists_the_limits_of_all_resources(at: Fixture) {
    ask(&at.limiter, "small", 1, 15).await.unwrap().commit();
    let acquire = ask(&at.limiter, "small", 1, 15)
        .also("requests", [("rpd", 1)])
        .also_limits("requests", Limit::per_day("rpd", 3));
    let error = acquire.await.unwrap_err();
    let denied = error.denied().expect("the budget is short");
    assert_eq!(denied.resource, "small");
    let listed = denied.limits.iter().map(|status| {
        (
            status.resource.as_ref().map(|name| name.as_str()),
            status.limit.name().as_str(),
            status.available,
            status.requested,
            status.exceeded(),
        )
    });
    assert_eq!(
        listed.collect::<Vec<_>>(),
        [
            (None, "tokens", 9, 1, false),
            (Some("all"), "cents", 5, 15, true),
            (Some("requests"), "rpd", 3, 1, false),
        ]
    );
    let text = error.to_string();
    assert!(
        text.contains("cents of all has 5 of the 15 requested"),
        "{text}"
    );
    let json = serde_json::to_value(denied).unwrap();
    assert_eq!(json["limits"][1]["resource"], "all");
    assert!(json["limits"][0].get("resource").is_none());
}

async fn each_part_is_settled_on_its_own(at: Fixture) {
    let mut lease = ask(&at.limiter, "small", 4, 7).await.unwrap();
    lease.settle("tokens", 2).unwrap();
    let error = lease.settle("cents", 2).unwrap_err();
    assert_eq!(error, Invalid::UnknownLimit("cents".to_owned()));
    let mut budget = lease.part_mut("all").unwrap();
    budget.adjust("cents", 5).unwrap();
    budget.release("cents", 1).unwrap();
    assert_eq!(budget.consumed("cents"), Some(11));
    assert_eq!(
        budget.settle("tokens", 1).unwrap_err(),
        Invalid::UnknownLimit("tokens".to_owned())
    );
    lease.commit().await.unwrap();
    assert_eq!(left(&at.limiter, "small", &tokens()).await, 8);
    assert_eq!(left(&at.limiter, "all", &cents()).await, 9);
    assert_eq!(at.raw("user", "all", "cents").await.1, 11_000);
    // The use of a part may go into debt.
    let mut lease = ask(&at.limiter, "small", 1, 1).await.unwrap();
    lease.part_mut("all").unwrap().settle("cents", 15).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(left(&at.limiter, "all", &cents()).await, -6);
}

async fn a_part_can_ask_for_more(at: Fixture) {
    let mut lease = ask(&at.limiter, "small", 4, 7).await.unwrap();
    let mut budget = lease.part_mut("all").unwrap();
    budget.consume("cents", 10).await.unwrap();
    assert_eq!(budget.consumed("cents"), Some(17));
    let error = budget.consume("cents", 4).await.unwrap_err();
    assert!(error.denied().is_some(), "{error}");
    lease
        .part_mut("small")
        .unwrap()
        .consume("tokens", 5)
        .await
        .unwrap();
    assert_eq!(lease.consumed("tokens"), Some(9));
    lease.commit().await.unwrap();
    assert_eq!(left(&at.limiter, "small", &tokens()).await, 1);
    assert_eq!(left(&at.limiter, "all", &cents()).await, 3);
}

async fn a_lease_that_is_dropped_or_rolled_back_gives_all_resources_back(at: Fixture) {
    drop(ask(&at.limiter, "small", 4, 7).await.unwrap());
    let lease = ask(&at.limiter, "small", 6, 13).await.unwrap();
    lease.rollback().await.unwrap();
    comes_to(&at.limiter, "small", &tokens(), 10).await;
    comes_to(&at.limiter, "all", &cents(), 20).await;
    let result = ask(&at.limiter, "small", 10, 20)
        .run(async |lease| {
            lease.part_mut("all")?.settle("cents", 3)?;
            Ok::<_, Error>(lease.resources().count())
        })
        .await;
    assert_eq!(result.unwrap(), 2);
    comes_to(&at.limiter, "all", &cents(), 17).await;
}

async fn a_lease_names_its_resources(at: Fixture) {
    let mut lease = ask(&at.limiter, "small", 4, 7).await.unwrap();
    let names: Vec<_> = lease.resources().map(ToString::to_string).collect();
    assert_eq!(names, ["small", "all"]);
    let budget = lease.part("all").unwrap();
    assert_eq!(budget.entity().as_str(), "user");
    assert_eq!(budget.resource().as_str(), "all");
    assert_eq!(budget.limits().to_vec(), [cents()]);
    assert_eq!(budget.parent(), None);
    let own = lease.part("small").unwrap();
    assert_eq!(own.consumed("tokens"), Some(4));
    let seen = |status: &tollgate::model::LimitStatus| {
        (
            status.resource.as_ref().map(ToString::to_string),
            status.available,
        )
    };
    let all: Vec<_> = lease.all_statuses().iter().map(seen).collect();
    assert_eq!(all, [(None, 6), (Some("all".to_owned()), 13)]);
    assert_eq!(lease.statuses().len(), 1);
    for error in [
        lease.part("large").map(drop).unwrap_err(),
        lease.part_mut("large").map(drop).unwrap_err(),
    ] {
        assert_eq!(error, Invalid::UnknownResource("large".to_owned()));
    }
    lease.commit();
}

async fn availability_covers_all_resources(at: Fixture) {
    ask(&at.limiter, "small", 4, 15).await.unwrap().commit();
    let query = at
        .limiter
        .available("user", "small")
        .limits(tokens())
        .also("all", [("cents", 6)])
        .also_limits("all", cents());
    let available = query.clone().await.unwrap();
    assert!(!available.is_available());
    let resources: Vec<_> = available
        .limits
        .iter()
        .map(|status| status.resource.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(resources, [None, Some("all".to_owned())]);
    let wait = at
        .limiter
        .time_until_available("user", "small")
        .limits(tokens())
        .also("all", [("cents", 6)])
        .also_limits("all", cents());
    assert_eq!(wait.await.unwrap(), available.retry_after());
    assert!(available.retry_after().unwrap() > Duration::from_secs(3600));
}

async fn limits_that_only_observe_are_left_out_for_each_resource(at: Fixture) {
    ask(&at.limiter, "small", 1, 18).await.unwrap().commit();
    let mut lease = ask(&at.limiter, "small", 1, 5)
        .shadow_limit("cents")
        .await
        .unwrap();
    let [short] = lease.shadow_denials() else {
        panic!("{:?}", lease.shadow_denials());
    };
    assert_eq!(short.resource.as_ref().unwrap().as_str(), "all");
    lease.part_mut("all").unwrap().settle("cents", 9).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(left(&at.limiter, "small", &tokens()).await, 8);
    assert_eq!(left(&at.limiter, "all", &cents()).await, 2);
}

#[tokio::test]
async fn wrong_resources_are_refused_with_typed_errors() {
    let limiter = RateLimiter::memory();
    let none: [(&str, u64); 0] = [];
    let invalid = |error: Error| match error {
        Error::Invalid(invalid) => invalid,
        error => panic!("{error}"),
    };
    let acquire = || limiter.acquire("user", "api").limits(tokens());
    let own = acquire().also("api", none).await.unwrap_err();
    assert!(matches!(invalid(own), Invalid::ResourceRepeated(name) if name == "api"));
    let twice = acquire().also("all", none).also("all", none);
    let twice = invalid(twice.await.unwrap_err());
    assert!(matches!(twice, Invalid::ResourceRepeated(name) if name == "all"));
    let mut many = acquire();
    for number in 1..Acquire::MAX_RESOURCES {
        let resource = format!("resource-{number}");
        many = many
            .also(resource.as_str(), none)
            .also_limits(&resource, Limit::per_day("rpd", 5));
    }
    let lease = many.clone().await.unwrap();
    assert_eq!(lease.resources().count(), 16);
    lease.commit();
    let more = invalid(many.also("one-more", none).await.unwrap_err());
    assert_eq!(more, Invalid::TooManyResources { most: 16 });
    let unknown = acquire().also_limits("all", cents()).await.unwrap_err();
    assert_eq!(invalid(unknown), Invalid::UnknownResource("all".to_owned()));
    let no_limits = acquire().also("all", none).await.unwrap_err();
    assert_eq!(invalid(no_limits), Invalid::NoLimits);
    let limit = acquire()
        .also("all", [("tokens", 1)])
        .also_limits("all", cents());
    assert_eq!(
        invalid(limit.await.unwrap_err()),
        Invalid::UnknownLimit("tokens".to_owned())
    );
    // Nothing was charged by any of them.
    assert_eq!(left(&limiter, "api", &tokens()).await, 9);
}

async fn a_handle_charges_further_resources(at: Fixture) {
    let bucket = at.limiter.bucket("user", "small").unwrap();
    let bucket = bucket.limits(tokens()).unwrap();
    for _ in 0..2 {
        let acquire = bucket.acquire().also("all", [("cents", 5)]);
        let lease = acquire.also_limits("all", cents()).await.unwrap();
        assert_eq!(lease.resources().count(), 2);
        lease.commit();
    }
    assert_eq!(left(&at.limiter, "small", &tokens()).await, 8);
    assert_eq!(left(&at.limiter, "all", &cents()).await, 10);
}

async fn stored_limits_are_not_needed_if_there_are_defaults(at: Fixture) {
    let acquire = at.limiter.acquire("user", "small").default_limits(tokens());
    let acquire = acquire.also("all", [("cents", 5)]);
    let lease = acquire.also_default_limits("all", cents()).await.unwrap();
    lease.commit();
    assert_eq!(left(&at.limiter, "all", &cents()).await, 15);
}

/// A limiter with stored limits, and a child `user` of `org` that cascades.
async fn family(limiter: &RateLimiter) {
    let kid = Entity::new("user".try_into().unwrap())
        .with_parent("org".try_into().unwrap())
        .cascading();
    limiter.entities().create(kid).await.unwrap();
    let config = limiter.config();
    for (resource, limit) in [("small", tokens()), ("all", cents())] {
        let scope = ConfigScope::Resource(resource.try_into().unwrap());
        config.set(scope, limit).await.unwrap();
    }
}

fn stored(limiter: &RateLimiter, used: u64, spent: u64) -> Acquire {
    limiter
        .acquire("user", "small")
        .cost("tokens", used)
        .also("all", [("cents", spent)])
}

async fn parents_are_charged_for_each_resource(limiter: &RateLimiter) {
    family(limiter).await;
    let lease = stored(limiter, 4, 7).await.unwrap();
    assert_eq!(lease.parent().unwrap().as_str(), "org");
    assert_eq!(lease.part("all").unwrap().parent().unwrap().as_str(), "org");
    lease.commit().await.unwrap();
    // The parent's budget is nearly spent, so the child is denied and nobody is charged.
    let spend = limiter.acquire("org", "all").cost("cents", 12);
    spend.await.unwrap().commit().await.unwrap();
    let error = stored(limiter, 1, 2).await.unwrap_err();
    let denied = error.denied().unwrap();
    let violated: Vec<_> = denied
        .violated()
        .map(|status| (status.owner, status.resource.as_ref().unwrap().as_str()))
        .collect();
    assert_eq!(violated, [(Owner::Parent, "all")]);
    assert_eq!(denied.limits.len(), 4);
    let left = async |entity: &str, resource: &str, limit: &str| {
        let available = limiter.available(entity, resource).await.unwrap();
        available.get(limit).unwrap().available
    };
    for _ in 0..200 {
        if left("user", "small", "tokens").await == 6 && left("user", "all", "cents").await == 13 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(left("user", "small", "tokens").await, 6);
    assert_eq!(left("user", "all", "cents").await, 13);
    assert_eq!(left("org", "small", "tokens").await, 6);
    assert_eq!(left("org", "all", "cents").await, 1);
    stored(limiter, 1, 1).await.unwrap().commit().await.unwrap();
    assert_eq!(left("org", "all", "cents").await, 0);
}

#[tokio::test]
async fn parents_are_charged_for_each_resource_in_memory() {
    parents_are_charged_for_each_resource(&RateLimiter::memory()).await;
}

#[tokio::test]
async fn parents_are_charged_for_each_resource_in_a_table() {
    let (_table, _, limiter) = on_table(|settings| settings).await;
    parents_are_charged_for_each_resource(&limiter).await;
}

/// Another process knows neither that the model is short nor that the budget is disabled.
#[tokio::test]
async fn a_disabled_resource_outranks_a_short_one() {
    let (table, clock, limiter) = on_table(|settings| settings).await;
    ask(&limiter, "small", 10, 1).await.unwrap().commit();
    let mut item = table.item("user", "all").await.unwrap();
    item.insert("disabled".to_owned(), AttributeValue::Bool(true));
    let client = table.engine.client();
    let put = client.put_item().table_name(STACK).set_item(Some(item));
    put.send().await.unwrap();
    let other = table.limiter(settings(&clock)).await;
    let error = ask(&other, "small", 5, 1).await.unwrap_err();
    let Error::Disabled(disabled) = error else {
        panic!("{error}")
    };
    assert_eq!(disabled.resource, "all");
}

/// Returns a table whose buckets exist, so that each request is one write per bucket.
async fn used_table() -> (Table, ManualClock, RateLimiter) {
    let (table, clock, limiter) = on_table(|settings| settings).await;
    warm(&limiter).await;
    (table, clock, limiter)
}

async fn warm(limiter: &RateLimiter) {
    for _ in 0..2 {
        three(limiter, 1).await.unwrap().commit().await.unwrap();
    }
}

/// Asks for tokens of three resources.
fn three(limiter: &RateLimiter, tokens: u64) -> Acquire {
    let limit = || Limit::per_day("tokens", 100);
    limiter
        .acquire("user", "one")
        .limits(limit())
        .without_parent()
        .cost("tokens", tokens)
        .also("two", [("tokens", tokens)])
        .also_limits("two", limit())
        .also("three", [("tokens", tokens)])
        .also_limits("three", limit())
}

/// Returns the net consumption of each resource, in tokens.
async fn consumed(table: &Table) -> [i64; 3] {
    let mut all = [0; 3];
    for (index, resource) in ["one", "two", "three"].into_iter().enumerate() {
        let item = table.item("user", resource).await.unwrap();
        all[index] = integer(&item, "b_tokens_tc") / 1000;
    }
    all
}

#[tokio::test]
async fn each_resource_costs_one_write_and_all_are_written_at_once() {
    let (table, _, limiter) = used_table().await;
    let before = (table.writes(), table.reads());
    for _ in 0..5 {
        three(&limiter, 1).await.unwrap().commit();
    }
    assert_eq!((table.writes(), table.reads()), (before.0 + 15, before.1));
    // Three writes one after the other would take three times as long.
    let distance = Duration::from_millis(150);
    table.proxy.add_fault(Fault::distance(distance));
    let begun = std::time::Instant::now();
    three(&limiter, 1).await.unwrap().commit();
    let took = begun.elapsed();
    assert!(took >= distance && took < 2 * distance, "{took:?}");
}

#[tokio::test]
async fn each_resource_is_served_from_its_prefetched_tokens() {
    let (table, _, limiter) = on_table(|settings| settings).await;
    let limit = || Limit::new("tokens", 10_000, 100, Duration::from_secs(1)).unwrap();
    let prefetch = Prefetch::new()
        .interval(Duration::from_millis(20))
        .lifetime(Duration::from_secs(60));
    for _ in 0..60 {
        let acquire = limiter
            .acquire("user", "one")
            .limits(limit())
            .prefetch(prefetch)
            .also("two", [("tokens", 1)])
            .also_limits("two", limit());
        acquire.await.unwrap().commit();
    }
    assert!(limiter.prefetch_stats().served >= 20);
    assert!(table.writes() < 100, "{}", table.writes());
    limiter.shutdown().await;
    for resource in ["one", "two"] {
        let item = table.item("user", resource).await.unwrap();
        assert_eq!(integer(&item, "b_tokens_tc"), 60_000);
    }
}

#[tokio::test]
async fn one_transaction_charges_all_resources() {
    let (table, _, limiter) = used_table().await;
    limiter.shutdown().await;
    let limiter = table.limiter(settings(&ManualClock::at(START))).await;
    let transactions = || table.proxy.count("TransactWriteItems");
    let (before, began_with) = ((consumed(&table).await, table.writes()), transactions());
    let lease = three(&limiter, 5).in_one_transaction().await.unwrap();
    assert_eq!(consumed(&table).await, before.0.map(|tokens| tokens + 5));
    assert_eq!(table.writes(), before.1, "no write of a single bucket");
    assert_eq!(transactions(), began_with + 1);
    lease.commit().await.unwrap();
    // The last resource is short: none is charged, not even for a while.
    let spend = limiter
        .acquire("user", "three")
        .limits(Limit::per_day("tokens", 100))
        .cost("tokens", 90);
    spend.await.unwrap().commit().await.unwrap();
    let (before, writes) = (consumed(&table).await, table.writes());
    let error = three(&limiter, 10).in_one_transaction().await.unwrap_err();
    assert_eq!(error.denied().unwrap().limits.len(), 3);
    assert_eq!((consumed(&table).await, table.writes()), (before, writes));
}

#[tokio::test]
async fn a_lost_answer_of_one_resource_gives_the_others_back() {
    let (table, clock, limiter) = used_table().await;
    limiter.shutdown().await;
    let limiter = table
        .limiter(settings(&clock).deadline(Duration::from_millis(400)))
        .await;
    let before = consumed(&table).await;
    // One of the three writes is executed, and its answer never comes.
    table
        .proxy
        .add_fault(Fault::delay(Duration::from_secs(2)).on("UpdateItem").once());
    let error = three(&limiter, 5).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    for _ in 0..300 {
        if consumed(&table).await == before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    limiter.shutdown().await;
    assert_eq!(consumed(&table).await, before);
}

#[tokio::test]
async fn an_answer_that_is_lost_after_its_write_is_found_again() {
    let (table, _, limiter) = used_table().await;
    let before = consumed(&table).await;
    table
        .proxy
        .add_fault(Fault::delay(Duration::ZERO).on("UpdateItem").once());
    table
        .proxy
        .add_fault(Fault::lose_response().on("UpdateItem").once());
    three(&limiter, 5).await.unwrap().commit().await.unwrap();
    limiter.shutdown().await;
    assert_eq!(consumed(&table).await, before.map(|tokens| tokens + 5));
}

#[tokio::test]
async fn a_dropped_request_gives_all_resources_back() {
    let (table, _, limiter) = used_table().await;
    let before = consumed(&table).await;
    table
        .proxy
        .add_fault(Fault::distance(Duration::from_millis(50)));
    for millis in [0, 10, 30, 60, 90] {
        let mut acquire = Box::pin(three(&limiter, 5).into_future());
        // The writes begin.
        let waker = std::task::Waker::noop();
        assert!(
            acquire
                .as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
        tokio::time::sleep(Duration::from_millis(millis)).await;
        drop(acquire);
    }
    limiter.shutdown().await;
    assert_eq!(consumed(&table).await, before);
}

#[tokio::test]
async fn a_local_share_covers_all_resources() {
    let store = Arc::new(FlakyStore::default());
    let limiter = settings(&ManualClock::at(START))
        .build_shared(store.clone())
        .unwrap();
    warm(&limiter).await;
    store.fail(StoreErrorKind::NotApplied);
    let local = |tokens| three(&limiter, tokens).or_locally(LocalShare::one_of(2));
    let lease = local(30).await.unwrap();
    assert!(lease.is_degraded());
    assert_eq!(lease.resources().count(), 3);
    lease.commit();
    let error = local(30).await.unwrap_err();
    let denied = error.denied().unwrap();
    assert!(denied.degraded);
    assert_eq!(denied.limits.len(), 3);
    local(20).await.unwrap().commit();
}

/// A request that waits starts when the slowest bucket is refilled.
#[tokio::test(start_paused = true)]
async fn a_request_waits_for_the_bucket_that_takes_longest() {
    let fast = Limit::per_second("rps", 10).with_burst(1);
    let slow = Limit::per_second("rps", 1).with_burst(1);
    let acquire = |limiter: &RateLimiter| {
        limiter
            .acquire("user", "fast")
            .limits(fast.clone())
            .also("slow", [("rps", 1)])
            .also_limits("slow", slow.clone())
            .until_ready(Duration::from_secs(2))
    };
    let store = Arc::new(MemoryStore::new());
    let clock = super::flaky_store::RuntimeClock::start;
    for limiter in [
        RateLimiter::builder()
            .clock(clock())
            .build_memory(MemoryStore::new()),
        RateLimiter::builder()
            .clock(clock())
            .build_shared(store)
            .unwrap(),
    ] {
        let begun = tokio::time::Instant::now();
        for _ in 0..3 {
            acquire(&limiter).await.unwrap().commit();
        }
        let took = begun.elapsed();
        assert!((1990..2100).contains(&took.as_millis()), "{took:?}");
        let (one, two, three) =
            tokio::join!(acquire(&limiter), acquire(&limiter), acquire(&limiter));
        assert!(one.is_ok() && two.is_ok());
        assert!(three.unwrap_err().denied().is_some());
    }
}

async fn a_cost_above_a_capacity_names_the_added_resource(at: Fixture) {
    let exceeded = |error: Error| match error {
        Error::ExceedsCapacity(exceeded) => {
            let added = exceeded.added.map(|resource| resource.to_string());
            let resource = exceeded.resource.to_string();
            (resource, added, exceeded.owner, exceeded.requested)
        }
        error => panic!("{error:?}"),
    };
    let of_the_request = |requested| ("model".to_owned(), None, Owner::Entity, requested);
    let added = |owner, requested| ("all".to_owned(), Some("all".to_owned()), owner, requested);
    let own = ask(&at.limiter, "model", 11, 1).await.unwrap_err();
    assert_eq!(exceeded(own), of_the_request(11));
    let error = ask(&at.limiter, "model", 1, 21).await.unwrap_err();
    assert_eq!(exceeded(error), added(Owner::Entity, 21));

    // A lease asks for more.
    let mut lease = ask(&at.limiter, "model", 1, 1).await.unwrap();
    let error = lease.consume("tokens", 12).await.unwrap_err();
    assert_eq!(exceeded(error), of_the_request(12));
    let mut part = lease.part_mut("all").unwrap();
    let error = part.consume("cents", 22).await.unwrap_err();
    assert_eq!(exceeded(error), added(Owner::Entity, 22));
    lease.commit().await.unwrap();
}

#[tokio::test]
async fn a_cost_above_the_capacity_of_a_parent_in_memory() {
    a_cost_above_the_capacity_of_a_parent_names_the_added_resource(Fixture::in_memory()).await;
}

#[tokio::test]
async fn a_cost_above_the_capacity_of_a_parent_over_dynamodb() {
    a_cost_above_the_capacity_of_a_parent_names_the_added_resource(Fixture::dynamodb().await).await;
}

async fn a_cost_above_the_capacity_of_a_parent_names_the_added_resource(at: Fixture) {
    let child = Entity::new(EntityId::new("child").unwrap());
    let child = child.with_parent(EntityId::new("parent").unwrap());
    at.limiter
        .entities()
        .create(child.cascading())
        .await
        .unwrap();
    let config = at.limiter.config();
    for (scope, limits) in [
        (ConfigScope::system(), vec![tokens(), cents()]),
        (
            ConfigScope::entity_resource("parent", "all").unwrap(),
            vec![Limit::per_day("cents", 5), tokens()],
        ),
    ] {
        config.set(scope, limits).await.unwrap();
    }
    let acquire = at.limiter.acquire("child", "model");
    match acquire.also("all", [("cents", 6)]).await {
        Err(Error::ExceedsCapacity(exceeded)) => {
            assert_eq!(exceeded.added.unwrap(), "all");
            assert_eq!((exceeded.owner, exceeded.capacity), (Owner::Parent, 5));
        }
        other => panic!("{other:?}"),
    }
}
