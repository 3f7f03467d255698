//! Bucket items in the table, compared attribute by attribute.

mod rows;

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use tollgate::{EntityId, Lease, Limit, RateLimiter, clock::ManualClock, model::Entity};

use crate::engine::TestEngine;

type Item = HashMap<String, AttributeValue>;

const STACK: &str = "rate-limits";

/// The time of the first request, epoch ms.
const NOW: i64 = 1_895_501_026_519;

struct Fixture {
    engine: TestEngine,
    client: Client,
    clock: ManualClock,
    limiter: RateLimiter,
    namespace: String,
}

impl Fixture {
    /// Opens a limiter that expects no Python client, because it has created the table.
    async fn open() -> Self {
        Self::mixed(false).await
    }

    async fn mixed(mixed: bool) -> Self {
        let engine = TestEngine::start().await;
        let client = engine.client();
        let clock = ManualClock::at(NOW);
        // Settled differences are written at once.
        let settings = RateLimiter::builder()
            .clock(clock.clone())
            .flush_after(Duration::ZERO)
            .mixed_fleet(mixed);
        let limiter = RateLimiter::open()
            .stack(STACK)
            .client(client.clone())
            .settings(settings)
            .await
            .unwrap();
        let record = engine
            .item(STACK, "_/SYSTEM#", "#NAMESPACE#default")
            .await
            .unwrap();
        let namespace = record["namespace_id"].as_s().unwrap().clone();
        Self {
            engine,
            client,
            clock,
            limiter,
            namespace,
        }
    }

    async fn acquire(&self, rpm: u64, tpm: u64) -> Lease {
        let acquire = self.limiter.acquire("u1", "api").limits(limits());
        acquire.cost("rpm", rpm).cost("tpm", tpm).await.unwrap()
    }

    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    async fn item(&self) -> Item {
        let key = format!("{}/BUCKET#u1#api#0", self.namespace);
        self.engine
            .item(STACK, &key, "#STATE")
            .await
            .expect("there is a bucket")
    }

    /// Returns numbers of the item.
    async fn numbers<const N: usize>(&self, attributes: [&str; N]) -> [i64; N] {
        let item = self.item().await;
        attributes.map(|attribute| number(&item, attribute))
    }

    async fn put(&self, item: Item) {
        self.client
            .put_item()
            .table_name(STACK)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }

