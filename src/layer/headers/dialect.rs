//! The ways to report the state of limits to clients.

use super::{Anthropic, IetfDraft, OpenAi, XRateLimit};

/// A way to report the state of limits to clients. A policy can have several dialects if no header
/// belongs to two of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Dialect {
    /// `RateLimit` and `RateLimit-Policy`.
    Ietf(IetfDraft),
    /// `X-RateLimit-*`.
    XRateLimit(XRateLimit),
    /// OpenAI's headers.
    OpenAi(OpenAi),
    /// Anthropic's headers.
    Anthropic(Anthropic),
}

impl Default for Dialect {
    fn default() -> Self {
        Self::Ietf(IetfDraft::default())
    }
}

impl From<IetfDraft> for Dialect {
    fn from(draft: IetfDraft) -> Self {
        Self::Ietf(draft)
    }
}

impl From<XRateLimit> for Dialect {
    fn from(dialect: XRateLimit) -> Self {
        Self::XRateLimit(dialect)
    }
}

impl From<OpenAi> for Dialect {
    fn from(dialect: OpenAi) -> Self {
        Self::OpenAi(dialect)
    }
}

impl From<Anthropic> for Dialect {
    fn from(dialect: Anthropic) -> Self {
        Self::Anthropic(dialect)
    }
}
