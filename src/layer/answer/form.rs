//! The forms that an answer can take.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CACHE_CONTROL, CONTENT_LENGTH},
};

use super::{RefusalReason, Refused, grpc, http_answer};
use crate::layer::{RequestHead, headers::ErrorDialect};

/// The form that a request's answer takes: a gRPC status, or a document, whose body a `HEAD` request goes without.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::layer) struct Form {
    grpc: Option<grpc::Protocol>,
    head: bool,
    /// The status of the answer, whatever the reason is.
    status: Option<StatusCode>,
}

impl Form {
    fn new(method: &Method, version: Version, headers: &HeaderMap) -> Self {
        let grpc = if *method == Method::POST { grpc::Protocol::of(version, headers) } else { None };
        Self { grpc, head: *method == Method::HEAD, status: None }
    }

    /// Returns the same with `status`. gRPC answers have none of their own.
    pub(in crate::layer) fn with_status(mut self, status: Option<StatusCode>) -> Self {
        self.status = status;
        self
    }

    /// Returns the form of a document, whatever the request is.
    pub(super) fn without_grpc(mut self) -> Self {
        self.grpc = None;
        self
    }

    pub(super) fn answer(
        self,
        reason: RefusalReason<'_>,
        wait: Option<Duration>,
        dialect: Option<&ErrorDialect>,
    ) -> Response<Bytes> {
        let mut response = match self.grpc {
            Some(protocol) => grpc::answer(protocol, reason, wait),
            None => http_answer::answer(reason, wait, self.status, dialect),
        };
        never_stored(&mut response);
        response
    }

    /// Adds what no answer goes without.
    pub(super) fn finish(self, mut response: Response<Bytes>) -> Response<Bytes> {
        response.extensions_mut().insert(Refused);
        never_stored(&mut response);
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

/// A refusal in a cache would be told to clients that are not refused.
fn never_stored(response: &mut Response<Bytes>) {
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

impl From<&RequestHead<'_>> for Form {
    fn from(head: &RequestHead<'_>) -> Self {
        Self::new(head.method, head.version, head.headers)
    }
}

impl<B> From<&Request<B>> for Form {
    fn from(request: &Request<B>) -> Self {
        Self::new(request.method(), request.version(), request.headers())
    }
}
