//! Errors that a handler answers with: the layer that the request came through answers as its policy does.

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, Version,
    header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, RETRY_AFTER, TRAILER, TRANSFER_ENCODING,
        WWW_AUTHENTICATE,
    },
};

use super::{
    Policy, RequestHead, ResponseHead,
    answer::{self, Form},
    headers::{RETRY_AFTER_MS, SHOULD_RETRY},
    held::Held,
};
use crate::{clock::Clock, error::Error};

/// An error that the handler answers with.
#[derive(Clone, Debug)]
pub(super) struct HandlerRefusal {
    error: Error,
    /// That of the answer where no layer gives another one.
    status: StatusCode,
}

/// The answer where no layer gives another one.
#[cfg(feature = "axum")]
pub(crate) fn handler_refusal(error: &Error) -> Response<Bytes> {
    let mut response = answer::plain(error);
    let status = response.status();
    response.extensions_mut().insert(HandlerRefusal { error: error.clone(), status });
    response
}

/// The head of a request that is with the handler. It may hold secrets: there is no `Debug` of it.
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

/// What tells of the body, or of the refusal: the answer has its own, or none.
const OF_THE_ANSWER: [HeaderName; 11] = [
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    ETAG,
    RETRY_AFTER,
    RETRY_AFTER_MS,
    SHOULD_RETRY,
    TRANSFER_ENCODING,
    TRAILER,
    WWW_AUTHENTICATE,
];

/// Keeps what the handler and the layers around it have put beside the error, such as CORS headers.
fn keep_headers(theirs: &HeaderMap, answer: &mut HeaderMap) {
    for (name, value) in theirs {
        if !OF_THE_ANSWER.contains(name) {
            answer.append(name, value.clone());
        }
    }
}

/// As [`keep_headers`], for what other middleware reads.
fn keep_extensions(theirs: &mut Extensions, answer: &mut Extensions) {
    let own = std::mem::replace(answer, std::mem::take(theirs));
    answer.extend(own);
}

impl Policy {
    /// What an answer of one's own to the handler's error is made from. Only for policies that have such
    /// answers: it is a copy.
    pub(super) fn keep<B>(&self, request: &Request<B>) -> Option<Box<KeptHead>> {
        self.rules.answers.custom.is_some().then(|| Box::new(KeptHead::of(request)))
    }

    /// The policy's answer to an error that the handler answered with. The handler has run: what it has
    /// used is settled as with any other response, here and by layers further out.
    pub(super) fn answer_handler<B>(
        &self,
        held: &Held,
        form: Form,
        kept: Option<&KeptHead>,
        response: &mut Response<B>,
    ) -> Option<Response<Bytes>> {
        let HandlerRefusal { error, status } = response.extensions_mut().remove()?;
        self.settle_by(held, &ResponseHead::from(&*response));
        self.strip(response);
        let now = || match held.now() {
            // There is no lease.
            0 => crate::clock::SystemClock.now(),
            now => now,
        };
        // Another one was set on purpose.
        let chosen = Some(response.status()).filter(|chosen| *chosen != status);
        let head = kept.map(KeptHead::head);
        let mut answer = self.refuse_for(&now, form.with_status(chosen), head.as_ref(), error);
        answer.extensions_mut().remove::<answer::Refused>();
        keep_headers(response.headers(), answer.headers_mut());
        keep_extensions(response.extensions_mut(), answer.extensions_mut());
        Some(answer)
    }
}
