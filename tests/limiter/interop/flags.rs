//! Both clients store, stamp, obey and renew the same flags.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::{self, Bool, N, S};
use tollgate::{
    Error, Limit,
    model::{ConfigScope, DisabledLevel, Entity, StoredConfig},
};

use super::{
    peer::{Item, Maker, STACK, Table, table_or_skip},
    same_items::twins_or_skip,
};

/// 10 tokens, of which nothing is refilled while a test runs.
fn slow() -> Limit {
    Limit::new("rpd", 10, 1, Duration::from_secs(30 * 86_400)).unwrap()
}

/// The same limit for the Python client.
const THEIRS: &str = "
from datetime import timedelta
rpd = Limit('rpd', 10, 1, 30 * 86400)
soft = Limit('rpd', 10, 1, 30 * 86400, soft=True)
async def take(entity, amount, resource='api'):
    async with limiter.acquire(entity, resource, {'rpd': amount}) as lease: return lease
async def refused(entity, amount, error, resource='api'):
    try: await take(entity, amount, resource)
    except error as refusal: return refusal
    raise AssertionError('granted')
";

fn scope(of: &str) -> ConfigScope {
    match of.split_once('/') {
        None => ConfigScope::entity(of).unwrap(),
        Some(("", resource)) => ConfigScope::resource(resource).unwrap(),
        Some((entity, resource)) => ConfigScope::entity_resource(entity, resource).unwrap(),
    }
}

impl Table {
    /// Runs Python code with the helpers of [`THEIRS`].
    async fn theirs_run(&self, code: &str) {
        self.python(&format!("{}\n{code}", THEIRS.trim())).await;
    }

    async fn charge(&self, entity: &str, amount: u64) -> Result<tollgate::Lease, Error> {
        self.ours.acquire(entity, "api").cost("rpd", amount).await
    }

    async fn take_ours(&self, entity: &str, amount: u64) -> tollgate::limiter::Settlement {
        self.charge(entity, amount).await.unwrap().commit()
    }

    async fn state(&self, entity: &str) -> Item {
        let items = self.items().await.into_iter();
        let key = format!("/BUCKET#{entity}#");
        let mut buckets = items.filter(|item| item["PK"].as_s().unwrap().contains(&key));
        buckets.next().unwrap()
    }

    /// Sets an attribute of a bucket; `None` removes it.
    async fn put(&self, entity: &str, attribute: &str, value: Option<AttributeValue>) {
        let mut item = self.state(entity).await;
        match value {
            Some(value) => item.insert(attribute.to_owned(), value),
            None => item.remove(attribute),
        };
        let client = self.engine.client();
        let put = client.put_item().table_name(STACK);
        put.set_item(Some(item.into_iter().collect()))
            .send()
            .await
            .unwrap();
    }
}

fn number(item: &Item, name: &str) -> i64 {
    item[name].as_n().unwrap().parse().unwrap()
}

