//! The queue of dead letters: it gets exactly what was not counted.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollgate_testkit::{
    ErrorAnswer, Fault,
    functions::{DeadLetter, Discarded, Report},
};

use crate::{history::History, stage::Stage};

fn sequence(record: &Value) -> String {
    let sequence = &record["dynamodb"]["SequenceNumber"];
    sequence.as_str().unwrap().to_owned()
}

fn dead(report: &Report) -> BTreeSet<String> {
    let letters = report.dead_letters.iter();
    letters
        .flat_map(|letter| letter.sequences.clone())
        .collect()
}

/// Returns true if a record shows that something was consumed or given back.
fn consumes(record: &Value) -> bool {
    let change = &record["dynamodb"];
    let counter = |image: &str| change[image]["b_tpm_tc"].clone();
    record["eventName"] != "REMOVE" && counter("OldImage") != counter("NewImage")
}

/// Returns true if the record at a place changes a bucket that is changed or deleted later.
fn is_made_up_for(records: &[Value], place: usize) -> bool {
    let key = |record: &Value| record["dynamodb"]["Keys"]["PK"].clone();
    let record = &records[place];
    let mut later = records[place + 1..].iter();
    let next = later.find(|later| {
        key(later) == key(record) && (consumes(later) || later["eventName"] == "REMOVE")
    });
    record["eventName"] == "MODIFY" && consumes(record) && next.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_records_fail_alone_and_the_next_change_makes_up_for_them() {
    let stage = Stage::new().await;
    let history = History::new(1, 3, 120);
    let mut records = history.records.clone();
    let mut spoiled = BTreeSet::new();
    for from in [10, 45, 80] {
        let place = (from..).find(|place| is_made_up_for(&records, *place));
        let record = &mut records[place.unwrap()];
        spoiled.insert(sequence(record));
        record["dynamodb"]["Keys"]["PK"] = json!({ "N": "7" });
    }
    let source = stage.source().batch_size(50).retries(2);
    let report = source.deliver(records).await;
    assert_eq!(dead(&report), spoiled, "{:?}", report.log);
    let alone = |letter: &DeadLetter| {
        letter.reason == Discarded::RetriesExhausted && letter.sequences.len() == 1
    };
    assert!(report.dead_letters.iter().all(alone), "{report:?}");
    let told = report.log.iter().any(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["level"] == "ERROR" && line["problem"] == "it has no key PK"
    });
    assert!(told, "{:?}", report.log);
    stage.assert_counted(&history.consumed, "malformed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_cannot_be_written_is_a_dead_letter_and_counts_when_it_comes_again() {
    let stage = Stage::new().await;
    let history = History::new(2, 2, 40);
    stage.proxy.set_fault(
        Fault::answer(ErrorAnswer::access_denied("dynamodb:UpdateItem")).on("UpdateItem"),
    );
    let records = || history.records.clone();
    let report = stage.source().retries(1).deliver(records()).await;
    assert_eq!(stage.counted("hourly").await, Default::default());
    let consumes = history.records.iter().filter(|record| consumes(record));
    let all = dead(&report);
    let lost: Vec<&Value> = consumes
        .filter(|record| !all.contains(&sequence(record)))
        .collect();
    assert!(lost.is_empty(), "not counted, and no dead letter: {lost:?}");
    stage.proxy.clear_faults();
    let report = stage.source().deliver(records()).await;
    assert_eq!(report.dead_letters, []);
    stage.assert_counted(&history.consumed, "again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_written_keeps_no_other_from_being_counted() {
    use aws_sdk_dynamodb::types::AttributeValue::{M, S};
    let stage = Stage::new().await;
    stage.consume(&["good", "other", "poison"], &[1, 2]).await;
    let records = tollgate_testkit::functions::records(&stage.engine, crate::stage::STACK, None);
    let key = records.iter().find_map(|record| {
        let key = record.pointer("/dynamodb/Keys/PK/S")?.as_str()?;
        let (namespace, _) = key.split_once("/BUCKET#poison#")?;
        Some(namespace.to_owned())
    });
    let time = records.last().unwrap()["dynamodb"]["ApproximateCreationDateTime"].as_f64();
    let hour = jiff::Timestamp::from_second(time.unwrap() as i64).unwrap();
    let hour = hour.strftime("#USAGE#api#%Y-%m-%dT%H:00:00Z").to_string();
    // A form that only a newer version can read.
    stage
        .engine
        .client()
        .put_item()
        .table_name(crate::stage::STACK)
        .item("PK", S(format!("{}/ENTITY#poison", key.unwrap())))
        .item("SK", S(hour))
        .item(
            "#tollgate",
            M([("new".to_owned(), S("form".into()))].into()),
        )
        .send()
        .await
        .unwrap();
    let report = stage.source().retries(1).deliver(records.clone()).await;
    let poison: BTreeSet<String> = records
        .iter()
        .filter(|record| record.to_string().contains("BUCKET#poison"))
        .map(sequence)
        .collect();
    assert_eq!(dead(&report), poison, "{:?}", report.log);
    let counted = stage.counted("daily").await;
    let mut consumed = stage.consumed().await;
    consumed.retain(|(entity, ..), _| entity != "poison");
    assert_eq!(counted, consumed);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_too_old_are_dead_letters() {
    let stage = Stage::new().await;
    let history = History::new(3, 1, 10);
    let source = stage
        .source()
        .record_age(std::time::Duration::from_secs(60));
    let report = source.deliver(history.records.clone()).await;
    assert_eq!((report.events, dead(&report).len()), (0, 10));
    assert_eq!(report.dead_letters[0].reason, Discarded::TooOld);
}
