//! The end of a call.

use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::Outcome;

/// The end of a call, as the target tells it.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) outcome: Outcome,
    pub(crate) problem: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) answered: Option<Instant>,
    pub(crate) first_byte: Option<Instant>,
    pub(crate) bytes: u64,
    pub(crate) remaining: Option<u64>,
}

impl Reply {
    /// Returns the end of a call that was granted.
    pub fn granted() -> Self {
        Self::new(Outcome::Granted)
    }

    /// Returns the end of a call that was denied, with the time after which it may be made again.
    pub fn denied(retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..Self::new(Outcome::Denied)
        }
    }

    /// Returns the end of a call for which no decision could be made. The report counts each
    /// `problem`, so it should have no details that change.
    pub fn unavailable(problem: impl Into<String>) -> Self {
        Self {
            problem: Some(problem.into()),
            ..Self::new(Outcome::Unavailable)
        }
    }

    /// Returns the end of a call that failed. The report counts each `problem`, so it should have
    /// no details that change.
    pub fn error(problem: impl Into<String>) -> Self {
        Self {
            problem: Some(problem.into()),
            ..Self::new(Outcome::Error)
        }
    }

    pub(crate) fn timeout() -> Self {
        Self::new(Outcome::Timeout)
    }

    pub(crate) fn unsent() -> Self {
        Self::new(Outcome::Unsent)
    }

    fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            problem: None,
            retry_after: None,
            answered: None,
            first_byte: None,
            bytes: 0,
            remaining: None,
        }
    }

    /// Sets the time at which the latency ends, if that is before the end of the call. A stream for
    /// example is granted long before it ends.
    pub fn answered_at(mut self, at: Instant) -> Self {
        self.answered = Some(at);
        self
    }

    /// Sets the time at which the first byte of a body came.
    pub fn first_byte_at(mut self, at: Instant) -> Self {
        self.first_byte = Some(at);
        self
    }

    /// Sets the number of bytes that came.
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the number of requests that the answer says are left.
    pub fn remaining(mut self, remaining: Option<u64>) -> Self {
        self.remaining = remaining;
        self
    }
}
