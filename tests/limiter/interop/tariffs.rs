//! Both clients charge, change and store the same limits with schedules.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue::S;
use tollgate::{
    EntityId, Limit, RateLimiter, Resource,
    clock::{Clock, SystemClock},
    model::{ConfigScope, Schedule, ScheduleEntry},
};

use super::{
    peer::{Item, Maker, STACK, Table, settings, table_or_skip},
    same_items::twins_or_skip,
};
use crate::engine::TestEngine;

const HOUR: i64 = 3_600_000;

/// Limits for the Python client. `slow` has a tenth in the hour HOUR.
const THEIRS: &str = "
month = 30 * 86400
slow = Limit.custom('slow', 1000, 1, month).with_schedule((ScheduleEntry(cron='* HOUR * * *', tz='UTC', scale=0.1),))
plain = Limit.custom('slow', 1000, 1, month)
other = Limit.custom('other', 500, 1, month)
two = Limit.custom('two', 700, 1, month).with_schedule((
    ScheduleEntry(cron='0-29 * * * 1-5', tz='UTC', capacity=600, refill_amount=2),
    ScheduleEntry(cron='* * 1,15 1 *', tz='UTC', refill_period_seconds=77),
))
same = Limit.custom('same', 50, 1, month).with_schedule(slow.schedule)
quota = Limit.quota('quota', 1000, cron='0 0 * * *', tz='UTC').with_schedule(slow.schedule)
";

/// The same limits.
fn slow(hour: i64) -> Limit {
    with(plain(), tenth(hour))
}

fn plain() -> Limit {
    slow_limit("slow", 1000)
}

fn slow_limit(name: &str, capacity: u64) -> Limit {
    Limit::new(name, capacity, 1, Duration::from_secs(30 * 86_400)).unwrap()
}

fn tenth(hour: i64) -> Vec<ScheduleEntry> {
    vec![ScheduleEntry::scaled(&format!("* {hour} * * *"), 0.1).unwrap()]
}

fn with(limit: Limit, entries: Vec<ScheduleEntry>) -> Limit {
    let schedule = Schedule::new(entries, "UTC").unwrap();
    limit.with_schedule(schedule).unwrap()
}

fn two() -> Limit {
    let period = Some(Duration::from_secs(77));
    let entries = vec![
        ScheduleEntry::replaced("0-29 * * * MON-FRI", Some(600), Some(2), None).unwrap(),
        ScheduleEntry::replaced("* * 1,15 JAN *", None, None, period).unwrap(),
    ];
    with(slow_limit("two", 700), entries)
}

