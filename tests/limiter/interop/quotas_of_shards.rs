//! Both clients charge and renew the same quotas in buckets of several shards.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::N;
use tollgate::{
    EntityId, Limit, Resource,
    clock::{Clock, SystemClock},
    model::{BucketKey, Split, WriteId},
    store::{Store, dynamodb::DynamoDbStore},
};

use super::peer::{Item, Maker, STACK, Table, limiter, table_or_skip};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

const THEIRS: &str = "
from datetime import timedelta
day = Limit.quota('day', 1000, cron='0 0 * * *', tz='Europe/Berlin')
session = Limit.quota('session', 1000, reset_after=timedelta(hours=5))
async def spend(limit, times, cost=5):
    for _ in range(times):
        try:
            async with limiter.acquire('u1', 'api', {limit.name: cost}, limits=[limit]): pass
        except RateLimitExceeded: pass
";

fn day() -> Limit {
    Limit::quota("day", 1000).daily("Europe/Berlin").unwrap()
}

fn session() -> Limit {
    let hours = Duration::from_secs(5 * 3600);
    Limit::quota("session", 1000).session(hours).unwrap()
}

fn number(item: &Item, name: &str) -> Option<i64> {
    Some(item.get(name)?.as_n().unwrap().parse().unwrap())
}

struct Shared(Table);

impl Shared {
    async fn theirs_do(&self, code: &str) {
        self.0.python(&format!("{THEIRS}\n{code}")).await;
    }

    async fn shards(&self) -> Vec<Item> {
        let items = self.0.items().await.into_iter();
        let mut shards: Vec<Item> = items
            .filter(|item| {
                let [key, kind] = ["PK", "SK"].map(|name| item[name].as_s().unwrap());
                key.contains("/BUCKET#u1#") && kind == "#STATE"
            })
            .collect();
        shards.sort_by_key(|item| item["PK"].as_s().unwrap().clone());
        shards
    }

    async fn sum(&self, name: &str) -> i64 {
        let shards = self.shards().await;
        let numbers = shards.iter().filter_map(|item| number(item, name));
        numbers.sum::<i64>() / 1000
    }

    async fn all(&self, name: &str) -> Vec<i64> {
        let shards = self.shards().await;
        let number = |item| number(item, name).unwrap_or_else(|| panic!("{name}: {item:?}"));
        shards.iter().map(number).collect()
    }

