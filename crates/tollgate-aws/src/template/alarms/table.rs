//! Alarms of the table.

use super::{
    super::{intrinsic::reference, section::Resource, table::TABLE},
    alarm::AlarmId,
    metric::Metric,
};

pub(super) fn alarms() -> Vec<Resource> {
    let of_index = |index: &str| writes().of("GlobalSecondaryIndexName", index).properties();
    let errors = of_table("SystemErrors").of("Operation", "UpdateItem");
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
        // The other two indexes have a partition for each entity. A write that an index refuses is
        // refused by the table.
        AlarmId::ResourceIndexThrottles.fires(
            "DynamoDB throttles writes because too many buckets of one resource are created",
            of_index("GSI2"),
            1,
            2,
        ),
        AlarmId::NamespaceIndexThrottles.fires(
            "DynamoDB throttles writes because too many buckets of one namespace are created",
            of_index("GSI4"),
            1,
            2,
        ),
        AlarmId::SystemErrors.fires(
            "DynamoDB fails for reasons of its own",
            errors.properties(),
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
