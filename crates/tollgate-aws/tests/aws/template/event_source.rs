//! The records that reach the aggregator, by Lambda's rules for filters.

use serde_json::{Value, json};

use super::resolved::template;

/// Returns true if one of the mapping's patterns lets a record pass.
fn passes(record: &Value) -> bool {
    let template = template();
    let mapping = &template["Resources"]["AggregatorEventSourceMapping"]["Properties"];
    let filters = mapping["FilterCriteria"]["Filters"].as_array().unwrap();
    filters.iter().any(|filter| {
        let pattern = filter["Pattern"].as_str().unwrap();
        let pattern: Value = serde_json::from_str(pattern).unwrap();
        matches(&pattern, record)
    })
}

/// Every field of the pattern is in the record. A list names the values that a field may have.
fn matches(pattern: &Value, record: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields.iter().all(|(name, pattern)| {
            record
                .get(name)
                .is_some_and(|value| matches(pattern, value))
        }),
        Value::Array(rules) => rules.iter().any(|rule| match rule {
            Value::String(_) => rule == record,
            Value::Object(rule) if rule.len() == 1 => {
                let prefix = rule["prefix"].as_str().expect("the rule prefix");
                record.as_str().is_some_and(|text| text.starts_with(prefix))
            }
            other => panic!("Lambda has no rule {other}"),
        }),
        other => panic!("Lambda wants lists: {other}"),
    }
}

fn record(event: &str, partition: &str, sort: &str) -> Value {
    json!({
        "eventName": event,
        "eventSource": "aws:dynamodb",
        "dynamodb": { "Keys": { "PK": { "S": partition }, "SK": { "S": sort } } },
    })
}

#[test]
fn buckets_and_expired_events_pass_and_nothing_else() {
    let bucket = "AbC-_123456/BUCKET#user-1#gpt-4#3";
    let history = "AbC-_123456/AUDIT#$SYSTEM";
    for (event, partition, sort, expected) in [
        ("INSERT", bucket, "#STATE", true),
        ("MODIFY", bucket, "#STATE", true),
        ("REMOVE", bucket, "#STATE", true),
        ("REMOVE", history, "#AUDIT#01J0000000000000000000000", true),
        ("INSERT", history, "#AUDIT#01J0000000000000000000000", false),
        ("MODIFY", "AbC-_123456/ENTITY#user-1", "#META", false),
        (
            "MODIFY",
            "AbC-_123456/ENTITY#user-1",
            "#USAGE#gpt-4#2026-01-31T14:00:00Z",
            false,
        ),
        (
            "REMOVE",
            "AbC-_123456/ENTITY#user-1",
            "#CONFIG#gpt-4",
            false,
        ),
        ("MODIFY", "_/SYSTEM#", "#VERSION", false),
    ] {
        let record = record(event, partition, sort);
        assert_eq!(passes(&record), expected, "{record}");
    }
}

#[test]
fn failed_records_are_repeated_divided_and_set_aside() {
    let template = template();
    let mapping = &template["Resources"]["AggregatorEventSourceMapping"]["Properties"];
    assert_eq!(
        mapping["FunctionResponseTypes"],
        json!(["ReportBatchItemFailures"])
    );
    assert_eq!(mapping["BisectBatchOnFunctionError"], true);
    let age = mapping["MaximumRecordAgeInSeconds"].as_u64().unwrap();
    assert!(age < 24 * 60 * 60, "the stream keeps records for a day");
    let queue = &mapping["DestinationConfig"]["OnFailure"]["Destination"];
    assert_eq!(queue, &json!({ "Fn::GetAtt": ["AggregatorDLQ", "Arn"] }));
}
