//! The older revisions of the draft, up to 7.
//!
//! These revisions report what is left of one limit only: in a denial, the limit that takes longest
//! to recover; otherwise, the limit that has the smallest part of its capacity left. The reset of a
//! denial is its `Retry-After`, if it has one. Otherwise, it is the time until the limit is full
//! again.

use http::{HeaderMap, HeaderName};

use super::{IetfDraft, RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::{
    layer::headers::{
        Standing,
        select::foremost,
        time::seconds_up,
        triple::{Reset, Triple},
        writer::{Writer, capacity},
    },
    model::LimitStatus,
};

const NAMES: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

#[derive(Clone, Debug)]
pub(crate) enum OlderFields {
    /// Three fields.
    Draft06(Triple),
    /// A dictionary.
    Draft07,
}

impl OlderFields {
    /// Returns `None` for the current draft.
    pub(crate) fn new(draft: IetfDraft) -> Option<Self> {
        match draft {
            IetfDraft::Draft06 => Some(Self::Draft06(Triple {
                of: None,
                names: NAMES,
                reset: Reset::RetryAfter,
            })),
            IetfDraft::Draft07 => Some(Self::Draft07),
            IetfDraft::Draft11 => None,
        }
    }

    pub(crate) fn names(&self) -> Vec<HeaderName> {
        match self {
            Self::Draft06(triple) => triple
                .names
                .iter()
                .cloned()
                .chain([RATE_LIMIT_POLICY])
                .collect(),
            Self::Draft07 => vec![RATE_LIMIT, RATE_LIMIT_POLICY],
        }
    }

    pub(crate) fn report(
        &self,
        headers: &mut HeaderMap,
        statuses: &[LimitStatus],
        standing: &Standing<'_>,
    ) {
        if statuses.is_empty() {
            return;
        }
        match self {
            Self::Draft06(triple) => triple.report(headers, statuses, standing),
            Self::Draft07 => dictionary(headers, statuses, standing),
        }
        if let Some(policies) = policies(statuses) {
            headers.append(RATE_LIMIT_POLICY, policies);
        }
    }
}

/// Writes `RateLimit`, unless an inner layer has written it: a dictionary can have each key only
/// once.
fn dictionary(headers: &mut HeaderMap, statuses: &[LimitStatus], standing: &Standing<'_>) {
    if headers.contains_key(RATE_LIMIT) {
        return;
    }
    let Some(status) = foremost(statuses, None, standing.refused) else {
        return;
    };
    let mut writer = Writer::default();
    writer.parameter(b"limit=", capacity(&status.limit));
    writer.parameter(b", remaining=", status.available);
    let reset = standing
        .retry_after
        .unwrap_or_else(|| seconds_up(status.reset_after));
    writer.parameter(b", reset=", reset);
    if let Some(value) = writer.finish() {
        headers.insert(RATE_LIMIT, value);
    }
}

/// Returns the value of `RateLimit-Policy`. Each quota is listed once, even if several limits have
/// it.
fn policies(statuses: &[LimitStatus]) -> Option<http::HeaderValue> {
    let mut writer = Writer::default();
    for (index, status) in statuses.iter().enumerate() {
        let quota = capacity(&status.limit);
        if statuses
            .iter()
            .take(index)
            .any(|earlier| capacity(&earlier.limit) == quota)
        {
            continue;
        }
        writer.member();
        writer.number(quota);
        writer.parameter(b";w=", seconds_up(status.limit.time_to_fill()).max(1));
    }
    writer.finish()
}
