//! The `anthropic-ratelimit-*` headers and the errors of Anthropic's API.

use std::time::Duration;

use http::HeaderName;
use serde::Serialize;

use super::{
    errors::{ErrorKind, LONGEST_RETRY},
    triple::{Reset, Triple},
};
use crate::{
    layer::InvalidPolicy,
    model::{IntoName, LimitName},
};

const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-ratelimit-requests-limit"),
    HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
    HeaderName::from_static("anthropic-ratelimit-requests-reset"),
];

const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
];

const INPUT_TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-ratelimit-input-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-input-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-input-tokens-reset"),
];

const OUTPUT_TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-ratelimit-output-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-output-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-output-tokens-reset"),
];

/// The headers of Anthropic's API: `anthropic-ratelimit-requests-limit`, `-remaining`, `-reset`,
/// and the same for tokens, input tokens and output tokens. The reset is the time at which the
/// limit is full again, in the format of RFC 3339: `2026-01-01T00:00:00Z`.
///
/// Refusals, and [streams that are ended](crate::layer::TopUp::end_stream), have the error that
/// Anthropic's clients understand:
///
/// ```json
/// {"type": "error", "error": {"type": "rate_limit_error", "message":
///     "Rate limit exceeded: tpm. Please try again in 12s."}}
/// ```
///
/// `retry-after-ms` is the exact wait. `x-should-retry: false` makes clients give up if waiting
/// does not help, or if the wait is longer than [`longest_retry`](Self::longest_retry).
#[derive(Clone, Debug)]
#[must_use = "a dialect does nothing until a policy has it"]
pub struct Anthropic {
    requests: Option<String>,
    tokens: Option<String>,
    input_tokens: Option<String>,
    output_tokens: Option<String>,
    pub(super) longest_retry: Duration,
}

impl Default for Anthropic {
    fn default() -> Self {
        let (requests, tokens, input_tokens, output_tokens) = (None, None, None, None);
        Self {
            requests,
            tokens,
            input_tokens,
            output_tokens,
            longest_retry: LONGEST_RETRY,
        }
    }
}

impl Anthropic {
    /// Creates a dialect that reports no limits yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports the limit `name`, which counts requests.
    pub fn requests(mut self, name: impl IntoName<LimitName>) -> Self {
        self.requests = Some(name.as_text().to_owned());
        self
    }

    /// Reports the limit `name`, which counts input and output tokens.
    pub fn tokens(mut self, name: impl IntoName<LimitName>) -> Self {
        self.tokens = Some(name.as_text().to_owned());
        self
    }

    /// Reports the limit `name`, which counts input tokens.
    pub fn input_tokens(mut self, name: impl IntoName<LimitName>) -> Self {
        self.input_tokens = Some(name.as_text().to_owned());
        self
    }

    /// Reports the limit `name`, which counts output tokens.
    pub fn output_tokens(mut self, name: impl IntoName<LimitName>) -> Self {
        self.output_tokens = Some(name.as_text().to_owned());
        self
    }

    /// Sends `x-should-retry: false`, so that clients give up, if they would have to wait longer
    /// than `wait`. Default: 60 seconds.
    pub fn longest_retry(mut self, wait: Duration) -> Self {
        self.longest_retry = wait;
        self
    }

    pub(super) fn check(
        self,
        known: impl Fn(String) -> Result<LimitName, InvalidPolicy>,
    ) -> Result<Vec<Triple>, InvalidPolicy> {
        let kinds = [
            (self.requests, REQUESTS),
            (self.tokens, TOKENS),
            (self.input_tokens, INPUT_TOKENS),
            (self.output_tokens, OUTPUT_TOKENS),
        ];
        Triple::named(kinds, Reset::Timestamp, known)
    }
}

/// The errors of Anthropic's API: `{"type": "error", "error": {"type", "message"}}`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnthropicErrors;

#[derive(Serialize)]
struct AnthropicBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: AnthropicError<'a>,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
}

impl AnthropicErrors {
    /// The line before the data of an event.
    pub(super) const EVENT_LINE: &[u8] = b"event: error\n";

    /// Returns an error as JSON.
    pub(super) fn body(self, kind: ErrorKind<'_>, message: &str) -> Vec<u8> {
        let error = AnthropicError {
            kind: error_type(kind),
            message,
        };
        let body = AnthropicBody {
            kind: "error",
            error,
        };
        // A struct of strings always serializes.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

fn error_type(kind: ErrorKind<'_>) -> &'static str {
    match kind {
        ErrorKind::RateLimit(_) => "rate_limit_error",
        ErrorKind::TooLarge(_) => "request_too_large",
        ErrorKind::Forbidden => "permission_error",
        ErrorKind::Unavailable => "overloaded_error",
        ErrorKind::BadRequest => "invalid_request_error",
        ErrorKind::Unauthenticated => "authentication_error",
        ErrorKind::Internal => "api_error",
    }
}
