//! Merges `Retry-After` headers. A response can have only one of them: the later one is kept. The
//! same holds for `retry-after-ms`, which clients prefer.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};

use crate::layer::{
    Jitter,
    headers::{ErrorDialect, RETRY_AFTER_MS, SHOULD_RETRY, millis_up, seconds_up},
};

/// Returns the seconds of `Retry-After`.
pub(super) fn seconds_of(wait: Duration) -> i64 {
    seconds_up(wait).max(1)
}

/// Replaces the `Retry-After` of a response by `wait` plus jitter, if `wait` is later. Nothing
/// changes if the response has none, or one that cannot be parsed. If the new wait is longer than
/// clients of the dialect should wait, they are told to give up. `now` is in epoch ms.
pub(crate) fn keep_later(
    headers: &mut HeaderMap,
    wait: Duration,
    jitter: Jitter,
    dialect: Option<&ErrorDialect>,
    now: i64,
) {
    if wait.is_zero() {
        return;
    }
    let mut values = headers.get_all(RETRY_AFTER).iter();
    let Some(theirs) = values.next().and_then(|value| seconds(value, now)) else {
        return;
    };
    if values.next().is_none() && seconds_of(wait) > theirs {
        let wait = jitter.lengthen(wait);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds_of(wait)));
        if headers.contains_key(RETRY_AFTER_MS) {
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(millis_up(wait)));
        }
        if dialect.is_some_and(|dialect| wait > dialect.longest_retry) {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
    }
}

/// Returns the seconds of a value, which may also be a date.
fn seconds(value: &HeaderValue, now: i64) -> Option<i64> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number with more digits than fit is later than any wait.
        return Some(text.parse().unwrap_or(i64::MAX));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let date = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    // Rounded down, so that if both waits are close, our wait is the later one.
    Some(date.saturating_sub(now).div_euclid(1000))
}
