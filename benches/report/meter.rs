//! Counts the requests of a client, and adds up their cost as the store reports it.

use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_dynamodb::{
    Client,
    config::{
        Builder, ConfigBag, Intercept, RuntimeComponents,
        interceptors::{
            AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
        },
    },
    error::BoxError,
    operation::{
        batch_get_item::{BatchGetItemInput, BatchGetItemOutput},
        get_item::{GetItemInput, GetItemOutput},
        put_item::{PutItemInput, PutItemOutput},
        update_item::{UpdateItemInput, UpdateItemOutput},
    },
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Reading>>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The number of all requests.
    pub(crate) requests: f64,
    /// The number of requests that only read.
    pub(crate) reads: f64,
    pub(crate) read_units: f64,
    /// The write units of the table and its indexes. A write whose condition fails costs one.
    pub(crate) write_units: f64,
    /// The last update that was sent.
    pub(crate) update: Option<UpdateItemInput>,
}

impl Meter {
    /// Returns a client whose requests the meter counts.
    pub(crate) fn client(&self, config: Builder) -> Client {
        Client::from_conf(config.interceptor(self.clone()).build())
    }

    /// Returns the counts since the last call.
    pub(crate) fn take(&self) -> Reading {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().expect("nothing panics here")
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut reading = self.lock();
        reading.requests += 1.0;
        let input = context.input_mut();
        let total = Some(ReturnConsumedCapacity::Total);
        if let Some(input) = input.downcast_mut::<UpdateItemInput>() {
            reading.update = Some(input.clone());
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<PutItemInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<GetItemInput>() {
            input.return_consumed_capacity = total;
            reading.reads += 1.0;
        } else if let Some(input) = input.downcast_mut::<BatchGetItemInput>() {
            input.return_consumed_capacity = total;
            reading.reads += 1.0;
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut reading = self.lock();
        match context.output_or_error() {
            Ok(output) => {
                if let Some(output) = output.downcast_ref::<UpdateItemOutput>() {
                    reading.write_units += units(output.consumed_capacity());
                } else if let Some(output) = output.downcast_ref::<PutItemOutput>() {
                    reading.write_units += units(output.consumed_capacity());
                } else if let Some(output) = output.downcast_ref::<GetItemOutput>() {
                    reading.read_units += units(output.consumed_capacity());
                } else if let Some(output) = output.downcast_ref::<BatchGetItemOutput>() {
                    reading.read_units += units(output.consumed_capacity());
                }
            }
            // The only errors here are failed conditions.
            Err(_) => reading.write_units += 1.0,
        }
        Ok(())
    }
}

fn units<'a>(capacity: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    capacity
        .into_iter()
        .filter_map(ConsumedCapacity::capacity_units)
        .sum()
}
