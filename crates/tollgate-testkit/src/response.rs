//! Checks the limits in a response.

use std::time::Duration;

use http::{Response, StatusCode, header::RETRY_AFTER};

/// Reads the limits that the layer reported to a client.
///
/// ```
/// use std::time::Duration;
/// use http::Response;
/// use tollgate_testkit::LimitedResponse;
///
/// let response = Response::builder()
///     .status(429)
///     .header("retry-after", "30")
///     .header("ratelimit", r#""rpm";r=0;t=30, "tpm";r=120;t=3"#)
///     .body(())
///     .unwrap();
/// assert!(response.is_denied());
/// assert_eq!(response.remaining("tpm"), Some(120));
/// response.assert_denied(Duration::from_secs(30));
/// ```
pub trait LimitedResponse {
    /// Returns `true` if the status is 429.
    fn is_denied(&self) -> bool;

    /// Returns the time in `Retry-After`, if it is in seconds.
    fn retry_after(&self) -> Option<Duration>;

    /// Returns the remaining tokens of the limit from the `RateLimit` header, if it names the
    /// limit. A parent's limit is named `parent.rpm`.
    fn remaining(&self, limit: &str) -> Option<u64>;

    /// Asserts that the status is 429 and that `Retry-After` is this time, rounded up to at least
    /// one second.
    ///
    /// # Panics
    ///
    /// If the response has another status or another `Retry-After`.
    fn assert_denied(&self, retry_after: Duration);

    /// Asserts that the limit has `tokens` remaining.
    ///
    /// # Panics
    ///
    /// If the response reports another number for the limit, or none.
    fn assert_remaining(&self, limit: &str, tokens: u64);
}

impl<B> LimitedResponse for Response<B> {
    fn is_denied(&self) -> bool {
        self.status() == StatusCode::TOO_MANY_REQUESTS
    }

    fn retry_after(&self) -> Option<Duration> {
        let seconds = self
            .headers()
            .get(RETRY_AFTER)?
            .to_str()
            .ok()?
            .parse()
            .ok()?;
        Some(Duration::from_secs(seconds))
    }

    fn remaining(&self, limit: &str) -> Option<u64> {
        let fields = self
            .headers()
            .get_all("ratelimit")
            .iter()
            .filter_map(|field| field.to_str().ok());
        fields.flat_map(|field| field.split(',')).find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next()?.strip_prefix('"')?.strip_suffix('"')?;
            if name != limit {
                return None;
            }
            parts.find_map(|part| part.strip_prefix("r="))?.parse().ok()
        })
    }

    #[track_caller]
    fn assert_denied(&self, retry_after: Duration) {
        assert_eq!(
            self.status(),
            StatusCode::TOO_MANY_REQUESTS,
            "not denied: {:?}",
            self.headers()
        );
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        let expected = Some(Duration::from_secs(seconds.max(1)));
        assert_eq!(
            self.retry_after(),
            expected,
            "when to try again: {:?}",
            self.headers()
        );
    }

    #[track_caller]
    fn assert_remaining(&self, limit: &str, tokens: u64) {
        assert_eq!(
            self.remaining(limit),
            Some(tokens),
            "left of {limit}: {:?}",
            self.headers()
        );
    }
}
