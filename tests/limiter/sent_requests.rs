//! Records the requests that a client sends.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
};
use serde_json::Value;

/// The operations and bodies of all requests, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentRequests(Arc<Mutex<Vec<(String, Value)>>>);

impl SentRequests {
    /// Returns the same client, whose requests are recorded here.
    pub(crate) fn record(&self, client: &Client) -> Client {
        Client::from_conf(
            client
                .config()
                .to_builder()
                .interceptor(self.clone())
                .build(),
        )
    }

    /// Returns the body of the last request.
    pub(crate) fn last(&self) -> Value {
        self.0
            .lock()
            .unwrap()
            .last()
            .expect("a request was sent")
            .1
            .clone()
    }

    /// Returns the bodies of all requests of an operation so far, and forgets all requests.
    pub(crate) fn take(&self, operation: &str) -> Vec<Value> {
        let sent = std::mem::take(&mut *self.0.lock().unwrap());
        sent.into_iter()
            .filter(|(name, _)| name == operation)
            .map(|(_, body)| body)
            .collect()
    }
}

impl Intercept for SentRequests {
    fn name(&self) -> &'static str {
        "SentRequests"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().expect("a body in memory");
        self.0
            .lock()
            .unwrap()
            .push((operation, serde_json::from_slice(body)?));
        Ok(())
    }
}
