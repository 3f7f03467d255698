//! Observes the requests that pass through a proxy, and their answers.

use std::time::SystemTime;

use hyper::{Response, body::Bytes};

use super::exchange::Closed;

/// Observes every request that a proxy has forwarded.
pub(crate) trait Observer: Send + Sync + 'static {
    /// Receives a request and its answer, as soon as the upstream has answered or has failed.
    fn observe(&self, observed: &Observed<'_>);
}

/// One forwarded request and its answer.
#[cfg_attr(
    not(feature = "processes"),
    expect(dead_code, reason = "only the driver of processes observes")
)]
pub(crate) struct Observed<'a> {
    /// The operation, such as `UpdateItem`.
    pub(crate) operation: &'a str,
    /// The body of the request.
    pub(crate) request: &'a Bytes,
    /// The answer; an error if the connection to the upstream failed.
    pub(crate) answer: Result<&'a Response<Bytes>, &'a Closed>,
    /// The time at which the request arrived at the proxy.
    pub(crate) received: SystemTime,
    /// The time at which the proxy began to send the request to the upstream.
    pub(crate) sent: SystemTime,
}
