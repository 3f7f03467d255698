//! The forms that an answer can take.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CACHE_CONTROL, CONTENT_LENGTH},
};

use super::{Refused, grpc, http_answer};
use crate::layer::{RefusalReason, RequestHead, headers::ErrorDialect};

/// The form of the answer to a request: a gRPC status, or a document. The answer to a `HEAD`
/// request has no body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Form {
    grpc: Option<grpc::Protocol>,
    head: bool,
    /// The status of the answer, if it does not follow from the reason.
    status: Option<StatusCode>,
}

impl Form {
    fn new(method: &Method, version: Version, headers: &HeaderMap) -> Self {
        let grpc = if *method == Method::POST {
            grpc::Protocol::of(version, headers)
        } else {
            None
        };
        Self {
            grpc,
            head: *method == Method::HEAD,
            status: None,
        }
    }

    /// Returns the same form with `status`, which gRPC answers do not use.
    pub(crate) fn with_status(mut self, status: Option<StatusCode>) -> Self {
        self.status = status;
        self
    }

    /// Returns the form of a document, even for a gRPC request.
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

    /// Adds the parts that every answer has, and removes the body of the answer to a `HEAD`
    /// request.
    pub(super) fn finish(self, mut response: Response<Bytes>) -> Response<Bytes> {
        response.extensions_mut().insert(Refused::UNASKED);
        never_stored(&mut response);
        if self.head {
            // The length that the answer to a GET would have.
            let length = response.body().len();
            if length > 0 {
                response
                    .headers_mut()
                    .entry(CONTENT_LENGTH)
                    .or_insert_with(|| HeaderValue::from(length));
            }
            response.body_mut().clear();
        }
        response
    }
}

/// Tells caches not to store a refusal. A cache would send the refusal to clients that are not
/// refused.
fn never_stored(response: &mut Response<Bytes>) {
    response
        .headers_mut()
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
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
