//! Both clients charge, settle and renew the same quotas.

use std::{process::Stdio, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Child,
};
use tollgate::{
    EntityId, Limit, RateLimiter, Resource,
    clock::{Clock, SystemClock},
    model::ConfigScope,
};

use super::{
    peer::{Item, Maker, STACK, Table, settings, table_or_skip},
    same_items::twins_or_skip,
};
use crate::engine::TestEngine;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The same limits for the Python client.
const THEIRS: &str = "
from datetime import timedelta
day = Limit.quota('day', 1000, cron='0 0 * * *', tz='Europe/Berlin')
month = Limit.quota('month', 5000, cron='0 0 1 * *', tz='Europe/Berlin')
session = Limit.quota('session', 100, reset_after=timedelta(hours=5))
rate = Limit.per_day('rate', 100000)
";

fn day() -> Limit {
    Limit::quota("day", 1000).daily("Europe/Berlin").unwrap()
}

fn month() -> Limit {
    Limit::quota("month", 5000)
        .monthly("Europe/Berlin")
        .unwrap()
}

fn session() -> Limit {
    let hours = Duration::from_secs(5 * 3600);
    Limit::quota("session", 100).session(hours).unwrap()
}

fn rate() -> Limit {
    Limit::per_day("rate", 100_000)
}

impl Table {
    async fn theirs_do(&self, code: &str) {
        self.python(&format!("{THEIRS}\n{code}")).await;
    }

    /// Charges a limit by the Python client.
    async fn theirs_take(&self, entity: &str, limit: &str, amount: i64) {
        self.theirs_do(&format!(
            "async with limiter.acquire('{entity}', 'api', {{'{limit}': {amount}}}, limits=[{limit}]): pass"
        ))
        .await;
    }

    /// Asserts that the Python client denies the charge.
    async fn theirs_are_denied(&self, entity: &str, limit: &str, amount: i64) {
        self.theirs_do(&format!(
            "try:
    async with limiter.acquire('{entity}', 'api', {{'{limit}': {amount}}}, limits=[{limit}]): pass
    raise AssertionError('granted')
except RateLimitExceeded: pass"
        ))
        .await;
    }

    /// Has the Python client charge a limit, and hold the lease.
    async fn theirs_hold(&self, entity: &str, limit: &str, amount: i64) -> Held {
        let code = format!(
            "{THEIRS}
async with limiter.acquire('{entity}', 'api', {{'{limit}': {amount}}}, limits=[{limit}]) as lease:
    print('held', flush=True)
    sys.stdin.readline()
    await lease.adjust(**{{'{limit}': -{amount}}})"
        );
        let mut command = self.python_of(&code);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut held = [0; 5];
        let answers = child.stdout.as_mut().unwrap();
        answers.read_exact(&mut held).await.unwrap();
        Held(child)
    }

