//! Upkeep of the engine: expiry, and its stream.

use aws_sdk_dynamodb::types::AttributeValue;
use rusqlite::params;

use super::place::{Place, TABLE, key, until};

/// Returns the number of stream records that `condition` selects.
fn records(place: &Place, condition: &str) -> u64 {
    let count = format!("SELECT COUNT(*) FROM _stream_records WHERE {condition}");
    let count = place.database().query_row(&count, [], |row| row.get(0));
    count.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_expires_with_a_record_of_the_service() {
    let place = Place::up();
    let mut item: std::collections::HashMap<_, _> = key("expired").into();
    item.insert("ttl".into(), AttributeValue::N("1000000000".into()));
    let put = place.client().put_item().table_name(TABLE);
    put.set_item(Some(item)).send().await.unwrap();
    place.ok("local down");
    place.ok("local up");
    let removed = "event_name = 'REMOVE' AND user_identity LIKE '%dynamodb.amazonaws.com%'
        AND keys_json LIKE '%expired%'";
    until(|| records(&place, removed) == 1);
    let get = place.client().get_item().table_name(TABLE);
    let got = get.set_key(Some(key("expired").into())).send().await;
    assert!(got.unwrap().item.is_none());
    until(|| place.ok("local logs").contains("deleted 1 expired items"));
}

#[test]
fn old_stream_records_are_deleted_and_younger_ones_stay() {
    let place = Place::new();
    // An aggregator would write too.
    place.ok("local up --no-aggregator");
    place.there("entity create user-1");
    place.ok("local down");
    let all = records(&place, "true");
    assert!(all > 2);
    // Two days old.
    let aged = "UPDATE _stream_records SET created_at = created_at - ?1 WHERE id <= 2";
    place.database().execute(aged, params![172_800]).unwrap();
    place.ok("local up --no-aggregator");
    until(|| records(&place, "id <= 2") == 0);
    assert_eq!(records(&place, "true"), all - 2);
    until(|| {
        place
            .ok("local logs")
            .contains("deleted 2 old stream records")
    });
    let status = place.json("local status");
    assert_eq!(status["tables"][0]["stream_records"], all - 2);
}

#[test]
fn a_write_finds_the_end_of_the_stream_by_an_index() {
    let place = Place::up();
    let database = place.database();
    // The question that the engine asks before each write.
    let plan = "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
        FROM _stream_records WHERE table_name = ?1";
    let plan: String = database
        .query_row(plan, params![TABLE], |row| row.get("detail"))
        .unwrap();
    assert!(plan.contains("_tollgate_stream_order"), "{plan}");
}
