//! The connection from the table's stream to the aggregator.

use super::{
    conditions::Condition,
    intrinsic::{attribute, reference},
    queue::DEAD_LETTERS,
    section::Resource,
    table::TABLE,
};
use crate::{
    names::StackFunction,
    node::{list, map},
};

/// Every change of a bucket's shard. Buckets alone have this sort key.
const BUCKETS: &str =
    r##"{"eventName":["INSERT","MODIFY","REMOVE"],"dynamodb":{"Keys":{"SK":{"S":["#STATE"]}}}}"##;

/// Deleted events of the history. Their partition keys begin with the namespace, which differs; their
/// sort keys begin alike.
const EVENTS: &str =
    r##"{"eventName":["REMOVE"],"dynamodb":{"Keys":{"SK":{"S":[{"prefix":"#AUDIT#"}]}}}}"##;

/// Six hours: an outage of some hours is made up for. Older batches go to the queue, so that newer ones
/// are not delayed for longer.
const LONGEST_AGE_SECONDS: u32 = 6 * 60 * 60;

/// Returns the mapping. A batch that fails is tried again and divided until one record is left. That
/// one is set aside after its last attempt, and the others are counted.
pub(super) fn mapping() -> Resource {
    let function = StackFunction::Aggregator.logical_id();
    let filters = [BUCKETS, EVENTS].map(|pattern| map([("Pattern", pattern.into())]));
    let failure = map([("Destination", attribute(DEAD_LETTERS, "Arn"))]);
    let properties = map([
        ("EventSourceArn", attribute(TABLE, "StreamArn")),
        ("FunctionName", reference(function)),
        ("StartingPosition", reference("StreamStartingPosition")),
        ("BatchSize", 500.into()),
        ("MaximumBatchingWindowInSeconds", 5.into()),
        // Some minutes of an outage: an attempt ends with the timeout of the function at the latest.
        ("MaximumRetryAttempts", 20.into()),
        ("MaximumRecordAgeInSeconds", LONGEST_AGE_SECONDS.into()),
        ("BisectBatchOnFunctionError", true.into()),
        ("FunctionResponseTypes", list(["ReportBatchItemFailures"])),
        ("DestinationConfig", map([("OnFailure", failure)])),
        ("FilterCriteria", map([("Filters", list(filters))])),
    ]);
    Resource::new(
        "AggregatorEventSourceMapping",
        "AWS::Lambda::EventSourceMapping",
        properties,
    )
    .only_if(Condition::HasAggregator)
}