#[tokio::test]
async fn both_clients_store_the_same_flags_and_stamp_the_same_buckets() {
    let Some(mut twins) = twins_or_skip(Maker::Theirs).await else {
        return;
    };
    let ours = twins.table.ours.clone();
    let config = ours.config();
    config.set(ConfigScope::System, slow()).await.unwrap();
    twins
        .table
        .theirs_run("await limiter.set_system_defaults([rpd])")
        .await;
    for id in ["a", "b"] {
        twins.table.take_ours(id, 1).await.await.unwrap();
        twins
            .table
            .theirs_run(&format!("await take('{id}', 1)"))
            .await;
    }
    twins.same("two buckets").await;
    let steps = [
        ("disable", "a", "disable_entity('a')"),
        ("enable", "a/api", "enable_entity('a', 'api')"),
        ("clear", "never", "clear_entity_disabled('never')"),
        ("disable", "b", "disable_entity('b')"),
        ("same", "", ""),
        ("bypass", "a/api", "bypass_entity('a', 'api')"),
        ("clear", "b", "clear_entity_disabled('b')"),
        ("cascade", "b", "set_entity_cascade('b', True)"),
        ("same", "", ""),
        ("clear", "a/api", "clear_entity_disabled('a', 'api')"),
        ("bypass", "/api", "bypass_resource('api')"),
        ("uncascade", "b", "clear_entity_cascade('b')"),
        ("same", "", ""),
        ("disable", "/api", "disable_resource('api')"),
        ("cascade", "/api", "set_resource_cascade('api', True)"),
        ("same", "", ""),
        ("enable", "/api", "enable_resource('api')"),
        ("clear", "/api", "clear_resource_disabled('api')"),
        ("clear", "a", "clear_entity_disabled('a')"),
        ("uncascade", "/api", "clear_resource_cascade('api')"),
        ("same", "", ""),
    ];
    // A Python process takes seconds to start.
    let mut calls = String::new();
    for (call, of, theirs) in steps {
        if call == "same" {
            twins.table.theirs_run(&calls).await;
            twins.same(&std::mem::take(&mut calls)).await;
            continue;
        }
        calls.push_str(&format!("await repository.{theirs}\n"));
        let of = scope(of);
        match call {
            "disable" => config.disable(&of).await,
            "enable" => config.enable(&of).await,
            "bypass" => config.bypass(&of).await,
            "clear" => config.clear_access(&of).await,
            "cascade" => config.set_cascade(&of, true).await,
            _ => config.clear_cascade(&of).await,
        }
        .unwrap();
    }
    // Buckets that begin with stamps.
    config.bypass(&scope("vip")).await.unwrap();
    twins
        .table
        .theirs_run("await repository.bypass_entity('vip')")
        .await;
    twins.table.take_ours("vip", 7).await.await.unwrap();
    twins.table.theirs_run("await take('vip', 7)").await;
    twins.same("a new bucket that is bypassed").await;
    twins.table.take_ours("vip", 7).await.await.unwrap();
    twins.table.theirs_run("await take('vip', 7)").await;
    twins.same("and charged again").await;

    config.set(scope("c"), slow().soft()).await.unwrap();
    twins
        .table
        .theirs_run("await limiter.set_limits('c', [soft])")
        .await;
    twins.same("a soft limit").await;
    for _ in 0..2 {
        twins.table.take_ours("c", 7).await.await.unwrap();
        twins.table.theirs_run("await take('c', 7)").await;
        twins.same("charged").await;
    }
    config.set(scope("c"), slow()).await.unwrap();
    twins
        .table
        .theirs_run("await limiter.set_limits('c', [rpd])")
        .await;
    twins.same("hard again").await;
    let session = Limit::quota("session", 10).session(Duration::from_secs(3600));
    let session = session.unwrap().soft();
    let flagged = StoredConfig::new([slow(), session]);
    let flagged = flagged
        .with_access(tollgate::model::Access::Bypassed)
        .with_cascade(false);
    config.set(scope("d/api"), flagged).await.unwrap();
    twins
        .table
        .theirs_run(
            "session = Limit.quota('session', 10, reset_after=timedelta(hours=1), soft=True)
await repository.set_limits('d', [rpd, session], resource='api', disabled='bypass', cascade=False)",
        )
        .await;
    twins.same("limits and flags in one call").await;
}

#[tokio::test]
async fn flags_of_the_python_client_are_obeyed_and_renewed() {
    let table = table_or_skip!(Maker::Theirs);
    table
        .theirs_run("await limiter.set_system_defaults([rpd])\nawait take('u1', 1)")
        .await;
    table
        .theirs_run("await repository.disable_entity('u1')")
        .await;
    let Error::Disabled(error) = table.charge("u1", 1).await.unwrap_err() else {
        panic!("it is disabled");
    };
    assert_eq!(error.level, DisabledLevel::EntityDefault);

    table
        .theirs_run("await repository.bypass_entity('u1')")
        .await;
    table.take_ours("u1", 10).await.await.unwrap();
    let item = table.state("u1").await;
    assert_eq!(
        (number(&item, "b_rpd_tk"), number(&item, "b_rpd_tc")),
        (9000, 11_000)
    );
    // Its end has passed: the next acquire renews it.
    table.put("u1", "bypass", Some(N("1000".into()))).await;
    table.take_ours("u1", 10).await.await.unwrap();
    let item = table.state("u1").await;
    assert!(number(&item, "bypass") > number(&item, "rf"));
    assert_eq!(
        (number(&item, "b_rpd_tk"), number(&item, "b_rpd_tc")),
        (9000, 21_000)
    );
    // The Python client accepts our stamp.
    table
        .theirs_run("lease = await take('u1', 10)\nassert lease.bypassed")
        .await;
    // A stamp that the config does not back.
    table
        .theirs_run("await repository.clear_entity_disabled('u1')")
        .await;
    table.put("u1", "bypass", Some(N("1000".into()))).await;
    assert!(table.charge("u1", 10).await.unwrap_err().denied().is_some());
    assert!(!table.state("u1").await.contains_key("bypass"));

    table
        .theirs_run("await limiter.set_resource_defaults('api', [soft])\nawait take('u2', 8)")
        .await;
    let lease = table.charge("u2", 8).await.unwrap();
    assert!(lease.is_overdrawn());
    lease.commit().await.unwrap();
    table.put("u2", "b_rpd_soft", Some(N("1000".into()))).await;
    table.take_ours("u2", 8).await.await.unwrap();
    let item = table.state("u2").await;
    assert_eq!(number(&item, "b_rpd_tk"), -14_000);
    assert!(number(&item, "b_rpd_soft") > number(&item, "rf"));

    table
        .theirs_run(
            "await limiter.create_entity('org')
await limiter.create_entity('kid', parent_id='org')
await take('kid', 1)
await repository.set_resource_cascade('api', True)",
        )
        .await;
    let lease = table.charge("kid", 1).await.unwrap();
    assert_eq!(lease.parent().map(|parent| parent.as_str()), Some("org"));
    lease.commit().await.unwrap();
    table
        .theirs_run("await repository.disable_entity('org')")
        .await;
    let Error::Disabled(error) = table.charge("kid", 1).await.unwrap_err() else {
        panic!("the parent is disabled");
    };
    assert_eq!(error.entity.as_str(), "org");
}