    /// Returns the item that another client of the table writes at the first acquire, after 1 and
    /// 100 tokens.
    fn peer_item(&self) -> Item {
        let ns = &self.namespace;
        let mut item: Item = [
            ("PK", format!("{ns}/BUCKET#u1#api#0")),
            ("SK", "#STATE".into()),
            ("entity_id", "u1".into()),
            ("resource", "api".into()),
            ("GSI2PK", format!("{ns}/RESOURCE#api")),
            ("GSI2SK", "BUCKET#u1#0".into()),
            ("GSI3PK", format!("{ns}/ENTITY#u1")),
            ("GSI3SK", "BUCKET#api#0".into()),
            ("GSI4PK", ns.clone()),
            ("GSI4SK", "BUCKET#u1#api#0".into()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
        .collect();
        item.insert("cascade".into(), AttributeValue::Bool(false));
        let numbers = [
            ("shard_count", 1),
            ("rf", NOW),
            ("ttl", TTL),
            ("b_rpm_tk", 4_000),
            ("b_rpm_cp", 5_000),
            ("b_rpm_ra", 5_000),
            ("b_rpm_rp", 60_000),
            ("b_rpm_tc", 1_000),
            ("b_tpm_tk", 900_000),
            ("b_tpm_cp", 1_000_000),
            ("b_tpm_ra", 1_000_000),
            ("b_tpm_rp", 60_000),
            ("b_tpm_tc", 100_000),
            ("b_wcu_tk", 1_000_000),
            ("b_wcu_cp", 1_000_000),
            ("b_wcu_ra", 1_000_000),
            ("b_wcu_rp", 1_000),
            ("b_wcu_tc", 0),
        ];
        item.extend(
            numbers.map(|(name, value)| (name.to_owned(), AttributeValue::N(value.to_string()))),
        );
        item
    }
}

fn limits() -> [Limit; 2] {
    [Limit::per_minute("rpm", 5), Limit::per_minute("tpm", 1000)]
}

fn number(item: &Item, attribute: &str) -> i64 {
    item.get(attribute)
        .unwrap_or_else(|| panic!("no {attribute}"))
        .as_n()
        .unwrap()
        .parse()
        .unwrap()
}

fn names(item: &Item) -> Vec<&str> {
    let mut names: Vec<_> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// An hour after the first request. Seven times the time to fill, which is a minute, would be less.
const TTL: i64 = 1_895_504_627;

/// Tokens and consumption of both limits and of the write counter.
const TOKENS: [&str; 6] = [
    "b_rpm_tk", "b_rpm_tc", "b_tpm_tk", "b_tpm_tc", "b_wcu_tk", "b_wcu_tc",
];
const TIMES: [&str; 2] = ["rf", "ttl"];

#[tokio::test]
async fn a_new_bucket_is_the_item_that_others_write_and_says_what_ours_was() {
    let fixture = Fixture::open().await;
    let lease = fixture.acquire(1, 100).await;
    let mut item = fixture.item().await;
    let id = item.remove("lw").expect("the id of the last write");
    assert_eq!(id.as_s().unwrap().len(), 11);
    assert_eq!(
        item.remove("la"),
        item.get("rf").cloned(),
        "the anchor is ours"
    );
    assert_eq!(item, fixture.peer_item());
    lease.commit();
}

#[tokio::test]
async fn a_plain_spend_changes_tokens_and_counters() {
    let fixture = Fixture::open().await;
    fixture.acquire(1, 100).await.commit();
    let before = fixture.item().await;
    fixture.advance(999);
    fixture.acquire(1, 300).await.commit();

    assert_eq!(
        fixture.numbers(TOKENS).await,
        [3_000, 2_000, 600_000, 400_000, 999_000, 1_000]
    );
    let mut after = fixture.item().await;
    assert_ne!(after["lw"], before["lw"]);
    for name in TOKENS.into_iter().chain(["lw"]) {
        after.insert(name.into(), before[name].clone());
    }
    assert_eq!(after, before, "nothing else");
}

#[tokio::test]
async fn a_refill_stays_where_it_is_until_something_moves_it() {
    let fixture = Fixture::open().await;
    fixture.acquire(1, 100).await.commit();
    let before = fixture.item().await;
    fixture.advance(3_037);
    fixture.acquire(1, 720).await.commit();
    assert_eq!(
        fixture.numbers(TOKENS).await,
        [3_000, 2_000, 180_000, 820_000, 999_000, 1_000]
    );
    assert_eq!(fixture.numbers(["rf", "la", "ttl"]).await, [NOW, NOW, TTL]);
    assert_eq!(names(&fixture.item().await), names(&before));
}

#[tokio::test]
async fn a_write_that_moves_the_times_keeps_the_remainder() {
    let fixture = Fixture::mixed(true).await;
    fixture.acquire(1, 100).await.commit();
    let before = fixture.item().await;
    // The cost exceeds the stored tokens. In a mixed fleet, a write that relies on the refill moves
    // the anchor.
    fixture.advance(3_037);
    fixture.acquire(1, 940).await.commit();

    // 3037 ms refill 253 5/60 and 50616 40/60 millitokens.
    assert_eq!(
        fixture.numbers(TOKENS).await,
        [3_253, 2_000, 10_616, 1_040_000, 999_000, 1_000]
    );
    assert_eq!(
        fixture.numbers(["b_rpm_fr", "b_tpm_fr"]).await,
        [5_000, 40_000]
    );
    assert_eq!(
        fixture.numbers(["rf", "la", "ttl"]).await,
        [NOW + 3_037, NOW + 3_037, TTL + 3]
    );
    let mut expected = names(&before);
    expected.extend(["b_rpm_fr", "b_tpm_fr"]);
    expected.sort_unstable();
    assert_eq!(names(&fixture.item().await), expected);

    // The remainder counts: 12 times 40/60 leaves no remainder.
    fixture.advance(11 * 3_037);
    fixture.acquire(0, 100).await.commit();
    assert_eq!(
        fixture.numbers(["b_rpm_tk", "b_rpm_fr"]).await,
        [5_000, 0],
        "full"
    );
    assert_eq!(
        fixture.numbers(["b_tpm_tk", "b_tpm_fr"]).await,
        [10_616 + 556_784 - 100_000, 0]
    );
}

#[tokio::test]
async fn a_refill_to_the_cap_leaves_a_full_bucket_less_the_cost() {
    for (mixed, [rpm, tpm], rf) in [
        (false, [-1_000, -100_016], NOW),
        (true, [4_000, 900_000], NOW + 60_001),
    ] {
        let fixture = Fixture::mixed(mixed).await;
        fixture.acquire(5, 1000).await.commit();
        fixture.advance(60_001);
        fixture.acquire(1, 100).await.commit();
        assert_eq!(
            fixture.numbers(TOKENS).await,
            [rpm, 6_000, tpm, 1_100_000, 999_000, 1_000]
        );
        assert_eq!(fixture.numbers(["rf", "la"]).await, [rf, rf]);
        // In both modes, that is a full bucket minus the cost.
        let left = fixture
            .limiter
            .available("u1", "api")
            .limits(limits())
            .await
            .unwrap();
        assert_eq!(
            (
                left.get("rpm").unwrap().available,
                left.get("tpm").unwrap().available
            ),
            (4, 900),
            "{mixed}"
        );
    }
}

#[tokio::test]
async fn settling_writes_the_difference() {
    let fixture = Fixture::open().await;
    let mut lease = fixture.acquire(1, 100).await;
    lease.adjust("tpm", 50).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(
        fixture.numbers(TOKENS).await,
        [4_000, 1_000, 850_000, 150_000, 999_000, 1_000]
    );

    let mut lease = fixture.acquire(1, 100).await;
    lease.adjust("tpm", -70).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(
        fixture.numbers(TOKENS).await,
        [3_000, 2_000, 820_000, 180_000, 997_000, 3_000]
    );

    fixture.acquire(1, 100).await.rollback().await.unwrap();
    assert_eq!(
        fixture.numbers(TOKENS).await,
        [3_000, 2_000, 820_000, 180_000, 995_000, 5_000]
    );
    assert_eq!(fixture.numbers(TIMES).await, [NOW, TTL]);
}

#[tokio::test]
async fn giving_back_stops_at_the_cap() {
    let fixture = Fixture::open().await;
    let lease = fixture.acquire(5, 1000).await;
    fixture.advance(30_000);
    // Half of the tokens have been refilled since the anchor, and count.
    lease.rollback().await.unwrap();
    assert_eq!(
        fixture
            .numbers(["b_rpm_tk", "b_rpm_tc", "b_tpm_tk", "b_tpm_tc"])
            .await,
        [2_500, 0, 500_000, 0]
    );
}

#[tokio::test]
async fn a_debt_keeps_the_bucket_until_it_is_paid() {
    let fixture = Fixture::open().await;
    let mut lease = fixture.acquire(1, 100).await;
    lease.adjust("tpm", 20_000).unwrap();
    lease.commit().await.unwrap();
    let [tokens, ttl] = fixture.numbers(["b_tpm_tk", "ttl"]).await;
    // The debt is paid within the hour that the bucket lives anyway.
    assert_eq!((tokens, ttl), (-19_100_000, TTL));
    let mut lease = fixture.acquire(0, 0).await;
    lease.adjust("tpm", 200_000).unwrap();
    lease.commit().await.unwrap();
    let [tokens, ttl] = fixture.numbers(["b_tpm_tk", "ttl"]).await;
    assert_eq!(tokens, -219_100_000);
    // 220 100 000 millitokens at 1 000 000 a minute, and a minute for tokens that are spent
    // meanwhile.
    let paid = NOW + 220_100_000 * 60 / 1000 + 60_000;
    assert!(
        (paid / 1000..=paid / 1000 + 1).contains(&ttl),
        "{ttl} {paid}"
    );
}

#[tokio::test]
async fn a_denial_writes_nothing() {
    let fixture = Fixture::open().await;
    fixture.acquire(5, 100).await.commit();
    let before = fixture.item().await;
    fixture.advance(500);
    let denied = fixture
        .limiter
        .acquire("u1", "api")
        .limits(limits())
        .await
        .unwrap_err();
    assert!(denied.denied().is_some(), "{denied}");
    assert_eq!(fixture.item().await, before);
}

#[tokio::test]
async fn an_item_of_another_client_is_charged_where_it_stands() {
    let fixture = Fixture::open().await;
    let mut item = fixture.peer_item();
    for (name, value) in [("pinc", "70dba97f28e80df0"), ("b_rpm_sched", "-")] {
        item.insert(name.into(), AttributeValue::S(value.into()));
    }
    fixture.put(item.clone()).await;
    fixture.acquire(1, 100).await.commit();
    assert_eq!(
        fixture.numbers(TOKENS).await,
        [3_000, 2_000, 800_000, 200_000, 999_000, 1_000]
    );
    let after = fixture.item().await;
    for name in item.keys().filter(|name| !TOKENS.contains(&name.as_str())) {
        assert_eq!(after.get(name), item.get(name), "{name}");
    }
    assert!(!after.contains_key("la"), "the anchor is still theirs");
}

#[tokio::test]
async fn other_parameters_and_another_limit_come_with_a_refill() {
    let fixture = Fixture::open().await;
    fixture.acquire(1, 100).await.commit();
    let limits = [
        Limit::per_minute("rpm", 5),
        Limit::per_hour("tpm", 500),
        Limit::per_day("in.put-tokens", 7),
    ];
    fixture.advance(10);
    fixture
        .limiter
        .acquire("u1", "api")
        .limits(limits)
        .cost("tpm", 100)
        .await
        .unwrap()
        .commit();
    let changed = [
        "b_tpm_tk", "b_tpm_cp", "b_tpm_ra", "b_tpm_rp", "b_tpm_fr", "rf",
    ];
    assert_eq!(
        fixture.numbers(changed).await,
        [400_000, 500_000, 500_000, 3_600_000, 0, NOW + 10]
    );
    let added = [
        "b_in.put-tokens_tk",
        "b_in.put-tokens_cp",
        "b_in.put-tokens_ra",
        "b_in.put-tokens_rp",
    ];
    assert_eq!(
        fixture.numbers(added).await,
        [6_000, 7_000, 7_000, 86_400_000]
    );
    assert_eq!(
        fixture.numbers(["b_in.put-tokens_tc", "b_rpm_tk"]).await,
        [1_000, 3_000]
    );
    // Seven days: the bucket must not expire, and so become full, before the limit per day is full.
    assert_eq!(
        fixture.numbers(["ttl"]).await,
        [NOW / 1000 + 7 * 86_400 + 1]
    );
}

#[tokio::test]
async fn an_expired_item_is_replaced_whole() {
    let fixture = Fixture::open().await;
    let mut item = fixture.peer_item();
    item.insert("b_rpm_tk".into(), AttributeValue::N("-9000".into()));
    item.insert("b_old_tk".into(), AttributeValue::N("0".into()));
    fixture.put(item).await;
    fixture.clock.set(TTL * 1000);
    fixture.acquire(1, 100).await.commit();
    let item = fixture.item().await;
    assert_eq!(
        fixture.numbers(TOKENS).await,
        [4_000, 1_000, 900_000, 100_000, 1_000_000, 0]
    );
    assert_eq!(
        fixture.numbers(["rf", "la", "ttl"]).await,
        [TTL * 1000, TTL * 1000, TTL + 3600]
    );
    assert!(!item.contains_key("b_old_tk"));
}

#[tokio::test]
async fn explicit_limits_give_a_bucket_an_expiry() {
    let fixture = Fixture::open().await;
    let mut item = fixture.peer_item();
    item.remove("ttl");
    fixture.put(item).await;
    fixture.advance(3_000_000_000);
    fixture.acquire(1, 100).await.commit();
    let seconds = (NOW + 3_000_000_000) / 1000;
    assert_eq!(
        fixture.numbers(["b_rpm_tk", "rf", "ttl"]).await,
        [4_000, NOW + 3_000_000_000, seconds + 3601]
    );
}

#[tokio::test]
async fn tokens_above_the_cap_are_cut_before_they_are_spent() {
    let fixture = Fixture::open().await;
    let mut item = fixture.peer_item();
    item.insert("b_rpm_tk".into(), AttributeValue::N("9000".into()));
    fixture.put(item).await;
    fixture.acquire(1, 100).await.commit();
    assert_eq!(
        fixture.numbers(["b_rpm_tk", "b_rpm_tc"]).await,
        [4_000, 2_000]
    );
}

/// Returns the size as DynamoDB counts it: names and texts by bytes, numbers by one byte for two
/// digits and one more.
fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => {
            digits
                .trim_start_matches('-')
                .trim_end_matches('0')
                .len()
                .div_ceil(2)
                + 2
        }
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        other => panic!("a bucket has no {other:?}"),
    };
    item.iter()
        .map(|(name, attribute)| name.len() + value(attribute))
        .sum()
}

/// A write unit is a kilobyte.
#[tokio::test]
async fn an_item_of_four_limits_is_below_a_kilobyte() {
    let fixture = Fixture::open().await;
    let (entity, resource) = ("e".repeat(40), "r".repeat(24));
    // The item of a child names its parent.
    let child = Entity::new(EntityId::new(&*entity).unwrap())
        .with_parent(EntityId::new("p".repeat(40)).unwrap());
    fixture
        .limiter
        .entities()
        .create(child.cascading())
        .await
        .unwrap();
    let limits = [
        Limit::per_minute("rpm1", 1_999),
        Limit::per_minute("tpm2", 2_999_999),
        Limit::per_day("rpd3", 199_999),
        Limit::per_day("tpd4", 1_999_999_999),
    ];
    // All numbers are odd and there are remainders. The last write moves the anchor to a time that
    // leaves a fraction in each limit.
    for (cost, first) in [(1, 1_999), (3, 1_999), (7, 1_997)] {
        let mut limits = limits.clone();
        limits[0] = Limit::per_minute("rpm1", first);
        let acquire = fixture
            .limiter
            .acquire(&*entity, &*resource)
            .limits(limits)
            .cost("tpd4", cost);
        acquire.await.unwrap().commit().await.unwrap();
        fixture.advance(1_237);
    }
    let key = format!("{}/BUCKET#{entity}#{resource}#0", fixture.namespace);
    let item = fixture.engine.item(STACK, &key, "#STATE").await.unwrap();
    let size = size(&item);
    assert!(
        item.contains_key("parent_id")
            && item.keys().any(|name| name.ends_with("_fr"))
            && item.contains_key("la")
    );
    assert!(size < 1024, "{size} bytes");
}
