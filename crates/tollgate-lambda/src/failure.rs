//! A failed invocation, as Lambda is told.

use std::fmt;

/// The reason why an invocation, or the start of the function, failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The kind, which Lambda shows as the type of the error.
    pub(crate) kind: &'static str,
    /// The reason, for people.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}