#[tokio::test]
async fn the_python_client_obeys_our_flags() {
    let table = table_or_skip!(Maker::Theirs);
    let config = table.ours.config();
    config.set(ConfigScope::System, slow()).await.unwrap();
    for id in ["u1", "u2", "u3"] {
        table.take_ours(id, 1).await.await.unwrap();
    }
    config.disable(&scope("u1")).await.unwrap();
    table
        .theirs_run(
            "error = await refused('u1', 1, ResourceDisabled)
assert error.level in ('bucket', 'entity_default'), error.level
error = await refused('u1', 1, ResourceDisabled, 'other')
assert error.level == 'entity_default', error.level",
        )
        .await;
    config.enable(&scope("u1")).await.unwrap();
    table.theirs_run("await take('u1', 1)").await;
    config.disable(&scope("/api")).await.unwrap();
    table
        .theirs_run("await take('u1', 1)\nawait refused('u2', 1, ResourceDisabled)")
        .await;
    config.clear_access(&scope("/api")).await.unwrap();

    config.bypass(&scope("u2/api")).await.unwrap();
    table
        .theirs_run(
            "for _ in range(3):
    lease = await take('u2', 9)
    assert lease.bypassed",
        )
        .await;
    let item = table.state("u2").await;
    assert_eq!(
        (number(&item, "b_rpd_tk"), number(&item, "b_rpd_tc")),
        (9000, 28_000)
    );
    config.clear_access(&scope("u2/api")).await.unwrap();
    table
        .theirs_run("await take('u2', 9)\nawait refused('u2', 1, RateLimitExceeded)")
        .await;

    config.set(scope("/api"), slow().soft()).await.unwrap();
    table
        .theirs_run(
            "lease = await take('u3', 12)
assert lease.overdrawn == ['rpd'], lease.overdrawn",
        )
        .await;
    assert_eq!(number(&table.state("u3").await, "b_rpd_tk"), -3000);
    config.set(scope("/api"), slow()).await.unwrap();
    table
        .theirs_run("await refused('u3', 1, RateLimitExceeded)")
        .await;

    let entities = table.ours.entities();
    for entity in [
        Entity::new("org".try_into().unwrap()),
        Entity::new("kid".try_into().unwrap()).with_parent("org".try_into().unwrap()),
    ] {
        entities.create(entity).await.unwrap();
    }
    table.take_ours("kid", 1).await.await.unwrap();
    config.set_cascade(&scope("kid"), true).await.unwrap();
    table.theirs_run("await take('kid', 2)").await;
    assert_eq!(number(&table.state("org").await, "b_rpd_tc"), 2000);
    config.set_cascade(&scope("kid"), false).await.unwrap();
    table.theirs_run("await take('kid', 2)").await;
    assert_eq!(number(&table.state("org").await, "b_rpd_tc"), 2000);
    assert_eq!(table.state("kid").await["cascade"], Bool(false));
}

/// QUOTAS.md: older Python clients would misread these.
#[tokio::test]
async fn flags_shut_older_clients_out() {
    let table = table_or_skip!(Maker::Ours);
    let required = async || {
        let items = table.items().await.into_iter();
        let mut record = items.filter(|item| item["SK"].as_s().unwrap() == "#VERSION");
        record.next().unwrap()["client_min_version"].clone()
    };
    let config = table.ours.config();
    config.disable(&scope("a")).await.unwrap();
    config.clear_cascade(&scope("a")).await.unwrap();
    assert_eq!(required().await, S("0.0.0".into()));
    config.set_cascade(&scope("a"), true).await.unwrap();
    assert_eq!(required().await, S("0.16.0".into()));
    config.bypass(&scope("a")).await.unwrap();
    assert_eq!(required().await, S("0.17.0".into()));
}
