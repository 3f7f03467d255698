//! What limits that only observe would have done, for clients.

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    ShadowVerdict,
    headers::{policy_name, seconds_up},
};

pub(super) const SHADOW: HeaderName = HeaderName::from_static("x-ratelimit-shadow");

/// Appends a list of the limits that would have denied the request, with the seconds until they would
/// have granted it.
pub(super) fn report(headers: &mut HeaderMap, verdict: &ShadowVerdict) {
    let mut list = String::new();
    for status in verdict.short() {
        let comma = if list.is_empty() { "" } else { ", " };
        // Names need no escapes, and a string takes all that is written to it.
        let _ = write!(list, "{comma}\"{}\"", policy_name(status.owner, status.limit.name()));
        if let Some(wait) = status.retry_after {
            let _ = write!(list, ";t={}", seconds_up(wait));
        }
    }
    if list.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::try_from(list) {
        headers.append(SHADOW, value);
    }
}
