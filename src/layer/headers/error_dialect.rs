//! The errors that a dialect's clients understand.

use std::time::Duration;

use super::{anthropic::AnthropicErrors, errors::ErrorKind, open_ai::OpenAiErrors};

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
    OpenAi(OpenAiErrors),
    Anthropic(AnthropicErrors),
}

impl ErrorShape {
    /// Returns an error as JSON.
    pub(crate) fn body(&self, kind: ErrorKind<'_>, message: &str) -> Vec<u8> {
        match self {
            Self::OpenAi(errors) => errors.body(kind, message),
            Self::Anthropic(errors) => errors.body(kind, message),
        }
    }

    /// Returns an error as a server-sent event, the last one of a stream.
    pub(crate) fn event(&self, kind: ErrorKind<'_>, message: &str) -> Vec<u8> {
        let name = match self {
            Self::OpenAi(_) => OpenAiErrors::EVENT_LINE,
            Self::Anthropic(_) => AnthropicErrors::EVENT_LINE,
        };
        [name, b"data: ", &self.body(kind, message), b"\n\n"].concat()
    }
}
