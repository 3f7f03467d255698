//! What calls cost, as the table reports it.

use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

use crate::telemetry::{self, StoreCall};

/// Whether the table is to report what a call cost: where somebody counts it.
pub(super) fn wanted() -> Option<ReturnConsumedCapacity> {
    cfg!(feature = "metrics").then_some(ReturnConsumedCapacity::Total)
}

/// Counts what a call cost: `least` write units where the table does not say.
pub(super) fn note(call: StoreCall, reported: &[ConsumedCapacity], least: u64) {
    let units = reported.iter().filter_map(|consumed| consumed.capacity_units).reduce(|all, units| all + units);
    telemetry::write_units(call, units, least);
}
