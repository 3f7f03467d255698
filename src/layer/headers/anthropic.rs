//! `anthropic-ratelimit-*`, as Anthropic's API has them.

use http::HeaderName;

use super::triple::{Reset, Triple};
use crate::{layer::InvalidPolicy, model::LimitName};

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

/// `anthropic-ratelimit-requests-limit`, `-remaining`, `-reset`, and the same for tokens, input tokens
/// and output tokens, as Anthropic's API has them. The reset is when the limit is full again, as RFC
/// 3339 writes times: `2026-01-01T00:00:00Z`.
#[derive(Clone, Debug, Default)]
#[must_use = "a dialect does nothing until a policy has it"]
pub struct Anthropic {
    requests: Option<String>,
    tokens: Option<String>,
    input_tokens: Option<String>,
    output_tokens: Option<String>,
}

impl Anthropic {
    /// Tells of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The limit `name` counts requests.
    pub fn requests(mut self, name: impl Into<String>) -> Self {
        self.requests = Some(name.into());
        self
    }

    /// The limit `name` counts tokens, in and out.
    pub fn tokens(mut self, name: impl Into<String>) -> Self {
        self.tokens = Some(name.into());
        self
    }

    /// The limit `name` counts input tokens.
    pub fn input_tokens(mut self, name: impl Into<String>) -> Self {
        self.input_tokens = Some(name.into());
        self
    }

    /// The limit `name` counts output tokens.
    pub fn output_tokens(mut self, name: impl Into<String>) -> Self {
        self.output_tokens = Some(name.into());
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
