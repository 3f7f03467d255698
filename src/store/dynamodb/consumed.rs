//! The cost of calls, as the table reports it.

use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

use crate::telemetry::{self, StoreCall};

/// Returns the setting that asks the table to report the cost of a call. Set only if metrics count
/// it.
pub(super) fn wanted() -> Option<ReturnConsumedCapacity> {
    cfg!(feature = "metrics").then_some(ReturnConsumedCapacity::Total)
}

/// Counts the cost of a call: `least` write units if the table does not report it.
pub(super) fn note(call: StoreCall, reported: &[ConsumedCapacity], least: u64) {
    let units = reported
        .iter()
        .filter_map(|consumed| consumed.capacity_units)
        .reduce(|all, units| all + units);
    telemetry::write_units(call, units, least);
}
