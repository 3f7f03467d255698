//! Streams of tokens, as arguments.

use std::ops::RangeInclusive;

use clap::Args;
use tollgate::LimitName;
use tollgate_loadtest::targets::TokenStream;

use super::units;

/// The streams of the scenario `llm`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Streams of the scenario llm")]
pub(super) struct StreamArguments {
    /// Limit of the tokens
    #[arg(long, value_name = "LIMIT", default_value = "tpm")]
    token_limit: LimitName,
    /// Tokens that a stream reserves
    #[arg(long, value_name = "TOKENS", default_value_t = 500)]
    estimate: u64,
    /// Tokens that a stream has, by chance from a range
    #[arg(long, value_name = "TOKENS", default_value = "100-1000", value_parser = units::range)]
    tokens: RangeInclusive<u64>,
    /// Tokens of a stream that come in a second
    #[arg(long, value_name = "TOKENS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    tokens_per_second: u64,
}

impl StreamArguments {
    pub(super) fn stream(&self) -> TokenStream {
        let (limit, length) = (self.token_limit.clone(), self.tokens.clone());
        TokenStream::new(limit, self.estimate, length, self.tokens_per_second)
    }

    pub(super) fn limit(&self) -> &LimitName {
        &self.token_limit
    }
}
