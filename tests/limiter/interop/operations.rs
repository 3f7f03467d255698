//! Resets, top-ups and moves to another parent, by both clients on one table.

use std::time::Duration;

use serde_json::json;
use tollgate::{
    EntityId, Error, Limit, Resource,
    error::Invalid,
    model::{ConfigScope, Entity},
};

use super::{
    peer::{Maker, Table, table_or_skip},
    same_items::twins_or_skip,
};

/// The same limits for the Python client.
const THEIRS: &str = "
from datetime import timedelta
day = Limit.quota('day', 1000, cron='0 0 * * *', tz='Europe/Berlin')
session = Limit.quota('session', 100, reset_after=timedelta(hours=5))
rate = Limit.custom('rate', 200, 1, 30 * 86400)
";

fn day() -> Limit {
    Limit::quota("day", 1000).daily("Europe/Berlin").unwrap()
}

fn session() -> Limit {
    let hours = Duration::from_secs(5 * 3600);
    Limit::quota("session", 100).session(hours).unwrap()
}

/// A token bucket that refills nothing while a test runs.
fn rate() -> Limit {
    Limit::new("rate", 200, 1, Duration::from_secs(30 * 86_400)).unwrap()
}

fn scope(id: &str) -> ConfigScope {
    ConfigScope::EntityResource(entity(id), Resource::new("api").unwrap())
}

fn entity(id: &str) -> EntityId {
    EntityId::new(id).unwrap()
}

impl Table {
    async fn they_do(&self, code: &str) {
        self.python(&format!("{THEIRS}\n{code}")).await;
    }

    async fn we_take(&self, entity: &str, limit: &str, amount: u64) -> bool {
        match self.ours.acquire(entity, "api").cost(limit, amount).await {
            Ok(lease) => {
                lease.commit().await.unwrap();
                true
            }
            Err(error) => {
                assert!(error.denied().is_some(), "{error:?}");
                false
            }
        }
    }
}

#[tokio::test]
async fn both_clients_write_the_same_items_for_resets_and_top_ups() {
    let Some(mut twins) = twins_or_skip(Maker::Theirs).await else {
        return;
    };
    let limiter = twins.table.ours.clone();
    let buckets = limiter.buckets();
    for (id, limits, theirs) in [
        ("calendar", vec![day()], "[day]"),
        ("session", vec![session()], "[session]"),
        ("rate", vec![rate()], "[rate]"),
        (
            "all",
            vec![day(), rate(), session()],
            "[day, rate, session]",
        ),
    ] {
        if id == "all" {
            limiter
                .entities()
                .create(Entity::new(entity(id)))
                .await
                .unwrap();
            let create = json!({"op": "create_entity", "entity": id});
            twins.table.theirs.ask(create).await;
        }
        let names: Vec<String> = limits
            .iter()
            .map(|limit| limit.name().to_string())
            .collect();
        limiter.config().set(scope(id), limits).await.unwrap();
        let code = format!("await limiter.set_limits('{id}', {theirs}, resource='api')");
        twins.table.they_do(&code).await;
        let mut acquire = limiter.acquire(id, "api");
        for name in &names {
            acquire = acquire.cost(name.as_str(), 70);
        }
        acquire.await.unwrap().commit().await.unwrap();
        let consume: Vec<String> = names.iter().map(|name| format!("'{name}': 70")).collect();
        let consume = consume.join(", ");
        let code = format!("async with limiter.acquire('{id}', 'api', {{{consume}}}): pass");
        twins.table.they_do(&code).await;
        twins.same(&format!("{id} charged")).await;

        for key in ["t1", "t2"] {
            let rows = names.iter().map(|name| (name.as_str(), 50));
            let top_up = buckets.top_up(id, "api", rows).idempotency_key(key);
            top_up.await.unwrap();
            let amounts: Vec<String> = names.iter().map(|name| format!("'{name}': 50")).collect();
            let amounts = amounts.join(", ");
            let code = format!(
                "await repository.top_up('{id}', 'api', {{{amounts}}}, idempotency_key='{key}')"
            );
            twins.table.they_do(&code).await;
            twins.same(&format!("{id} topped up: {key}")).await;
        }
        // If no session runs, a reset has restored nothing. The Python client counts the tokens that
        // the last session has left.
        let has_session = names.iter().any(|name| name == "session");
        for key in if has_session {
            &["r1"][..]
        } else {
            &["r1", "r2"]
        } {
            let reset = buckets.reset(id, "api").idempotency_key(*key);
            reset.await.unwrap();
            let code =
                format!("await repository.reset_bucket('{id}', 'api', idempotency_key='{key}')");
            twins.table.they_do(&code).await;
            twins.same(&format!("{id} reset: {key}")).await;
        }
    }
}

