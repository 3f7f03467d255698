//! The rows of the write table as they reach the engine: expressions with their literals.
//!
//! A bucket of 60 tokens a minute refills a millitoken in a millisecond, so the literals follow
//! from the clock.

use std::time::Duration;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use serde_json::Value;
use tollgate::{
    Lease, Limit, LimitName, RateLimiter,
    clock::ManualClock,
    model::{
        BucketKey, Split, WriteId,
        plan::{self, LedgerDelta},
    },
    store::{Store, dynamodb::DynamoDbStore},
};

use super::{NOW, STACK, TTL};
use crate::{engine::TestEngine, sent_requests::SentRequests};

/// Returns an expression with its names and literals inserted.
fn plain(action: &Value, expression: &str) -> String {
    let mut text = action[expression].as_str().unwrap().to_owned();
    // The longest name first, because `:10` starts with `:1`.
    for field in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        let mut of: Vec<_> = action[field].as_object().unwrap().iter().collect();
        of.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, value) in of {
            let literal = value
                .as_str()
                .or_else(|| value["N"].as_str())
                .or_else(|| value["S"].as_str());
            text = text.replace(name, literal.expect("a name, a number or a text"));
        }
    }
    text
}

/// Returns the update expression and the condition, without the conditions that are the same in
/// each write. The write's id is replaced by `ID`, and the parameters are unchanged.
fn row(action: &Value) -> [String; 2] {
    let mut update = plain(action, "UpdateExpression");
    if let Some(at) = update.find("lw = ") {
        update.replace_range(at + 5..at + 16, "ID");
    }
    let condition = plain(action, "ConditionExpression");
    let same = |condition: &&str| {
        ![
            "attribute_exists(PK)",
            "(attribute_not_exists(shard_count) OR shard_count = 1)",
        ]
        .contains(condition)
            && !["_cp = 60000", "_ra = 60000", "_rp = 60000"]
                .iter()
                .any(|end| condition.ends_with(end))
            && !["ttl", "disabled", "bypass", "vu", "lw"]
                .iter()
                .any(|stamp| condition.contains(stamp))
    };
    let conditions: Vec<_> = condition.split(" AND ").filter(same).collect();
    [update, conditions.join(" AND ")]
}

struct Rows {
    engine: TestEngine,
    sent: SentRequests,
    client: Client,
    clock: ManualClock,
    limiter: RateLimiter,
    namespace: String,
}

fn limits() -> [Limit; 2] {
    [Limit::per_minute("a", 60), Limit::per_minute("b", 60)]
}

impl Rows {
    /// Opens a limiter that expects Python clients if `mixed`.
    async fn open(mixed: bool) -> Self {
        let engine = TestEngine::start().await;
        let sent = SentRequests::default();
        let client = sent.record(&engine.client());
        let clock = ManualClock::at(NOW);
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
            sent,
            client,
            clock,
            limiter,
            namespace,
        }
    }

    /// Acquires from both limits.
    async fn acquire(&self, a: u64, b: u64) -> Lease {
        let acquire = self.limiter.acquire("u1", "api").limits(limits());
        acquire.cost("a", a).cost("b", b).await.unwrap()
    }

    /// Settles a lease that has used `difference` tokens of `a` more than it was granted.
    async fn settle(&self, mut lease: Lease, difference: i64) {
        lease.adjust("a", difference).unwrap();
        lease.commit().await.unwrap();
    }

    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Returns the last write.
    fn last(&self) -> [String; 2] {
        row(&self.sent.last())
    }

    async fn set(&self, attribute: &str, value: i64) {
        let key = format!("{}/BUCKET#u1#api#0", self.namespace);
        let mut item = self.engine.item(STACK, &key, "#STATE").await.unwrap();
        item.insert(attribute.into(), AttributeValue::N(value.to_string()));
        self.engine
            .client()
            .put_item()
            .table_name(STACK)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }
}

/// The change of the write counter by every write if the anchor stays.
const W: &str = "b_wcu_tk -1000, b_wcu_tc 1000";

