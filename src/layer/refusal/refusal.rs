//! A refused request, and the trait that answers it.

use std::time::Duration;

use bytes::Bytes;
use http::Response;

use super::Misconfiguration;
use crate::{
    error::{Disabled, Error, ExceedsCapacity, Unavailable},
    layer::{MissingKey, RequestHead, keys::missing::Reason},
    model::{Denied, LimitStatus},
    telemetry,
};

/// A request that is answered without the inner service.
///
/// The refusal holds more than clients may see: an answer must name no entity but the client's own.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refusal<'a> {
    /// The request.
    pub head: RequestHead<'a>,
    /// The reason why the request is refused.
    pub reason: RefusalReason<'a>,
    /// The time after which the request may be retried, with jitter; `None` if waiting does not
    /// help.
    pub retry_after: Option<Duration>,
    /// The default answer, with its headers: a problem document, an error in the shape of the
    /// policy's [dialect](crate::layer::Dialect), or a status for gRPC requests.
    pub response: Response<Bytes>,
}

/// The reason why a request is refused.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RefusalReason<'a> {
    /// A limit has too few tokens.
    Denied(&'a Denied),
    /// The cost is above a capacity: waiting does not help.
    ExceedsCapacity(&'a ExceedsCapacity),
    /// The resource is disabled for the entity.
    Disabled(&'a Disabled),
    /// The store gave no decision.
    Unavailable(&'a Unavailable),
    /// The request does not say who asks, or for what.
    MissingKey(&'a MissingKey),
    /// The server is misconfigured; the log says how.
    Misconfigured(Misconfiguration<'a>),
}

impl<'a> RefusalReason<'a> {
    /// Returns the limits that had too few tokens.
    pub fn violated(self) -> impl Iterator<Item = &'a LimitStatus> {
        let denied = match self {
            Self::Denied(denied) => Some(denied),
            _ => None,
        };
        denied.into_iter().flat_map(Denied::violated)
    }

    /// Returns the reason that a client gets for an error.
    pub(crate) fn of(error: &'a Error) -> Self {
        match error {
            Error::Denied(denied) => Self::Denied(denied),
            Error::QueueFull(full) => Self::Denied(&full.denied),
            Error::ExceedsCapacity(error) => Self::ExceedsCapacity(error),
            Error::Disabled(error) => Self::Disabled(error),
            Error::Unavailable(error) => Self::Unavailable(error),
            error => Self::Misconfigured(Misconfiguration::from(error)),
        }
    }

    /// Returns the reason that a client gets for a missing key. A mistake in the server's setup is
    /// not reported as a missing key.
    pub(crate) fn without_key(missing: &'a MissingKey) -> Self {
        match missing.reason() {
            Reason::Setup(mistake) => Self::Misconfigured(mistake.into()),
            Reason::Absent(_) | Reason::Credential { .. } => Self::MissingKey(missing),
        }
    }

    /// Emits an event for an error that is the server's own mistake, because the answers of release
    /// builds do not say what it is.
    pub(crate) fn tell(error: &Error) {
        if let RefusalReason::Misconfigured(mistake) = RefusalReason::of(error) {
            telemetry::setup(mistake.code(), &error.to_string());
        }
    }
}

/// Answers refused requests. Closures implement it.
///
/// The layer completes every answer. The layer marks the answer as a refusal, so that outer layers
/// give their own cost back. For a `HEAD` request, the layer removes the body. If the answer has no
/// `Cache-Control`, the layer adds `Cache-Control: no-store`.
///
/// ```
/// use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
/// use tollgate::{Limit, layer::{Policy, Refusal, RefusalReason, keys}};
///
/// let policy = Policy::builder()
///     .entity(keys::header("x-api-key"))
///     .resource(keys::fixed("api"))
///     .limit(Limit::per_minute("rpm", 60))
///     .answer(|refusal: Refusal<'_>| {
///         let mut response = refusal.response;
///         if let RefusalReason::Denied(_) = refusal.reason {
///             *response.body_mut() = "Slow down.".into();
///             response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
///         }
///         response
///     })
///     .build()?;
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer requests that are refused",
    label = "expected a closure from a `Refusal` to a `Response<Bytes>`",
    note = "a closure needs the type of its parameter: `|refusal: Refusal<'_>| ...`, or `answer_fn(|refusal| ...)`"
)]
pub trait Answer: Send + Sync + 'static {
    /// Returns the answer: [`Refusal::response`] with or without changes, or any other response.
    fn answer(&self, refusal: Refusal<'_>) -> Response<Bytes>;
}

/// Returns a closure as an [`Answer`]. Its parameter needs no type.
///
/// ```
/// use http::StatusCode;
/// use tollgate::layer::{Policy, answer_fn};
///
/// let policy = Policy::builder().answer(answer_fn(|refusal| {
///     let mut response = refusal.response;
///     *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
///     response
/// }));
/// ```
pub fn answer_fn<F>(answer: F) -> F
where
    F: Fn(Refusal<'_>) -> Response<Bytes> + Send + Sync + 'static,
{
    answer
}

impl<F> Answer for F
where
    F: Fn(Refusal<'_>) -> Response<Bytes> + Send + Sync + 'static,
{
    fn answer(&self, refusal: Refusal<'_>) -> Response<Bytes> {
        self(refusal)
    }
}
