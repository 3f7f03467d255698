//! The `x-ratelimit-*-requests` and `x-ratelimit-*-tokens` headers and the errors of OpenAI's API.

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
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];

const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// The headers of OpenAI's API: `x-ratelimit-limit-requests`, `-remaining-requests`,
/// `-reset-requests`, and the same for tokens. The reset is the time until the limit is full again:
/// `120ms`, `1s`, `6m0s`.
///
/// Refusals, and [streams that are ended](crate::layer::TopUp::end_stream), have the error that
/// OpenAI's clients understand:
///
/// ```json
/// {"error": {"message": "Rate limit exceeded: tpm. Please try again in 12s.", "type": "tokens", "param": null,
///     "code": "rate_limit_exceeded"}}
/// ```
///
/// `retry-after-ms` is the exact wait. `x-should-retry: false` makes clients give up if waiting
/// does not help, or if the wait is longer than [`longest_retry`](Self::longest_retry).
///
/// ```
/// use tollgate::{Limit, layer::{OpenAi, Policy, keys}};
///
/// let policy = Policy::builder()
///     .entity(keys::header("x-api-key"))
///     .resource(keys::fixed("gpt-4"))
///     .limit(Limit::per_minute("rpm", 60))
///     .limit(Limit::per_minute("tpm", 100_000))
///     .dialect(OpenAi::new().requests("rpm").tokens("tpm"))
///     .build()?;
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a dialect does nothing until a policy has it"]
pub struct OpenAi {
    requests: Option<String>,
    tokens: Option<String>,
    pub(super) longest_retry: Duration,
}

impl Default for OpenAi {
    fn default() -> Self {
        Self {
            requests: None,
            tokens: None,
            longest_retry: LONGEST_RETRY,
        }
    }
}

impl OpenAi {
    /// Creates a dialect that reports no limits yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports the limit `name`, which counts requests.
    pub fn requests(mut self, name: impl IntoName<LimitName>) -> Self {
        self.requests = Some(name.as_text().to_owned());
        self
    }

    /// Reports the limit `name`, which counts tokens.
    pub fn tokens(mut self, name: impl IntoName<LimitName>) -> Self {
        self.tokens = Some(name.as_text().to_owned());
        self
    }

    /// Sends `x-should-retry: false`, so that clients give up, if they would have to wait longer
    /// than `wait`. Default: 60 seconds.
    pub fn longest_retry(mut self, wait: Duration) -> Self {
        self.longest_retry = wait;
        self
    }

    pub(super) fn errors(
        &self,
        known: impl Fn(String) -> Result<LimitName, InvalidPolicy>,
    ) -> Result<OpenAiErrors, InvalidPolicy> {
        let limit = |name: &Option<String>| name.clone().map(&known).transpose();
        Ok(OpenAiErrors {
            requests: limit(&self.requests)?,
            tokens: limit(&self.tokens)?,
        })
    }

    pub(super) fn check(
        self,
        known: impl Fn(String) -> Result<LimitName, InvalidPolicy>,
    ) -> Result<Vec<Triple>, InvalidPolicy> {
        let kinds = [(self.requests, REQUESTS), (self.tokens, TOKENS)];
        Triple::named(kinds, Reset::Duration, known)
    }
}

/// The errors of OpenAI's API: `{"error": {"message", "type", "param", "code"}}`.
#[derive(Clone, Debug)]
pub(crate) struct OpenAiErrors {
    /// The limits that count requests and tokens.
    requests: Option<LimitName>,
    tokens: Option<LimitName>,
}

#[derive(Serialize)]
struct OpenAiBody<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Always `null`. Clients expect the field.
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl OpenAiErrors {
    /// The line before the data of an event. The events of OpenAI's API have no names.
    pub(super) const EVENT_LINE: &[u8] = b"";

    /// Returns an error as JSON.
    pub(super) fn body(&self, kind: ErrorKind<'_>, message: &str) -> Vec<u8> {
        let (kind, code) = self.type_and_code(kind);
        let error = OpenAiError {
            message,
            kind,
            param: None,
            code,
        };
        // A struct of strings always serializes.
        serde_json::to_vec(&OpenAiBody { error }).unwrap_or_default()
    }

    fn type_and_code(&self, kind: ErrorKind<'_>) -> (&'static str, Option<&'static str>) {
        let counted = |limit: Option<&LimitName>| match limit {
            Some(_) if limit == self.tokens.as_ref() => "tokens",
            Some(_) if limit == self.requests.as_ref() => "requests",
            _ => "rate_limit_error",
        };
        match kind {
            ErrorKind::RateLimit(limit) => (counted(limit), Some("rate_limit_exceeded")),
            ErrorKind::TooLarge(limit) => (counted(Some(limit)), Some("request_too_large")),
            ErrorKind::Forbidden => ("invalid_request_error", Some("permission_denied")),
            ErrorKind::Unavailable => ("server_error", Some("service_unavailable")),
            ErrorKind::BadRequest => ("invalid_request_error", None),
            ErrorKind::Unauthenticated => ("invalid_request_error", Some("invalid_api_key")),
            ErrorKind::Internal => ("server_error", None),
        }
    }
}