#[tokio::test]
async fn both_clients_create_the_same_bucket_for_a_top_up() {
    let Some(mut twins) = twins_or_skip(Maker::Theirs).await else {
        return;
    };
    let limiter = twins.table.ours.clone();
    let buckets = limiter.buckets();
    for (id, limits, theirs, name) in [
        ("one", vec![day(), rate()], "[day, rate]", "day"),
        ("two", vec![session()], "[session]", "session"),
        ("three", vec![rate()], "[rate]", "rate"),
    ] {
        limiter.config().set(scope(id), limits).await.unwrap();
        let code = format!("await limiter.set_limits('{id}', {theirs}, resource='api')");
        twins.table.they_do(&code).await;
        let top_up = buckets.top_up(id, "api", [(name, 50)]);
        top_up.idempotency_key("k").await.unwrap();
        let code = format!(
            "await repository.top_up('{id}', 'api', {{'{name}': 50}}, idempotency_key='k')"
        );
        twins.table.they_do(&code).await;
        twins.same(&format!("{id} topped up")).await;
    }
}

#[tokio::test]
async fn one_key_counts_for_both_clients() {
    let table = table_or_skip!(Maker::Theirs);
    table.ours.config().set(scope("u1"), [day()]).await.unwrap();
    assert!(table.we_take("u1", "day", 1000).await);
    table
        .they_do("await repository.top_up('u1', 'api', {'day': 50}, idempotency_key='theirs')")
        .await;
    let buckets = table.ours.buckets();
    let repeat = buckets.top_up("u1", "api", [("day", 50)]);
    let repeat = repeat.idempotency_key("theirs").await.unwrap();
    assert_eq!((repeat.is_repeat, repeat.amount("day")), (true, 50));
    let reset = buckets.reset("u1", "api").idempotency_key("theirs").await;
    assert!(matches!(
        reset,
        Err(Error::Invalid(Invalid::KeyUsed { .. }))
    ));

    let top_up = buckets.top_up("u1", "api", [("day", 7)]);
    top_up.idempotency_key("ours").await.unwrap();
    table
        .they_do(
            "
result = await repository.top_up('u1', 'api', {'day': 7}, idempotency_key='ours')
assert (result.shards, result.amounts) == (1, {'day': 7}), result
try:
    await repository.reset_bucket('u1', 'api', idempotency_key='ours')
    raise AssertionError('reset')
except ValidationError: pass",
        )
        .await;
    assert!(table.we_take("u1", "day", 57).await);
    assert!(!table.we_take("u1", "day", 1).await);
}

