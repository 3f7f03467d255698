//! Alarms of the table.

use super::{
    super::{intrinsic::reference, section::Resource, table::TABLE},
    alarm::AlarmId,
    metric::{self, Metric},
};

/// The calls of almost every request.
const CALLS: [&str; 3] = ["UpdateItem", "GetItem", "BatchGetItem"];

const INDEXES: [&str; 4] = ["GSI1", "GSI2", "GSI3", "GSI4"];

pub(super) fn alarms() -> Vec<Resource> {
    // A write that an index refuses is refused by the table. Reads of indexes are listings.
    let indexes = INDEXES
        .iter()
        .map(|index| writes().of("GlobalSecondaryIndexName", *index));
    let errors = CALLS
        .iter()
        .map(|call| of_table("SystemErrors").of("Operation", *call));
    vec![
        AlarmId::ReadThrottles.fires(
            "DynamoDB throttles reads of the table",
            reads().properties(),
            1,
            2,
        ),
        AlarmId::WriteThrottles.fires(
            "DynamoDB throttles writes of the table",
            writes().properties(),
            1,
            2,
        ),
        AlarmId::IndexThrottles.fires(
            "DynamoDB throttles writes because of an index of the table",
            metric::sum(indexes),
            1,
            2,
        ),
        AlarmId::SystemErrors.fires(
            "DynamoDB fails for reasons of its own",
            metric::sum(errors),
            10,
            2,
        ),
    ]
}

fn reads() -> Metric {
    of_table("ReadThrottleEvents")
}

fn writes() -> Metric {
    of_table("WriteThrottleEvents")
}

pub(super) fn of_table(name: &'static str) -> Metric {
    Metric::sum("AWS/DynamoDB", name).of("TableName", reference(TABLE))
}