#[tokio::test]
async fn s1_a_spend_below_the_cap_leaves_the_anchor_free() {
    let rows = Rows::open(false).await;
    rows.acquire(10, 0).await.commit();
    rows.advance(1000);
    rows.acquire(10, 0).await.commit();
    // 10 of 50 tokens are spent. The condition allows at most 59 in the bucket. The other limit is
    // not part of the write.
    let update = format!("SET lw = ID ADD b_a_tk -10000, b_a_tc 10000, {W}");
    assert_eq!(
        rows.last(),
        [update, "b_a_tk >= 10000 AND b_a_tk <= 59000".into()]
    );
}

#[tokio::test]
async fn s1_beside_others_the_ceiling_is_wider_by_the_slack() {
    let rows = Rows::open(false).await;
    rows.acquire(10, 0).await.commit();
    // Another process has taken a token.
    rows.set("b_a_tk", 49_000).await;
    rows.set("b_a_tc", 11_000).await;
    rows.acquire(1, 0).await.commit();
    rows.advance(1000);
    rows.acquire(10, 0).await.commit();
    let [_, condition] = rows.last();
    let most: i64 = condition
        .strip_prefix("b_a_tk >= 10000 AND b_a_tk <= ")
        .unwrap()
        .parse()
        .unwrap();
    // The slack is the refill of 100 to 250 ms.
    assert!((59_100..=59_250).contains(&most), "{most}");
}

#[tokio::test]
async fn s1_a_spend_of_what_has_refilled_pins_the_anchor() {
    let rows = Rows::open(false).await;
    rows.acquire(60, 0).await.commit();
    rows.advance(20_000);
    rows.acquire(15, 0).await.commit();
    let update = format!("SET lw = ID ADD b_a_tk -15000, b_a_tc 15000, {W}");
    assert_eq!(
        rows.last(),
        [
            update,
            format!("rf = {NOW} AND b_a_tk >= -5000 AND b_a_tk <= 40000")
        ]
    );
}

#[tokio::test]
async fn s2_a_spend_at_the_cap_sets_the_tokens_under_the_anchor() {
    let rows = Rows::open(false).await;
    rows.acquire(10, 0).await.commit();
    rows.advance(30_000);
    rows.acquire(10, 0).await.commit();
    let update = format!("SET lw = ID, b_a_tk = 20000 ADD b_a_tc 10000, {W}");
    assert_eq!(
        rows.last(),
        [update, format!("rf = {NOW} AND b_a_tk >= 30000")]
    );
}

#[tokio::test]
async fn s3_a_settlement_that_takes_has_no_floor_but_the_expiry() {
    let rows = Rows::open(false).await;
    let lease = rows.acquire(10, 0).await;
    rows.advance(1000);
    rows.settle(lease, 5).await;
    // The debt must be paid before the bucket expires. A millitoken is refilled each ms, so the
    // bucket may lack at most as many millitokens as ms are left.
    let covered = 60_000 - (TTL * 1000 - NOW - 1000);
    let update = format!("SET lw = ID ADD b_a_tk -5000, b_a_tc 5000, {W}");
    assert_eq!(
        rows.last(),
        [
            update,
            format!("b_a_tk >= {} AND b_a_tk <= 59000", 5000 + covered)
        ]
    );
}

#[tokio::test]
async fn s4_a_settlement_that_takes_at_the_cap_sets_the_tokens() {
    let rows = Rows::open(false).await;
    let lease = rows.acquire(10, 0).await;
    rows.advance(30_000);
    rows.settle(lease, 5).await;
    let update = format!("SET lw = ID, b_a_tk = 25000 ADD b_a_tc 5000, {W}");
    assert_eq!(
        rows.last(),
        [update, format!("rf = {NOW} AND b_a_tk >= 30000")]
    );
}

#[tokio::test]
async fn s5_a_settlement_gives_back_below_the_cap() {
    let rows = Rows::open(false).await;
    let lease = rows.acquire(10, 0).await;
    rows.advance(1000);
    rows.settle(lease, -5).await;
    let update = format!("SET lw = ID ADD b_a_tk 5000, b_a_tc -5000, {W}");
    assert_eq!(rows.last(), [update, "b_a_tk <= 54000".into()]);
}

