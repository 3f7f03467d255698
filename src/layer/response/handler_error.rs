//! Errors that a handler answers with. The layer replaces the answer by that of its policy.

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, Version,
    header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, RETRY_AFTER, TRAILER,
        TRANSFER_ENCODING, WWW_AUTHENTICATE,
    },
};

use crate::layer::{
    Policy, RequestHead, ResponseHead,
    headers::{RETRY_AFTER_MS, SHOULD_RETRY},
    lease::lease_slot::LeaseSlot,
    response::answer::{self, Form},
};
use crate::{clock::Clock, error::Error};

/// An error that the handler answers with, as an extension of its response.
#[derive(Clone, Debug)]
pub(crate) struct HandlerRefusal {
    error: Error,
    /// The status of the answer that is used if no layer replaces it.
    status: StatusCode,
}

/// Returns the answer to a handler's error. The answer is used as it is if no layer replaces it.
#[cfg(feature = "axum")]
pub(crate) fn handler_refusal(error: &Error) -> Response<Bytes> {
    let mut response = answer::plain(error);
    let status = response.status();
    response.extensions_mut().insert(HandlerRefusal {
        error: error.clone(),
        status,
    });
    response
}

/// The head of a request that the handler is processing. The head has no `Debug`, because it may
/// hold secrets.
pub(crate) struct KeptHead {
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
        let Self {
            method,
            uri,
            version,
            headers,
            extensions,
        } = self;
        RequestHead {
            method,
            uri,
            version: *version,
            headers,
            extensions,
        }
    }
}

/// Headers that describe the body or the refusal. These headers are not kept: the new answer has
/// its own, or none.
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

/// Copies headers from the handler's response to `answer`: all that do not belong to the answer
/// itself. So headers of other layers, such as CORS headers, are kept.
fn keep_headers(theirs: &HeaderMap, answer: &mut HeaderMap) {
    for (name, value) in theirs {
        if !OF_THE_ANSWER.contains(name) {
            answer.append(name, value.clone());
        }
    }
}

/// Does the same as [`keep_headers`] for extensions, which other middleware reads. Those of the
/// answer take precedence.
fn keep_extensions(theirs: &mut Extensions, answer: &mut Extensions) {
    let own = std::mem::replace(answer, std::mem::take(theirs));
    answer.extend(own);
}

impl Policy {
    /// Returns a copy of the request's head for a custom answer to the handler's error; `None` if
    /// the policy has no custom answers, to save the copy.
    pub(crate) fn keep<B>(&self, request: &Request<B>) -> Option<Box<KeptHead>> {
        self.rules
            .answers
            .custom
            .is_some()
            .then(|| Box::new(KeptHead::of(request)))
    }

    /// Returns the policy's answer to an error that the handler answered with. The handler has run,
    /// so what it has used is settled as for any other response, here and by outer layers.
    pub(crate) fn answer_handler<B>(
        &self,
        held: &LeaseSlot,
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
        // If the status is a different one, it was set on purpose.
        let chosen = Some(response.status()).filter(|chosen| *chosen != status);
        let head = kept.map(KeptHead::head);
        let mut answer = self.refuse_for(&now, form.with_status(chosen), head.as_ref(), error);
        answer.extensions_mut().remove::<answer::Refused>();
        keep_headers(response.headers(), answer.headers_mut());
        keep_extensions(response.extensions_mut(), answer.extensions_mut());
        Some(answer)
    }
}
