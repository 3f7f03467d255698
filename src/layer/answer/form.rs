//! Which form of an answer a request can take.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_LENGTH};

use super::{RefusalReason, Refused, grpc, http_answer};
use crate::layer::RequestHead;

/// Which form of an answer a request can take: a gRPC status, or a document, whose body a `HEAD` request
/// goes without.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::layer) struct Form {
    grpc: bool,
    head: bool,
    /// What it is answered with, whatever the reason is.
    status: Option<StatusCode>,
}

impl Form {
    fn new(method: &Method, headers: &HeaderMap) -> Self {
        Self { grpc: grpc::is_grpc(headers), head: *method == Method::HEAD, status: None }
    }

    /// As it is, but with `status`. gRPC answers have none of their own.
    pub(in crate::layer) fn with_status(mut self, status: Option<StatusCode>) -> Self {
        self.status = status;
        self
    }

    pub(super) fn answer(self, reason: RefusalReason<'_>, wait: Option<Duration>) -> Response<Bytes> {
        match self.grpc {
            true => grpc::answer(reason, wait),
            false => http_answer::answer(reason, wait, self.status),
        }
    }

    /// What no answer goes without.
    pub(super) fn finish(self, mut response: Response<Bytes>) -> Response<Bytes> {
        response.extensions_mut().insert(Refused);
        if self.head {
            // The length that the answer to a GET would have.
            let length = response.body().len();
            if length > 0 {
                response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
            }
            response.body_mut().clear();
        }
        response
    }
}

impl From<&RequestHead<'_>> for Form {
    fn from(head: &RequestHead<'_>) -> Self {
        Self::new(head.method, head.headers)
    }
}

impl<B> From<&Request<B>> for Form {
    fn from(request: &Request<B>) -> Self {
        Self::new(request.method(), request.headers())
    }
}