#[tokio::test]
async fn s6_a_settlement_gives_back_up_to_the_cap() {
    let rows = Rows::open(false).await;
    let lease = rows.acquire(10, 0).await;
    rows.advance(7000);
    rows.settle(lease, -5).await;
    let update = format!("SET lw = ID, b_a_tk = 53000 ADD b_a_tc -5000, {W}");
    assert_eq!(
        rows.last(),
        [update, format!("rf = {NOW} AND b_a_tk >= 48000")]
    );
}

#[tokio::test]
async fn s6_a_settlement_of_a_full_bucket_leaves_it_full() {
    let rows = Rows::open(false).await;
    let lease = rows.acquire(10, 0).await;
    rows.advance(20_000);
    rows.settle(lease, -5).await;
    // Only if the bucket is still full by the same anchor: another process's spend must not use up
    // the tokens that are given back.
    let update = format!("SET lw = ID, b_a_tk = 40000 ADD b_a_tc -5000, {W}");
    assert_eq!(
        rows.last(),
        [update, format!("rf = {NOW} AND b_a_tk >= 35000")]
    );
}

#[tokio::test]
async fn m1_and_m4_what_has_refilled_is_written_with_the_anchor() {
    let rows = Rows::open(true).await;
    rows.acquire(60, 10).await.commit();
    rows.advance(20_000);
    rows.acquire(15, 0).await.commit();
    let at = NOW + 20_000;
    let set = format!(
        "SET lw = ID, rf = {at}, la = {at}, ttl = {}, b_a_fr = 0, b_b_tk = 60000, b_b_fr = 0",
        TTL + 20
    );
    // `b` had 50 tokens, and is full since.
    let update = format!("{set} ADD b_a_tk 5000, b_a_tc 15000, b_wcu_tc 1000");
    let update = update.replace("b_b_fr = 0 ADD", "b_b_fr = 0, b_wcu_tk = 999000 ADD");
    assert_eq!(
        rows.last(),
        [
            update,
            format!("rf = {NOW} AND b_a_tk >= -5000 AND b_a_tk <= 40000 AND b_b_tk >= 40000")
        ]
    );
}

#[tokio::test]
async fn m2_and_m3_a_full_bucket_is_written_with_the_anchor() {
    let rows = Rows::open(true).await;
    rows.acquire(10, 60).await.commit();
    rows.advance(20_000);
    rows.acquire(15, 0).await.commit();
    let at = NOW + 20_000;
    let update = format!(
        "SET lw = ID, rf = {at}, la = {at}, ttl = {}, b_a_tk = 45000, b_a_fr = 0, b_b_fr = 0, b_wcu_tk = 999000 \
         ADD b_a_tc 15000, b_b_tk 20000, b_wcu_tc 1000",
        TTL + 20
    );
    // The only condition on `b` is that it exists.
    assert_eq!(
        rows.last(),
        [
            update,
            format!("rf = {NOW} AND b_a_tk >= 40000 AND attribute_exists(b_b_tk)")
        ]
    );
}

#[tokio::test]
async fn p_other_parameters_move_the_anchor_and_cut_to_the_smaller_capacity() {
    let rows = Rows::open(false).await;
    rows.acquire(55, 0).await.commit();
    rows.advance(10_000);
    let limits = [Limit::per_minute("a", 30), Limit::per_minute("b", 60)];
    let acquire = rows
        .limiter
        .acquire("u1", "api")
        .limits(limits)
        .cost("a", 5)
        .cost("b", 0);
    acquire.await.unwrap().commit();
    let at = NOW + 10_000;
    // 5 tokens and 10 s at 60 a minute make 15. The new capacity is 30.
    let update = format!(
        "SET lw = ID, rf = {at}, la = {at}, ttl = {}, b_a_fr = 0, b_a_cp = 30000, b_a_ra = 30000, b_a_rp = 60000, \
         b_b_tk = 60000, b_b_fr = 0, b_wcu_tk = 999000 ADD b_a_tk 5000, b_a_tc 5000, b_wcu_tc 1000",
        TTL + 10
    );
    assert_eq!(
        rows.last(),
        [
            update,
            format!("rf = {NOW} AND b_a_tk >= -5000 AND b_a_tk <= 20000 AND b_b_tk >= 50000")
        ]
    );
}