    async fn take(&self, entity: &str, limit: Limit, amount: u64) -> bool {
        let name = limit.name().clone();
        let acquire = self.ours.acquire(entity, "api").limits(limit);
        match acquire.cost(&name, amount).await {
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

    async fn bucket(&self, entity: &str) -> Item {
        let items = self.items().await.into_iter();
        let key = format!("/BUCKET#{entity}#");
        let mut buckets = items.filter(|item| {
            item["PK"].as_s().unwrap().contains(&key) && item["SK"].as_s().unwrap() == "#STATE"
        });
        buckets.next().unwrap()
    }

    /// Makes the bucket's times `millis` ms older: what a client finds after that time.
    async fn age(&self, entity: &str, millis: i64) {
        let item = self.bucket(entity).await;
        let client = self.engine.client();
        let mut update = client.update_item().table_name(STACK);
        for key in ["PK", "SK"] {
            update = update.key(key, item[key].clone());
        }
        let mut changes = Vec::new();
        let times = ["rf", "la", "vu", "b_session_ws", "b_session_wa"];
        for (index, name) in times.into_iter().enumerate() {
            let Some(N(time)) = item.get(name) else {
                continue;
            };
            let time = time.parse::<i64>().unwrap() - millis;
            changes.push(format!("#{index} = :{index}"));
            update = update
                .expression_attribute_names(format!("#{index}"), name)
                .expression_attribute_values(format!(":{index}"), N(time.to_string()));
        }
        let changes = format!("SET {}", changes.join(", "));
        update.update_expression(changes).send().await.unwrap();
        // An image counts for a moment, and items do not age in a moment.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// A Python client that holds a lease.
struct Held(Child);

impl Held {
    async fn give_back(&mut self) {
        self.0.stdin.take().unwrap().write_all(b"\n").await.unwrap();
        assert!(self.0.wait().await.unwrap().success());
    }
}

/// A clock that is off by a number of milliseconds.
#[derive(Debug)]
struct Shifted(i64);

impl Clock for Shifted {
    fn now(&self) -> i64 {
        SystemClock::default().now() + self.0
    }
}

async fn limiter_at(engine: &TestEngine, shift: i64) -> RateLimiter {
    let settings = settings().clock(Shifted(shift));
    let open = RateLimiter::open().stack(STACK).client(engine.client());
    open.settings(settings).await.unwrap()
}

fn number(item: &Item, name: &str) -> i64 {
    item[name].as_n().unwrap().parse().unwrap()
}

async fn both_charge_one_calendar_quota(maker: Maker) {
    let table = table_or_skip!(maker);
    assert!(table.take("u1", day(), 300).await);
    table.theirs_take("u1", "day", 500).await;
    assert!(!table.take("u1", day(), 201).await);
    assert!(table.take("u1", day(), 150).await);
    table.theirs_are_denied("u1", "day", 51).await;
    table.theirs_take("u1", "day", 50).await;
    assert!(!table.take("u1", day(), 1).await);
    assert_eq!(number(&table.bucket("u1").await, "b_day_tk"), 0);

    // A day later the quota is full again, whoever comes first, and once.
    table.age("u1", DAY).await;
    assert!(table.take("u1", day(), 400).await);
    table.theirs_take("u1", "day", 600).await;
    assert!(!table.take("u1", day(), 1).await);
    table.age("u1", DAY).await;
    table.theirs_take("u1", "day", 700).await;
    assert!(!table.take("u1", day(), 301).await);
    assert!(table.take("u1", day(), 300).await);
    table.theirs_are_denied("u1", "day", 1).await;
}

#[tokio::test]
async fn both_clients_share_a_calendar_quota_on_a_table_of_ours() {
    both_charge_one_calendar_quota(Maker::Ours).await;
}

#[tokio::test]
async fn both_clients_share_a_calendar_quota_on_a_table_of_the_python_client() {
    both_charge_one_calendar_quota(Maker::Theirs).await;
}

#[tokio::test]
async fn both_clients_share_a_session() {
    let table = table_or_skip!(Maker::Theirs);
    table.theirs_take("u1", "session", 30).await;
    let begun = number(&table.bucket("u1").await, "b_session_ws");
    assert!(table.take("u1", session(), 70).await);
    assert!(!table.take("u1", session(), 1).await);
    table.theirs_are_denied("u1", "session", 1).await;
    assert_eq!(number(&table.bucket("u1").await, "b_session_ws"), begun);

    // The session ends, and the next charge of ours opens another one, which the peer continues.
    table.age("u1", 5 * HOUR).await;
    assert!(table.take("u1", session(), 60).await);
    let item = table.bucket("u1").await;
    let begun = number(&item, "b_session_ws");
    assert_eq!(number(&item, "b_session_wa"), begun);
    assert_eq!(number(&item, "vu"), begun + 5 * HOUR);
    table.theirs_are_denied("u1", "session", 41).await;
    table.theirs_take("u1", "session", 40).await;
    assert!(!table.take("u1", session(), 1).await);
    assert_eq!(number(&table.bucket("u1").await, "b_session_ws"), begun);
}

/// QUOTAS.md: what gives back lands only in the period that was charged.
#[tokio::test]
async fn a_lease_of_either_client_gives_nothing_to_the_next_period() {
    let table = table_or_skip!(Maker::Theirs);
    let yesterday = limiter_at(&table.engine, -DAY).await;
    let tomorrow = limiter_at(&table.engine, DAY).await;
    for (entity, limit) in [("u1", day()), ("u2", session())] {
        let name = limit.name().as_str();
        let tokens = format!("b_{name}_tk");
        let all = limit.capacity();
        // A lease of ours is settled after the Python client has charged the next period.
        let acquire = yesterday.acquire(entity, "api").limits(limit.clone());
        let mut lease = acquire.cost(name, 50).await.unwrap();
        table
            .theirs_take(entity, name, i64::try_from(all).unwrap())
            .await;
        lease.settle(name, 0).unwrap();
        lease.commit().await.unwrap();
        assert_eq!(number(&table.bucket(entity).await, &tokens), 0, "{name}");

        // A lease of the Python client is settled after a charge of ours in the next period.
        let mut held = table.theirs_hold(&format!("{entity}-2"), name, 50).await;
        let entity = format!("{entity}-2");
        let acquire = tomorrow
            .acquire(entity.as_str(), "api")
            .limits(limit.clone());
        acquire
            .cost(name, all)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        held.give_back().await;
        assert_eq!(number(&table.bucket(&entity).await, &tokens), 0, "{name}");
    }
}

#[tokio::test]
async fn both_clients_store_the_same_quotas_and_buckets() {
    let Some(mut twins) = twins_or_skip(Maker::Theirs).await else {
        return;
    };
    let limiter = twins.table.ours.clone();
    let scope = |id: &str| {
        let (entity, resource) = (EntityId::new(id).unwrap(), Resource::new("api").unwrap());
        ConfigScope::EntityResource(entity, resource)
    };
    // Of two calendars, the Python client stores any as the item's own.
    for (id, limits, theirs) in [
        ("calendar", vec![day()], "[day]"),
        ("session", vec![session()], "[session]"),
        (
            "all",
            vec![day(), session(), rate()],
            "[day, rate, session]",
        ),
        ("some", vec![month(), rate()], "[month, rate]"),
    ] {
        let names: Vec<String> = limits
            .iter()
            .map(|limit| limit.name().to_string())
            .collect();
        limiter.config().set(scope(id), limits).await.unwrap();
        twins
            .table
            .theirs_do(&format!(
                "await limiter.set_limits('{id}', {theirs}, resource='api')"
            ))
            .await;
        twins.same(&format!("{id} stored")).await;
        let mut acquire = limiter.acquire(id, "api");
        for name in &names {
            acquire = acquire.cost(name.as_str(), 7);
        }
        acquire.await.unwrap().commit().await.unwrap();
        let consume: Vec<String> = names.iter().map(|name| format!("'{name}': 7")).collect();
        twins
            .table
            .theirs_do(&format!(
                "async with limiter.acquire('{id}', 'api', {{{}}}): pass",
                consume.join(", ")
            ))
            .await;
        twins.same(&format!("{id} charged")).await;
    }
}

/// QUOTAS.md: older Python clients would not see limits with sessions.
#[tokio::test]
async fn a_stored_session_shuts_older_clients_out() {
    let table = table_or_skip!(Maker::Ours);
    let required = async || {
        let items = table.items().await.into_iter();
        let mut record = items.filter(|item| item["SK"].as_s().unwrap() == "#VERSION");
        record.next().unwrap()["client_min_version"].clone()
    };
    let config = table.ours.config();
    config.set(ConfigScope::System, day()).await.unwrap();
    assert_eq!(required().await, S("0.0.0".into()));
    config.set(ConfigScope::System, session()).await.unwrap();
    assert_eq!(required().await, S("0.15.0".into()));
    table
        .theirs_do(
            "
defaults = await limiter.get_system_defaults()
limits = defaults[0] if isinstance(defaults, tuple) else defaults
assert [limit.name for limit in limits] == ['session'], limits",
        )
        .await;
}

/// The calendar counts for limits without one of their own.
#[tokio::test]
async fn both_clients_add_a_rate_to_a_calendar() {
    let table = table_or_skip!(Maker::Theirs);
    assert!(table.take("u1", day(), 300).await);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let acquire = table.ours.acquire("u1", "api").limits([day(), rate()]);
    let lease = acquire.cost("day", 100).cost("rate", 5).await.unwrap();
    lease.commit().await.unwrap();
    let both = "async with limiter.acquire('u1', 'api', {'day': 100, 'rate': 5}, limits=[day, rate]): pass";
    table.theirs_do(both).await;
    let acquire = table.ours.acquire("u1", "api").limits([day(), rate()]);
    let lease = acquire.cost("day", 500).cost("rate", 5).await.unwrap();
    lease.commit().await.unwrap();
    assert!(!table.take("u1", day(), 1).await);
    let item = table.bucket("u1").await;
    assert_eq!(item.get("b_rate_rsched"), Some(&S("-".into())));
}
