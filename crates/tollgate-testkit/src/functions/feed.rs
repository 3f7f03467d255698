//! The records of a table's stream, as Lambda puts them into events.

use dynoxide::{
    Database,
    actions::{
        describe_stream::DescribeStreamRequest, get_records::GetRecordsRequest,
        get_shard_iterator::GetShardIteratorRequest, list_streams::ListStreamsRequest,
    },
};
use serde_json::Value;

use super::batch::sequence;
use crate::Engine;

/// Returns the records of a table's stream after the one with the sequence number `after`; all of
/// them without one.
///
/// # Panics
/// If the table has no stream.
pub fn records(engine: &Engine, table: &str, after: Option<&str>) -> Vec<Value> {
    read(engine.database(), table, after)
        .unwrap_or_else(|problem| panic!("the stream of {table} cannot be read: {problem}"))
}

fn read(database: &Database, table: &str, after: Option<&str>) -> Result<Vec<Value>, String> {
    let told = |error: dynoxide::errors::DynoxideError| error.to_string();
    let list = ListStreamsRequest {
        table_name: Some(table.to_owned()),
        ..ListStreamsRequest::default()
    };
    let streams = database.list_streams(list).map_err(told)?.streams;
    let arn = streams
        .first()
        .ok_or("the table has none")?
        .stream_arn
        .clone();
    let describe = DescribeStreamRequest {
        stream_arn: arn.clone(),
        ..DescribeStreamRequest::default()
    };
    let shards = database.describe_stream(describe).map_err(told)?;
    let mut all = Vec::new();
    for shard in shards.stream_description.shards {
        let request = GetShardIteratorRequest {
            stream_arn: arn.clone(),
            shard_id: shard.shard_id,
            shard_iterator_type: after
                .map_or("TRIM_HORIZON", |_| "AFTER_SEQUENCE_NUMBER")
                .to_owned(),
            sequence_number: after.map(str::to_owned),
        };
        let mut iterator = database.get_shard_iterator(request).map_err(told)?;
        while let Some(next) = iterator.shard_iterator.take() {
            let request = GetRecordsRequest {
                shard_iterator: next,
                limit: Some(1000),
            };
            let page = database.get_records(request).map_err(told)?;
            if page.records.is_empty() {
                break;
            }
            iterator.shard_iterator = page.next_shard_iterator;
            for record in page.records {
                let mut record = serde_json::to_value(record).map_err(|error| error.to_string())?;
                record["eventSourceARN"] = arn.clone().into();
                all.push(record);
            }
        }
    }
    all.sort_by_key(|record| {
        let digits = sequence(record);
        (digits.len(), digits.to_owned())
    });
    Ok(all)
}
