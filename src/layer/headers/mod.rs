//! The fields that tell clients where their limits stand, in the dialects that clients read.
//!
//! | file | fields |
//! |---|---|
//! | `ietf` | `RateLimit` and `RateLimit-Policy`: the draft as it is now, and as clients know it |
//! | `x_rate_limit` | `X-RateLimit-*` |
//! | `open_ai`, `anthropic` | those of the language model APIs |
//! | `triple` | what they have in common but the first: a limit, what remains, when it resets |
//! | `errors` | the bodies of the errors that their clients read, and `retry-after-ms`, `x-should-retry` |

mod anthropic;
mod dialect;
mod dialects;
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

use crate::model::{LimitName, LimitStatus, Owner};

pub use anthropic::Anthropic;
pub use dialect::Dialect;
pub use ietf::IetfDraft;
pub use open_ai::OpenAi;
pub use select::ReportLimits;
pub use unit::QuotaUnit;
pub use x_rate_limit::XRateLimit;

pub(super) use dialects::Dialects;
pub(super) use errors::{ErrorDialect, ErrorKind, ErrorShape, RETRY_AFTER_MS, SHOULD_RETRY};
pub(super) use ietf::AloneFields;
pub(super) use partition::{PartitionKey, PartitionKeys};
pub(super) use time::{go_duration, millis_up, seconds_up};
pub(super) use writer::Writer;

/// Where the limits stand that a response tells of.
pub(super) struct Standing<'a> {
    pub(super) statuses: &'a [LimitStatus],
    /// `true` if the request was denied for want of tokens.
    pub(super) refused: bool,
    /// What a denial tells to wait, in seconds, where that helps.
    pub(super) retry_after: Option<i64>,
    /// Epoch ms. Only read where a dialect [`needs_time`](Dialects::needs_time).
    pub(super) now: i64,
    /// Of the entity's own bucket.
    pub(super) partition: Option<PartitionKey>,
}

/// What a parent's limits are told by.
const PARENT: &str = "parent.";

/// What clients see a limit called: a parent's is told by its level, never by the parent's id.
pub(super) fn policy_name(owner: Owner, limit: &LimitName) -> Cow<'_, str> {
    match owner {
        Owner::Parent => Cow::Owned(format!("{PARENT}{limit}")),
        _ => Cow::Borrowed(limit.as_str()),
    }
}
