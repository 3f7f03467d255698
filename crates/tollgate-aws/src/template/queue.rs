//! The queue of batches that the aggregator could not count.

use super::{conditions::Condition, intrinsic::stack_name, section::Resource};
use crate::node::map;

/// The queue's logical id.
pub(super) const DEAD_LETTERS: &str = "AggregatorDLQ";

/// The longest time for which SQS keeps a message.
const FOURTEEN_DAYS: u32 = 14 * 24 * 60 * 60;

/// Returns the queue. Its messages name the records of a batch, which the stream keeps for 24 hours.
pub(super) fn dead_letters() -> Resource {
    let properties = map([
        ("QueueName", stack_name("aggregator-dlq")),
        ("MessageRetentionPeriod", FOURTEEN_DAYS.into()),
        ("VisibilityTimeout", 300.into()),
        ("SqsManagedSseEnabled", true.into()),
    ]);
    Resource::new(DEAD_LETTERS, "AWS::SQS::Queue", properties).only_if(Condition::WantsAggregator)
}