#[tokio::test]
async fn each_client_spends_what_the_other_has_restored_or_added() {
    let table = table_or_skip!(Maker::Theirs);
    for (limit, all) in [(day(), 1000), (session(), 100), (rate(), 200)] {
        let name = limit.name().to_string();
        table
            .ours
            .config()
            .set(scope(&name), [limit])
            .await
            .unwrap();
        let denied = format!(
            "try:
    async with limiter.acquire('{name}', 'api', {{'{name}': 1}}): pass
    raise AssertionError('granted')
except RateLimitExceeded: pass"
        );
        let take = |amount: u64| {
            format!("async with limiter.acquire('{name}', 'api', {{'{name}': {amount}}}): pass")
        };
        assert!(table.we_take(&name, &name, all).await);
        table
            .they_do(&format!("await repository.reset_bucket('{name}', 'api')"))
            .await;
        assert!(table.we_take(&name, &name, all).await, "{name}");
        assert!(!table.we_take(&name, &name, 1).await, "{name}");
        table
            .they_do(&format!(
                "await repository.top_up('{name}', 'api', {{'{name}': 30}})"
            ))
            .await;
        assert!(table.we_take(&name, &name, 20).await, "{name}");
        table.they_do(&format!("{}\n{denied}", take(10))).await;
        assert!(!table.we_take(&name, &name, 1).await, "{name}");

        let buckets = table.ours.buckets();
        buckets.reset(&*name, "api").await.unwrap();
        table.they_do(&format!("{}\n{denied}", take(all))).await;
        let top_up = buckets.top_up(&*name, "api", [(&*name, 30)]);
        top_up.await.unwrap();
        table.they_do(&take(20)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(table.we_take(&name, &name, 10).await, "{name}");
        table.they_do(&denied).await;
    }
}

#[tokio::test]
async fn both_clients_write_the_same_items_for_moves() {
    let Some(mut twins) = twins_or_skip(Maker::Theirs).await else {
        return;
    };
    let limiter = twins.table.ours.clone();
    let entities = limiter.entities();
    limiter
        .config()
        .set(ConfigScope::System, [rate()])
        .await
        .unwrap();
    twins
        .table
        .they_do("await limiter.set_system_defaults([rate])")
        .await;
    for (id, parent) in [("org", None), ("org2", None), ("kid", Some("org"))] {
        let mut new = Entity::new(entity(id));
        if let Some(parent) = parent {
            new = new.with_parent(entity(parent)).cascading();
        }
        entities.create(new).await.unwrap();
        let create = json!({"op": "create_entity", "entity": id, "parent": parent, "cascade": parent.is_some()});
        twins.table.theirs.ask(create).await;
    }
    for resource in ["api", "other"] {
        let acquire = limiter.acquire("kid", resource).cost("rate", 3);
        acquire.await.unwrap().commit().await.unwrap();
        let acquire =
            json!({"op": "acquire", "entity": "kid", "resource": resource, "consume": {"rate": 3}});
        twins.table.theirs.ask(acquire).await;
    }
    twins.same("charged").await;
    for parent in [Some("org2"), None, Some("org"), Some("org")] {
        let new = parent.map(entity);
        entities
            .set_parent(&entity("kid"), new.as_ref())
            .await
            .unwrap();
        let parent = parent.map_or("None".to_owned(), |parent| format!("'{parent}'"));
        let code = format!("await limiter.set_parent('kid', {parent})");
        twins.table.they_do(&code).await;
        twins.same(&format!("moved to {parent}")).await;
    }
}

#[tokio::test]
async fn each_client_charges_the_parent_that_the_other_has_set() {
    let table = table_or_skip!(Maker::Theirs);
    table
        .ours
        .config()
        .set(ConfigScope::System, [rate()])
        .await
        .unwrap();
    let entities = table.ours.entities();
    for id in ["a", "b", "c"] {
        entities.create(Entity::new(entity(id))).await.unwrap();
    }
    let kid = Entity::new(entity("kid"))
        .with_parent(entity("a"))
        .cascading();
    entities.create(kid).await.unwrap();
    let charged = async |id: &str| {
        let left = table.ours.available(id, "api").await.unwrap();
        200 - left.get("rate").unwrap().available
    };
    let theirs = "async with limiter.acquire('kid', 'api', {'rate': 5}): pass";
    assert!(table.we_take("kid", "rate", 5).await);
    table.they_do(theirs).await;
    assert_eq!(charged("a").await, 10);

    entities
        .set_parent(&entity("kid"), Some(&entity("b")))
        .await
        .unwrap();
    assert!(table.we_take("kid", "rate", 5).await);
    table.they_do(theirs).await;
    assert_eq!([charged("a").await, charged("b").await], [10, 10]);

    table.they_do("await limiter.set_parent('kid', 'c')").await;
    table.they_do(theirs).await;
    assert_eq!(charged("c").await, 5);
    assert!(table.we_take("kid", "rate", 5).await);
    assert_eq!([charged("b").await, charged("c").await], [10, 10]);
}
