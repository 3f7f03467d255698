//! `RateLimit` and `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers.

mod append;
mod list;
mod older;
mod one_limit;

use http::HeaderName;

pub(super) use list::ListFields;
pub(super) use older::OlderFields;
pub(crate) use one_limit::OneLimitFields;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A revision of draft-ietf-httpapi-ratelimit-headers. Clients that were written for one do not
/// understand the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IetfDraft {
    /// Revisions up to 6: `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` for one
    /// limit; `RateLimit-Policy` for all.
    Draft06,
    /// Revision 7: `RateLimit: limit=100, remaining=50, reset=5` for one limit; `RateLimit-Policy`
    /// for all.
    Draft07,
    /// Revisions 8 to 11: `RateLimit: "rpm";r=50;t=5` and `RateLimit-Policy: "rpm";q=100;w=60` for
    /// every limit.
    #[default]
    Draft11,
}
