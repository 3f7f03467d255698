//! The header fields that report the state of limits, in the dialects that clients understand.
//!
//! | file | fields |
//! |---|---|
//! | `ietf` | `RateLimit` and `RateLimit-Policy`: the current draft, and the older ones that clients know |
//! | `x_rate_limit` | `X-RateLimit-*` |
//! | `open_ai`, `anthropic` | the fields and the error bodies of the language model APIs |
//! | `triple` | three fields for one limit, which several dialects have: the capacity, what remains, the reset |
//! | `errors`, `error_dialect` | what the errors of dialects have in common, and `retry-after-ms`, `x-should-retry` |

mod anthropic;
mod dialect;
mod dialects;
mod error_dialect;
mod errors;
mod ietf;
mod open_ai;
mod partition;
mod select;
mod time;
mod triple;
mod unit;
mod writer;
mod x_rate_limit;

use std::borrow::Cow;

use http::HeaderName;

use crate::model::{LimitName, LimitStatus, Owner, Resource};

pub use anthropic::Anthropic;
pub use dialect::Dialect;
pub use ietf::IetfDraft;
pub use open_ai::OpenAi;
pub use select::ReportLimits;
pub use unit::QuotaUnit;
pub use x_rate_limit::XRateLimit;

pub(crate) use anthropic::AnthropicErrors;
pub(crate) use dialects::Dialects;
pub(crate) use error_dialect::{ErrorDialect, ErrorShape};
pub(crate) use errors::{ErrorKind, RETRY_AFTER_MS, SHOULD_RETRY};
pub(crate) use ietf::OneLimitFields;
pub(crate) use partition::{PartitionKey, PartitionKeys};
pub(crate) use time::{go_duration, millis_up, seconds_up};
pub(crate) use writer::Writer;

/// The state of the limits that a response reports.
pub(crate) struct Standing<'a> {
    pub(crate) statuses: &'a [LimitStatus],
    /// `true` if the request was denied because a limit had too few tokens.
    pub(crate) refused: bool,
    /// The wait that a denial reports, in seconds; `None` if waiting does not help.
    pub(crate) retry_after: Option<i64>,
    /// Epoch ms. Only read if a dialect [`needs_time`](Dialects::needs_time).
    pub(crate) now: i64,
    /// The key of the entity's own bucket.
    pub(crate) partition: Option<PartitionKey>,
}

/// The limits in shadow mode that would have denied the request.
pub(crate) const SHADOW: HeaderName = HeaderName::from_static("x-ratelimit-shadow");

/// The prefix of the names of a parent's limits.
const PARENT: &str = "parent.";

/// Returns the name of a limit that clients see. A parent's limit has a prefix; the parent's id is
/// never shown. A limit of a resource that the request has added has the resource as its prefix.
pub(crate) fn policy_name<'a>(
    owner: Owner,
    resource: Option<&Resource>,
    limit: &'a LimitName,
) -> Cow<'a, str> {
    let parent = if owner == Owner::Parent { PARENT } else { "" };
    match resource {
        Some(resource) => Cow::Owned(format!("{parent}{resource}.{limit}")),
        None if parent.is_empty() => Cow::Borrowed(limit.as_str()),
        None => Cow::Owned(format!("{parent}{limit}")),
    }
}

/// Returns the name of a limit that clients see: see [`policy_name`].
pub(crate) fn name_of(status: &LimitStatus) -> Cow<'_, str> {
    policy_name(status.owner, status.resource.as_ref(), status.limit.name())
}
