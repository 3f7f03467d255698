//! `Retry-After` can stand once in a response: of two, the later one does. So can `retry-after-ms`, which clients
//! prefer to it.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};

use super::{Jitter, refuse::told};
use crate::layer::headers::{RETRY_AFTER_MS, millis_up};

/// Replaces the `Retry-After` of a response by `wait` and jitter, if that is later. If the
/// response has none, or what it has is not understood, nothing changes. `now` is in epoch ms.
pub(super) fn keep_later(headers: &mut HeaderMap, wait: Duration, jitter: Jitter, now: i64) {
    if wait.is_zero() {
        return;
    }
    let mut values = headers.get_all(RETRY_AFTER).iter();
    let Some(theirs) = values.next().and_then(|value| seconds(value, now)) else {
        return;
    };
    if values.next().is_none() && told(wait) > theirs {
        let wait = jitter.lengthen(wait);
        headers.insert(RETRY_AFTER, HeaderValue::from(told(wait)));
        if headers.contains_key(RETRY_AFTER_MS) {
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(millis_up(wait)));
        }
    }
}

/// The seconds that a value says, which may be a date.
fn seconds(value: &HeaderValue, now: i64) -> Option<i64> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit: later than anything.
        return Some(text.parse().unwrap_or(i64::MAX));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let date = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    // Rounded down: where it is close, ours is the later one.
    Some(date.saturating_sub(now).div_euclid(1000))
}
