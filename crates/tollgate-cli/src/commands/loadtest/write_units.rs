//! Counts the write units that the table reports.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef},
    },
    error::BoxError,
    operation::{
        transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput},
        update_item::{UpdateItemInput, UpdateItemOutput},
    },
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};

/// Asks what writes consume, which is free, and adds it up. A write whose condition failed counts as
/// one unit, because DynamoDB does not report it.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteUnits {
    /// In tenths of a unit.
    tenths: Arc<AtomicU64>,
}

impl WriteUnits {
    pub(super) fn count(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let tenths = self.tenths.load(Ordering::Relaxed) as f64;
        tenths / 10.0
    }

    fn add(&self, units: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "units are small numbers"
        )]
        let tenths = (units * 10.0).round().max(0.0) as u64;
        self.tenths.fetch_add(tenths, Ordering::Relaxed);
    }
}

impl Intercept for WriteUnits {
    fn name(&self) -> &'static str {
        "WriteUnits"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        if let Some(input) = input.downcast_mut::<UpdateItemInput>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        } else if let Some(input) = input.downcast_mut::<TransactWriteItemsInput>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let units = |capacity: &ConsumedCapacity| capacity.capacity_units().unwrap_or(1.0);
        let Some(Ok(output)) = context.output_or_error() else {
            let answered = context.response().is_some();
            let input = context.input();
            let wrote =
                input.is_some_and(|input| input.downcast_ref::<UpdateItemInput>().is_some());
            if answered && wrote {
                self.add(1.0);
            }
            return Ok(());
        };
        if let Some(output) = output.downcast_ref::<UpdateItemOutput>() {
            self.add(output.consumed_capacity().map_or(1.0, units));
        } else if let Some(output) = output.downcast_ref::<TransactWriteItemsOutput>() {
            self.add(output.consumed_capacity().iter().map(units).sum());
        }
        Ok(())
    }
}
