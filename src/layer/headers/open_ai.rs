//! `x-ratelimit-remaining-tokens` and its like, as OpenAI's API has them.

use http::HeaderName;

use super::triple::{Reset, Triple};
use crate::{layer::InvalidPolicy, model::LimitName};

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

/// `x-ratelimit-limit-requests`, `-remaining-requests`, `-reset-requests`, and the same for tokens, as
/// OpenAI's API has them. The reset is the time until the limit is full again: `120ms`, `1s`, `6m0s`.
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
#[derive(Clone, Debug, Default)]
#[must_use = "a dialect does nothing until a policy has it"]
pub struct OpenAi {
    requests: Option<String>,
    tokens: Option<String>,
}

impl OpenAi {
    /// Tells of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The limit `name` counts requests.
    pub fn requests(mut self, name: impl Into<String>) -> Self {
        self.requests = Some(name.into());
        self
    }

    /// The limit `name` counts tokens.
    pub fn tokens(mut self, name: impl Into<String>) -> Self {
        self.tokens = Some(name.into());
        self
    }

    pub(super) fn check(
        self,
        known: impl Fn(String) -> Result<LimitName, InvalidPolicy>,
    ) -> Result<Vec<Triple>, InvalidPolicy> {
        let kinds = [(self.requests, REQUESTS), (self.tokens, TOKENS)];
        Triple::named(kinds, Reset::Duration, known)
    }
}