/// Returns the hour of the day in UTC. If it is almost over, waits for the next one.
async fn hour() -> i64 {
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seconds = now.as_secs();
        if seconds % 3600 < 3540 {
            return i64::try_from(seconds / 3600 % 24).unwrap();
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
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

impl Table {
    async fn they_do_at(&self, hour: i64, code: &str) {
        let limits = THEIRS.replace("HOUR", &hour.to_string());
        self.python(&format!("{limits}\n{code}")).await;
    }

    /// Has the Python client charge the limit `slow`, under the definition `limit`.
    async fn they_take(&self, hour: i64, limit: &str, amount: i64) {
        let code = format!(
            "async with limiter.acquire('u1', 'api', {{'slow': {amount}}}, limits=[{limit}]): pass"
        );
        self.they_do_at(hour, &code).await;
    }

    /// Asserts that the Python client denies the charge.
    async fn they_are_denied(&self, hour: i64, limit: &str, amount: i64) {
        let code = format!(
            "try:
    async with limiter.acquire('u1', 'api', {{'slow': {amount}}}, limits=[{limit}]): pass
    raise AssertionError('granted')
except RateLimitExceeded: pass"
        );
        self.they_do_at(hour, &code).await;
    }

    async fn stored(&self) -> Item {
        let items = self.items().await.into_iter();
        let mut buckets = items.filter(|item| {
            item["PK"].as_s().unwrap().contains("/BUCKET#u1#")
                && item["SK"].as_s().unwrap() == "#STATE"
        });
        buckets.next().unwrap()
    }
}

async fn takes(limiter: &RateLimiter, limit: Limit, amount: u64) -> bool {
    let name = limit.name().clone();
    let acquire = limiter.acquire("u1", "api").limits(limit);
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

fn number(item: &Item, name: &str) -> i64 {
    item[name].as_n().unwrap().parse().unwrap()
}

/// A bucket of ours from before the change is cut by the Python client after it.
async fn they_cut_a_bucket_of_ours(maker: Maker) {
    let table = table_or_skip!(maker);
    let hour = hour().await;
    let earlier = limiter_at(&table.engine, -HOUR).await;
    assert!(takes(&earlier, slow(hour), 100).await);
    let item = table.stored().await;
    assert_eq!(number(&item, "b_slow_tk"), 900_000);
    assert_eq!(number(&item, "vu") / HOUR % 24, hour);
    table.they_are_denied(hour, "slow", 101).await;
    table.they_take(hour, "slow", 60).await;
    let item = table.stored().await;
    assert_eq!(number(&item, "b_slow_tk"), 40_000);
    assert_eq!(number(&item, "vu") / HOUR % 24, (hour + 1) % 24);
    assert!(!takes(&table.ours, slow(hour), 41).await);
    assert!(takes(&table.ours, slow(hour), 40).await);
    table.they_are_denied(hour, "slow", 1).await;
}

#[tokio::test]
async fn the_python_client_cuts_a_bucket_when_its_numbers_shrink_on_a_table_of_ours() {
    they_cut_a_bucket_of_ours(Maker::Ours).await;
}

#[tokio::test]
async fn the_python_client_cuts_a_bucket_when_its_numbers_shrink_on_a_table_of_its_own() {
    they_cut_a_bucket_of_ours(Maker::Theirs).await;
}

/// A bucket of theirs from before the change is cut by ours after it, and grows by the refill alone.
#[tokio::test]
async fn our_client_obeys_the_changes_of_a_bucket_of_the_python_client() {
    let table = table_or_skip!(Maker::Theirs);
    let hour = hour().await;
    let next = (hour + 1) % 24;
    let later = limiter_at(&table.engine, HOUR).await;
    let after = limiter_at(&table.engine, 2 * HOUR).await;
    table.they_take(next, "slow", 200).await;
    let item = table.stored().await;
    assert_eq!(number(&item, "b_slow_tk"), 800_000);
    assert_eq!(number(&item, "vu") / HOUR % 24, next);
    // In the hour after it, a tenth.
    assert!(!takes(&later, slow(next), 101).await);
    assert!(takes(&later, slow(next), 30).await);
    assert_eq!(number(&table.stored().await, "b_slow_tk"), 70_000);
    // And later, what is left.
    assert!(!takes(&after, slow(next), 72).await);
    assert!(takes(&after, slow(next), 70).await);
}

#[tokio::test]
async fn either_client_gives_a_bucket_of_the_other_a_schedule() {
    let table = table_or_skip!(Maker::Theirs);
    let hour = hour().await;
    let (entity, resource) = (EntityId::new("u1").unwrap(), Resource::new("api").unwrap());
    let scope = || ConfigScope::EntityResource(entity.clone(), resource.clone());
    table.they_take(hour, "plain", 100).await;
    table.ours.config().set(scope(), slow(hour)).await.unwrap();
    let item = table.stored().await;
    assert_eq!(item["b_slow_sched"], S(format!("1h{hour}s100")));
    assert_eq!(item["sched_tz"], S("UTC".into()));
    let acquire =
        "async with limiter.acquire('u1', 'api', {'slow': 60}, use_stored_limits=True): pass";
    table.they_do_at(hour, acquire).await;
    assert_eq!(number(&table.stored().await, "b_slow_tk"), 40_000);
    table.they_are_denied(hour, "slow", 41).await;

    // Back to a plain limit, by the Python client. The tokens stay.
    table
        .they_do_at(
            hour,
            "await limiter.set_limits('u1', [plain], resource='api')",
        )
        .await;
    let ask = |amount| table.ours.acquire("u1", "api").cost("slow", amount);
    assert!(ask(41).await.unwrap_err().denied().is_some());
    ask(10).await.unwrap().commit().await.unwrap();
    table
        .they_do_at(
            hour,
            "await limiter.set_limits('u1', [slow], resource='api')",
        )
        .await;
    ask(30).await.unwrap().commit().await.unwrap();
    assert!(ask(1).await.unwrap_err().denied().is_some());
    let stored = table.ours.config().get(&scope()).await.unwrap().unwrap();
    assert_eq!(stored.limits, [slow(hour)]);
}

#[tokio::test]
async fn both_clients_store_the_same_schedules_and_buckets() {
    let Some(mut twins) = twins_or_skip(Maker::Theirs).await else {
        return;
    };
    let hour = hour().await;
    let limiter = twins.table.ours.clone();
    let scope = |id: &str| {
        let (entity, resource) = (EntityId::new(id).unwrap(), Resource::new("api").unwrap());
        ConfigScope::EntityResource(entity, resource)
    };
    let quota = Limit::quota("quota", 1000).daily("UTC").unwrap();
    let quota = with(quota, tenth(hour));
    let same = with(slow_limit("same", 50), tenth(hour));
    let other = slow_limit("other", 500);
    for (id, limits, theirs) in [
        ("one", vec![slow(hour)], "[slow]"),
        ("default", vec![same.clone(), slow(hour)], "[same, slow]"),
        ("beside", vec![other, slow(hour)], "[other, slow]"),
        ("different", vec![slow(hour), two()], "[slow, two]"),
        (
            "quota",
            vec![quota, slow_limit("other", 500)],
            "[other, quota]",
        ),
    ] {
        let names: Vec<String> = limits
            .iter()
            .map(|limit| limit.name().to_string())
            .collect();
        limiter.config().set(scope(id), limits).await.unwrap();
        let set = format!("await limiter.set_limits('{id}', {theirs}, resource='api')");
        twins.table.they_do_at(hour, &set).await;
        twins.same(&format!("{id} stored")).await;
        // Of two schedules, the Python client stores any as the item's own.
        if id == "different" {
            continue;
        }
        let mut acquire = limiter.acquire(id, "api");
        for name in &names {
            acquire = acquire.cost(name.as_str(), 3);
        }
        acquire.await.unwrap().commit().await.unwrap();
        let consume: Vec<String> = names.iter().map(|name| format!("'{name}': 3")).collect();
        let consume = consume.join(", ");
        let acquire = format!("async with limiter.acquire('{id}', 'api', {{{consume}}}): pass");
        twins.table.they_do_at(hour, &acquire).await;
        twins.same(&format!("{id} charged")).await;
    }
}