#[tokio::test]
async fn w_the_measure_of_writes_is_refilled_by_what_moves_and_never_asked() {
    let rows = Rows::open(true).await;
    rows.acquire(10, 10).await.commit();
    rows.set("b_wcu_tk", -700_000).await;
    rows.set("b_a_tk", 60_000).await;
    rows.advance(500);
    // The first try is refused, because the bucket holds more tokens than the image showed. The
    // answer shows the write counter.
    rows.acquire(1, 0).await.commit();
    let [update, condition] = rows.last();
    assert!(
        update.ends_with(" b_wcu_tk 499000, b_wcu_tc 1000"),
        "{update}"
    );
    assert!(!condition.contains("wcu"), "{condition}");
}

#[tokio::test]
async fn l_the_last_resort_takes_the_overflow_too_and_asks_nothing() {
    let rows = Rows::open(false).await;
    rows.acquire(5, 0).await.commit();
    let store = DynamoDbStore::new(&rows.client, STACK, &*rows.namespace);
    let key = BucketKey::new("u1".try_into().unwrap(), "api".try_into().unwrap());
    let image = store.read(&key).await.unwrap().unwrap();
    let mut changes = LedgerDelta::new();
    changes.settle(&LimitName::new("a").unwrap(), 4000);
    let update = plan::take_anyway(&image, &changes, NOW + 7000, WriteId::from_number(7));
    store.update(&key, &update).await.unwrap();
    // 55 tokens and the refill of 7 s make 62, so two tokens have overflowed.
    let expected = format!("SET lw = ID ADD b_a_tk -6000, b_a_tc 4000, {W}");
    assert_eq!(rows.last(), [expected, "attribute_exists(b_a_tk)".into()]);
}

#[tokio::test]
async fn x_a_split_halves_the_tokens_and_copies_the_anchor() {
    let rows = Rows::open(false).await;
    rows.acquire(7, 0).await.commit();
    // Tokens below zero, and the remainder of a division.
    for (attribute, value) in [("b_a_tk", -7_001), ("b_a_fr", 5)] {
        rows.set(attribute, value).await;
    }
    let store = DynamoDbStore::new(&rows.client, STACK, &*rows.namespace);
    let key = BucketKey::new("u1".try_into().unwrap(), "api".try_into().unwrap());
    let split = Split::new(WriteId::from_number(7), NOW + 10, 1);
    assert!(store.split(&key, &split).await.unwrap());
    let sent = rows.sent.last()["TransactItems"].clone();
    let [update, condition] = row(&sent[0]["Update"]);
    let halves = ["b_a_tk 3501", "b_b_tk -30000"];
    assert!(
        update.starts_with("SET shard_count = 2, lw = ID ADD ") && update.ends_with(" REMOVE ttl"),
        "{update}"
    );
    assert!(halves.iter().all(|half| update.contains(half)), "{update}");
    assert!(condition.contains(&format!("rf = {NOW}")), "{condition}");
    let new = &sent[1]["Put"]["Item"];
    let number = |attribute: &str| {
        new[attribute]["N"]
            .as_str()
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    let halves = ["b_a_tk", "b_a_fr", "b_b_tk", "rf", "la", "shard_count"].map(number);
    assert_eq!(halves, [-3_501, 5, 30_000, NOW, NOW, 2]);
    assert_eq!(
        new["PK"]["S"],
        format!("{}/BUCKET#u1#api#1", rows.namespace)
    );
}

#[tokio::test]
async fn c_a_new_bucket_is_full_less_what_was_asked_unless_there_is_one() {
    let rows = Rows::open(false).await;
    rows.acquire(10, 0).await.commit();
    let sent = rows.sent.last();
    assert_eq!(
        plain(&sent, "ConditionExpression"),
        format!("attribute_not_exists(PK) OR ttl <= {}", NOW / 1000)
    );
    let number = |attribute: &str| {
        sent["Item"][attribute]["N"]
            .as_str()
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    assert_eq!(
        ["b_a_tk", "b_a_tc", "b_b_tk", "b_b_tc"].map(number),
        [50_000, 10_000, 60_000, 0]
    );
    assert_eq!(
        ["rf", "la", "ttl", "shard_count", "b_wcu_tk"].map(number),
        [NOW, NOW, TTL, 1, 1_000_000]
    );
}
