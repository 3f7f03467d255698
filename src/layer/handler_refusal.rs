//! Errors that a handler answers with: the layer that the request came through answers as its policy does.

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, Uri, Version};

use super::{Policy, RequestHead, answer, held::Held};
use crate::{clock::Clock, error::Error};

/// An error that the handler answers with.
#[derive(Clone, Debug)]
pub(super) struct HandlerRefusal(Error);

/// The answer where no layer gives another one.
#[cfg(feature = "axum")]
pub(crate) fn handler_refusal(error: &Error) -> Response<Bytes> {
    let mut response = answer::plain(error);
    response.extensions_mut().insert(HandlerRefusal(error.clone()));
    response
}

/// The head of a request that is with the handler.
#[derive(Debug)]
pub(super) struct KeptHead {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    extensions: Extensions,
}

impl KeptHead {
    fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
            extensions: request.extensions().clone(),
        }
    }

    fn head(&self) -> RequestHead<'_> {
        let Self { method, uri, version, headers, extensions } = self;
        RequestHead { method, uri, version: *version, headers, extensions }
    }
}

impl Policy {
    /// What an answer to the handler's error is made from. Only for policies whose handlers acquire, or whose
    /// answers depend on it: it is a copy.
    pub(super) fn keep<B>(&self, request: &Request<B>) -> Option<Box<KeptHead>> {
        let keeps = self.rules.decision.in_handler || self.rules.answers.custom.is_some();
        keeps.then(|| Box::new(KeptHead::of(request)))
    }

    /// The policy's answer to an error that the handler answered with. The handler has run: what it has
    /// used is not given back, by layers further out neither.
    pub(super) fn answer_handler<B>(
        &self,
        held: &Held,
        kept: Option<&KeptHead>,
        response: &mut Response<B>,
    ) -> Option<Response<Bytes>> {
        let HandlerRefusal(error) = response.extensions_mut().remove()?;
        let now = || match held.now() {
            // There is no lease.
            0 => crate::clock::SystemClock.now(),
            now => now,
        };
        let head = kept.map(KeptHead::head);
        let mut answer = self.refuse_for(&now, head.as_ref(), error);
        answer.extensions_mut().remove::<answer::Refused>();
        Some(answer)
    }
}
