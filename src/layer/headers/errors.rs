//! The parts that the errors of all dialects share: their kinds, and the headers that tell clients
//! when to retry.

use std::time::Duration;

use http::HeaderName;

use crate::model::LimitName;

/// The wait in milliseconds, which clients prefer to `Retry-After`.
pub(crate) const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// If it is `false`, clients do not retry by themselves.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The longest wait after which clients retry by themselves, unless a dialect sets another one.
pub(super) const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The kinds of errors that dialects distinguish.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ErrorKind<'a> {
    /// This limit has too few tokens.
    RateLimit(Option<&'a LimitName>),
    /// The request asks for more of this limit than a full bucket holds.
    TooLarge(&'a LimitName),
    Forbidden,
    Unavailable,
    BadRequest,
    Unauthenticated,
    Internal,
}