    async fn take(&self, limit: &Limit, amount: u64) -> bool {
        let acquire = self.0.ours.acquire("u1", "api").limits(limit.clone());
        match acquire.cost(limit.name(), amount).await {
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

    /// Takes one by one until nothing is left.
    async fn drain(&self, limit: &Limit, cost: u64) {
        let mut taken = 0;
        while self.take(limit, cost).await {
            taken += 1;
            assert!(taken <= 1000);
        }
    }

    /// Makes the times of all shards `millis` ms older, and continues with another limiter: time does
    /// not pass for what a limiter has seen.
    async fn age(&mut self, millis: i64) {
        for item in self.shards().await {
            let client = self.0.engine.client();
            let mut item: std::collections::HashMap<_, _> = item.into_iter().collect();
            for name in ["rf", "la", "vu", "b_session_ws", "b_session_wa"] {
                if let Some(N(time)) = item.get(name) {
                    let time = time.parse::<i64>().unwrap();
                    // A time of validity of 0 means that a write is owed.
                    let time = if time == 0 { 0 } else { time - millis };
                    item.insert(name.into(), N(time.to_string()));
                }
            }
            let put = client.put_item().table_name(STACK).set_item(Some(item));
            put.send().await.unwrap();
        }
        self.0.ours = limiter(&self.0.engine, "default", None).await;
    }

    async fn until_same(&self, name: &str) -> i64 {
        for _ in 0..200 {
            let all = self.all(name).await;
            if all.iter().all(|value| *value == all[0]) {
                return all[0];
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{name}: {:?}", self.all(name).await);
    }

    /// Splits the bucket as a limiter of ours does.
    async fn split(&self, count: u32) {
        let key = BucketKey::new(EntityId::new("u1").unwrap(), Resource::new("api").unwrap());
        let now = SystemClock::default().now();
        let split = Split::new(WriteId::from_number(u64::from(count)), now, count);
        let client = self.0.engine.client();
        let store = DynamoDbStore::new(&client, STACK, &self.0.theirs.namespace);
        assert!(store.split(&key, &split).await.unwrap());
    }
}

#[tokio::test]
async fn both_clients_share_a_calendar_quota_in_shards_of_the_python_client() {
    let mut table = Shared(table_or_skip!(Maker::Theirs));
    let limit = day();
    assert!(table.take(&limit, 10).await);
    let grow = "
await spend(day, 1)
await repository.bump_shard_count('u1', 'api', 1)
await spend(day, 40)";
    table.theirs_do(grow).await;
    assert_eq!(table.all("shard_count").await, [2, 2]);
    // The new shard took its share from the first, which still covers the whole day.
    assert_eq!(table.all("b_day_gc").await, [1, 2]);
    let before = table.sum("b_day_tc").await;
    assert!((100..=220).contains(&before), "{before}");
    table.drain(&limit, 3).await;
    table.drain(&limit, 1).await;
    assert_eq!(table.sum("b_day_tc").await, 1000);
    table.theirs_do("await spend(day, 20, 1)").await;
    assert_eq!(table.sum("b_day_tc").await, 1000);

    // A day later both begin it, each in some shards, and once.
    for (spent, theirs_first) in [(1000, true), (2000, false)] {
        table.age(DAY).await;
        if theirs_first {
            table.theirs_do("await spend(day, 30)").await;
        }
        assert!(table.take(&limit, 700).await, "no shard holds that alone");
        table.theirs_do("await spend(day, 30)").await;
        table.drain(&limit, 1).await;
        table.theirs_do("await spend(day, 20, 1)").await;
        assert_eq!(table.sum("b_day_tc").await, spent + 1000);
        assert_eq!(table.all("b_day_gc").await, [2, 2]);
    }
}

#[tokio::test]
async fn both_clients_share_a_calendar_quota_in_shards_of_ours() {
    let mut table = Shared(table_or_skip!(Maker::Theirs));
    let limit = day();
    table.theirs_do("await spend(day, 20)").await;
    for count in [1, 2] {
        table.split(count).await;
    }
    table.theirs_do("await spend(day, 60)").await;
    table.drain(&limit, 1).await;
    table.theirs_do("await spend(day, 20, 1)").await;
    assert_eq!(table.sum("b_day_tc").await, 1000);
    table.age(DAY).await;
    // The Python client doubles the shards while a day begins.
    let grow = "
await spend(day, 10)
await repository.bump_shard_count('u1', 'api', 4)
await spend(day, 60)";
    assert!(table.take(&limit, 90).await);
    table.theirs_do(grow).await;
    table.drain(&limit, 2).await;
    table.theirs_do("await spend(day, 40, 1)").await;
    table.drain(&limit, 1).await;
    assert_eq!(table.sum("b_day_tc").await, 2000);
    table.age(DAY).await;
    assert!(
        table.take(&limit, 1000).await,
        "all shards together have the day"
    );
    assert_eq!(table.sum("b_day_tc").await, 3000);
    table.theirs_do("await spend(day, 40, 1)").await;
    assert_eq!(table.sum("b_day_tc").await, 3000);
}

/// QUOTAS.md: the opener tells the other shards, and each applies the session with its next write.
#[tokio::test]
async fn both_clients_begin_sessions_in_all_shards() {
    let mut table = Shared(table_or_skip!(Maker::Theirs));
    let limit = session();
    let grow = "
await spend(session, 1)
await repository.bump_shard_count('u1', 'api', 1)
await spend(session, 40)";
    table.theirs_do(grow).await;
    assert_eq!(table.all("b_session_gc").await, [1, 2]);
    let begun = table.until_same("b_session_ws").await;
    table.drain(&limit, 1).await;
    assert_eq!(table.sum("b_session_tc").await, 1000);
    assert_eq!(table.until_same("b_session_ws").await, begun);

    // The Python client begins the next session, and tells the other shard.
    table.age(5 * HOUR).await;
    table.theirs_do("await spend(session, 1)").await;
    let begun = table.until_same("b_session_ws").await;
    let applied = table.all("b_session_wa").await;
    assert_eq!(applied.iter().filter(|wa| **wa == begun).count(), 1);
    assert!(
        table.take(&limit, 900).await,
        "both shards have the session"
    );
    assert_eq!(table.all("b_session_wa").await, [begun, begun]);
    assert!(
        table
            .shards()
            .await
            .iter()
            .all(|item| !item.contains_key("b_session_wtc"))
    );
    table.drain(&limit, 1).await;
    table.theirs_do("await spend(session, 20, 1)").await;
    assert_eq!(table.sum("b_session_tc").await, 2000);

    // This client begins one, and the Python client finds it in both shards.
    table.age(5 * HOUR).await;
    assert!(table.take(&limit, 10).await);
    let begun = table.until_same("b_session_ws").await;
    assert_eq!(table.until_same("b_session_wa").await, begun);
    table.theirs_do("await spend(session, 60)").await;
    assert_eq!(table.until_same("b_session_ws").await, begun);
    table.drain(&limit, 1).await;
    table.theirs_do("await spend(session, 20, 1)").await;
    assert_eq!(table.sum("b_session_tc").await, 3000);
}

/// The Python client's share is what is left after the tokens that were spent since it was told.
#[tokio::test]
async fn a_shard_that_was_told_of_a_session_counts_what_it_has_spent_since() {
    let table = Shared(table_or_skip!(Maker::Theirs));
    let limit = session();
    table.theirs_do("await spend(session, 4)").await;
    table.split(1).await;
    let now = SystemClock::default().now();
    for mut item in table.shards().await {
        let consumed = number(&item, "b_session_tc").unwrap();
        for (name, value) in [
            ("b_session_ws", now - HOUR),
            ("b_session_wa", now - 7 * HOUR),
            ("b_session_wtc", consumed),
            ("b_session_tc", consumed + 30_000),
            ("b_session_tk", 7),
            ("vu", 0),
        ] {
            item.insert(name.into(), N(value.to_string()));
        }
        let put = table.0.engine.client().put_item().table_name(STACK);
        let item = Some(item.into_iter().collect());
        put.set_item(item).send().await.unwrap();
    }
    let available = table.0.ours.available("u1", "api").limits(limit.clone());
    let available = available.await.unwrap();
    assert_eq!(available.get("session").unwrap().available, 940);
    assert!(table.take(&limit, 900).await);
    assert_eq!(table.sum("b_session_tk").await, 40);
    assert_eq!(table.all("b_session_wa").await, [now - HOUR; 2]);
}
