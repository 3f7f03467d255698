//! Usage that the server of a local table counts itself.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use tollgate::{RateLimiter, store::dynamodb::CreateTable};

use super::place::{Place, TABLE, signal, until};
use crate::{aggregate, stage::scan};

type Sums = BTreeMap<String, i64>;

/// Consumes, as a service does that makes its table itself.
async fn take(place: &Place, table: &str, entities: &[&str], amounts: &[u64]) {
    let limiter = RateLimiter::open()
        .stack(table)
        .namespace("default")
        .client(place.client())
        .provision(CreateTable::new())
        .await;
    aggregate::take(limiter.unwrap(), entities, amounts).await;
}

async fn sums(place: &Place, table: &str, word: &str) -> [Sums; 2] {
    aggregate::sums(&scan(&place.client(), table).await, word)
}

/// Waits until hours and days are counted exactly.
async fn wait_until_exact(place: &Place, table: &str) {
    for word in ["hourly", "daily"] {
        let mut seen = Default::default();
        for _ in 0..600 {
            seen = sums(place, table, word).await;
            if seen[0] == seen[1] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(
            !seen[0].is_empty() && seen[0] == seen[1],
            "{word}: {seen:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_without_another_command() {
    let place = Place::up();
    take(&place, TABLE, &["user-1"], &[13, 13, 13]).await;
    wait_until_exact(&place, TABLE).await;
    let listed = place.there("usage list -e user-1 -w daily");
    assert!(listed.contains("rpm=3, tpm=39"), "{listed}");
    let status = place.json("local status");
    let aggregator = &status["tables"][0]["aggregator"];
    assert_eq!(aggregator["running"], true, "{status}");
    assert_eq!(aggregator["owner"], "tollgate local", "{status}");
    assert!(aggregator["counted_until"].is_string(), "{status}");
    let log = place.ok("local logs");
    assert!(
        log.contains("usage of zae-limiter: Begins with the oldest record"),
        "{log}"
    );
    // A second aggregator would find nothing to do.
    let second = place.run_there("aggregate --once");
    assert!(
        second.code == 1
            && second
                .err
                .contains("another aggregator (tollgate local) works"),
        "{second:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_made_later_is_counted_too() {
    let place = Place::up();
    take(&place, "made-by-a-service", &["user-1"], &[5]).await;
    take(&place, TABLE, &["user-2"], &[6]).await;
    for table in [TABLE, "made-by-a-service"] {
        wait_until_exact(&place, table).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_saves_a_checkpoint_and_the_next_server_goes_on() {
    let place = Place::up();
    take(&place, TABLE, &["user-1", "user-2"], &[1, 2, 3]).await;
    wait_until_exact(&place, TABLE).await;
    place.ok("local down");
    place.ok("local up --no-aggregator");
    let status = place.json("local status");
    let aggregator = &status["tables"][0]["aggregator"];
    assert_eq!(aggregator["running"], false, "{status}");
    assert!(aggregator["counted_until"].is_string(), "{status}");
    take(&place, TABLE, &["user-1"], &[4]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let [buckets, snapshots] = sums(&place, TABLE, "daily").await;
    assert_ne!(buckets, snapshots, "nothing counts now");
    place.ok("local down");
    place.ok("local up");
    wait_until_exact(&place, TABLE).await;
    let other = place.run("local up --no-aggregator");
    assert!(
        other.code == 0
            && other
                .err
                .starts_with("note: the server that runs counts usage"),
        "{other:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_counts_nothing_twice() {
    let place = Place::up();
    for round in 0..6_u64 {
        take(&place, TABLE, &["a", "b", "c"], &[round + 1, 2]).await;
        // From before the first snapshot to after the checkpoint.
        tokio::time::sleep(Duration::from_millis(250 * round)).await;
        signal("-KILL", place.pid());
        until(|| place.state() == "stopped");
        place.ok("local up");
    }
    wait_until_exact(&place, TABLE).await;
    let [_, daily] = sums(&place, TABLE, "daily").await;
    assert_eq!(daily["a rpm"], 12, "{daily:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregator_that_fails_is_told_and_the_engine_goes_on() {
    let place = Place::up();
    place.ok("local down");
    place.ok("local up --no-aggregator");
    let key = |sort: &str| {
        [("PK", "_/SYSTEM#"), ("SK", sort)]
            .map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned())))
    };
    let put = place.client().put_item().table_name(TABLE);
    let mut item = std::collections::HashMap::from(key("#AGGREGATOR"));
    item.insert("stream".into(), AttributeValue::S("arn".into()));
    item.insert("lease_until".into(), AttributeValue::N("0".into()));
    put.set_item(Some(item)).send().await.unwrap();
    place.ok("local down");
    place.ok("local up");
    until(|| {
        let log = place.ok("local logs");
        log.contains("usage of zae-limiter is not counted: the item #AGGREGATOR cannot be read")
    });
    take(&place, TABLE, &["user-1"], &[7]).await;
    take(&place, "another-table", &["user-1"], &[7]).await;
    wait_until_exact(&place, "another-table").await;
    let delete = place.client().delete_item().table_name(TABLE);
    let delete = delete.set_key(Some(key("#AGGREGATOR").into()));
    delete.send().await.unwrap();
    wait_until_exact(&place, TABLE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_made_again_does_not_count_its_predecessor() {
    let place = Place::up();
    take(&place, "made-again", &["user-1"], &[5, 5]).await;
    wait_until_exact(&place, "made-again").await;
    let delete = place.client().delete_table().table_name("made-again");
    delete.send().await.unwrap();
    // Times of records are whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    take(&place, "made-again", &["user-1"], &[3]).await;
    wait_until_exact(&place, "made-again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_another_program_is_left_alone() {
    let place = Place::up();
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap()
    };
    let part = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .unwrap()
    };
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages);
    let create = place.client().create_table().table_name("not-ours");
    create
        .attribute_definitions(attribute("PK"))
        .attribute_definitions(attribute("SK"))
        .key_schema(part("PK", KeyType::Hash))
        .key_schema(part("SK", KeyType::Range))
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.build().unwrap())
        .send()
        .await
        .unwrap();
    // A table that is made later is counted, so all tables were looked at.
    take(&place, "made-by-a-service", &["user-1"], &[5]).await;
    wait_until_exact(&place, "made-by-a-service").await;
    assert!(scan(&place.client(), "not-ours").await.is_empty());
}
