//! The draft as clients knew it before: up to revision 7.
//!
//! What is left is told of one limit: of a denial the one that takes longest to recover, else the one
//! that has the smallest part of its capacity left. The reset of a denial is its `Retry-After`, else
//! when the limit is full again.

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
pub(in crate::layer::headers) enum OlderFields {
    /// Three fields.
    Draft06(Triple),
    /// A dictionary.
    Draft07,
}

impl OlderFields {
    /// `None` for the draft as it is now.
    pub(in crate::layer::headers) fn new(draft: IetfDraft) -> Option<Self> {
        match draft {
            IetfDraft::Draft06 => Some(Self::Draft06(Triple { of: None, names: NAMES, reset: Reset::RetryAfter })),
            IetfDraft::Draft07 => Some(Self::Draft07),
            IetfDraft::Draft11 => None,
        }
    }

    pub(in crate::layer::headers) fn names(&self) -> Vec<HeaderName> {
        match self {
            Self::Draft06(triple) => triple.names.iter().cloned().chain([RATE_LIMIT_POLICY]).collect(),
            Self::Draft07 => vec![RATE_LIMIT, RATE_LIMIT_POLICY],
        }
    }

    pub(in crate::layer::headers) fn report(
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

/// Left as it is where a layer further in has told: a key stands once in a dictionary.
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
    let reset = standing.retry_after.unwrap_or_else(|| seconds_up(status.reset_after));
    writer.parameter(b", reset=", reset);
    if let Some(value) = writer.finish() {
        headers.insert(RATE_LIMIT, value);
    }
}

/// `RateLimit-Policy`: a quota stands once, however many limits have it.
fn policies(statuses: &[LimitStatus]) -> Option<http::HeaderValue> {
    let mut writer = Writer::default();
    for (index, status) in statuses.iter().enumerate() {
        let quota = capacity(&status.limit);
        if statuses.iter().take(index).any(|earlier| capacity(&earlier.limit) == quota) {
            continue;
        }
        writer.member();
        writer.number(quota);
        writer.parameter(b";w=", seconds_up(status.limit.time_to_fill()).max(1));
    }
    writer.finish()
}
