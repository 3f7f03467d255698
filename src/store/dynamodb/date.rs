//! Reads the store's time from the `Date` header of every answer.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{
            BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
        },
    },
    error::BoxError,
};
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use crate::clock::StoreTime;

/// An interceptor that reads the `Date` header of every answer and reports it to [`StoreTime`].
#[derive(Debug)]
struct ReadDate(Arc<StoreTime>);

/// The time at which a request was sent, by the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Sent(i64);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

/// Returns the same client with an interceptor that reports the dates of its answers to `time`.
pub(super) fn observed(client: &Client, time: &Arc<StoreTime>) -> Client {
    let config = client
        .config()
        .to_builder()
        .interceptor(ReadDate(time.clone()))
        .build();
    Client::from_conf(config)
}

impl Intercept for ReadDate {
    fn name(&self) -> &'static str {
        "ReadDate"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config
            .interceptor_state()
            .store_put(Sent(self.0.monotonic()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let received = self.0.monotonic();
        let sent = config.load::<Sent>();
        if let (Some(date), Some(Sent(sent))) = (
            context.response().headers().get("date").and_then(seconds),
            sent,
        ) {
            self.0.observe(date, *sent, received);
        }
        Ok(())
    }
}

/// Parses an HTTP date to epoch seconds.
fn seconds(date: &str) -> Option<i64> {
    let time: SystemTime = httpdate::parse_http_date(date).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
