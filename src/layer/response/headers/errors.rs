//! The errors that a dialect's clients understand.

use std::time::Duration;

use http::HeaderName;
use serde::Serialize;

use crate::model::LimitName;

/// The wait in milliseconds, which clients prefer to `Retry-After`.
pub(crate) const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// If the value is `false`, clients do not retry by themselves.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The longest wait after which clients retry by themselves, unless a dialect sets another one.
pub(super) const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The errors of a dialect.
#[derive(Clone, Debug)]
pub(crate) struct ErrorDialect {
    pub(crate) shape: ErrorShape,
    /// Clients are told to give up if they would have to wait longer.
    pub(crate) longest_retry: Duration,
}

/// The shape of a dialect's errors.
#[derive(Clone, Debug)]
pub(crate) enum ErrorShape {
    /// `{"error": {"message", "type", "param", "code"}}`, and the limits that count requests and
    /// tokens.
    OpenAi {
        requests: Option<LimitName>,
        tokens: Option<LimitName>,
    },
    /// `{"type": "error", "error": {"type", "message"}}`.
    Anthropic,
}

/// The kinds of errors that dialects distinguish.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ErrorKind<'a> {
    /// This limit has too few tokens.
    RateLimit(Option<&'a LimitName>),
    /// The request asks for more of this limit than a full bucket holds.
    TooLarge(&'a LimitName),
    Forbidden,
    Unavailable,
    BadRequest,
    Unauthenticated,
    Internal,
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

impl ErrorShape {
    /// Returns an error as JSON.
    pub(crate) fn body(&self, kind: ErrorKind<'_>, message: &str) -> Vec<u8> {
        let body = match self {
            Self::OpenAi { requests, tokens } => {
                let (kind, code) = kind.open_ai(requests.as_ref(), tokens.as_ref());
                serde_json::to_vec(&OpenAiBody {
                    error: OpenAiError {
                        message,
                        kind,
                        param: None,
                        code,
                    },
                })
            }
            Self::Anthropic => {
                let error = AnthropicError {
                    kind: kind.anthropic(),
                    message,
                };
                serde_json::to_vec(&AnthropicBody {
                    kind: "error",
                    error,
                })
            }
        };
        // A struct of strings always serializes.
        body.unwrap_or_default()
    }

    /// Returns an error as a server-sent event, the last one of a stream.
    pub(crate) fn event(&self, kind: ErrorKind<'_>, message: &str) -> Vec<u8> {
        let name: &[u8] = match self {
            // The events of OpenAI's API have no names.
            Self::OpenAi { .. } => b"",
            Self::Anthropic => b"event: error\n",
        };
        [name, b"data: ", &self.body(kind, message), b"\n\n"].concat()
    }
}

impl ErrorKind<'_> {
    /// Returns `type` and `code` as OpenAI's API has them.
    fn open_ai(
        self,
        requests: Option<&LimitName>,
        tokens: Option<&LimitName>,
    ) -> (&'static str, Option<&'static str>) {
        let counted = |limit: Option<&LimitName>| match limit {
            Some(_) if limit == tokens => "tokens",
            Some(_) if limit == requests => "requests",
            _ => "rate_limit_error",
        };
        match self {
            Self::RateLimit(limit) => (counted(limit), Some("rate_limit_exceeded")),
            Self::TooLarge(limit) => (counted(Some(limit)), Some("request_too_large")),
            Self::Forbidden => ("invalid_request_error", Some("permission_denied")),
            Self::Unavailable => ("server_error", Some("service_unavailable")),
            Self::BadRequest => ("invalid_request_error", None),
            Self::Unauthenticated => ("invalid_request_error", Some("invalid_api_key")),
            Self::Internal => ("server_error", None),
        }
    }

    /// Returns `type` as Anthropic's API has it.
    fn anthropic(self) -> &'static str {
        match self {
            Self::RateLimit(_) => "rate_limit_error",
            Self::TooLarge(_) => "request_too_large",
            Self::Forbidden => "permission_error",
            Self::Unavailable => "overloaded_error",
            Self::BadRequest => "invalid_request_error",
            Self::Unauthenticated => "authentication_error",
            Self::Internal => "api_error",
        }
    }
}
