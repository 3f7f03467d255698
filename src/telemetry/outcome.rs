//! The outcome of an acquire, and the path that led to it.

use crate::error::Error;

/// The outcome of an acquire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AcquireOutcome {
    Granted,
    Denied,
    ExceedsCapacity,
    Disabled,
    Unavailable,
    Invalid,
    /// The request was dropped before its answer.
    Cancelled,
}

impl AcquireOutcome {
    #[cfg(feature = "metrics")]
    pub(super) const COUNT: usize = 7;

    #[inline]
    pub(super) fn of(error: Option<&Error>) -> Self {
        match error {
            None => Self::Granted,
            Some(Error::Denied(_) | Error::QueueFull(_)) => Self::Denied,
            Some(Error::ExceedsCapacity(_)) => Self::ExceedsCapacity,
            Some(Error::Disabled(_)) => Self::Disabled,
            Some(Error::Unavailable(_)) => Self::Unavailable,
            Some(_) => Self::Invalid,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::ExceedsCapacity => "exceeds_capacity",
            Self::Disabled => "disabled",
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The place where an acquire was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// In this process's memory, because the bucket lives there.
    Memory,
    /// Granted from prefetched tokens.
    Prefetch,
    /// By the store.
    Write,
    /// Denied because the bucket is known to be short.
    Denial,
    /// By this process's share of the limits, because the store gave no decision.
    Local,
}

impl Path {
    #[cfg(feature = "metrics")]
    pub(super) const COUNT: usize = 5;

    pub(super) fn of(
        in_memory: bool,
        waited: bool,
        degraded: bool,
        outcome: AcquireOutcome,
    ) -> Self {
        match (waited, outcome) {
            _ if in_memory => Self::Memory,
            (_, AcquireOutcome::Granted | AcquireOutcome::Denied) if degraded => Self::Local,
            (true, _) => Self::Write,
            (false, AcquireOutcome::Granted) => Self::Prefetch,
            (false, _) => Self::Denial,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Prefetch => "prefetch",
            Self::Write => "write",
            Self::Denial => "denial",
            Self::Local => "local",
        }
    }
}
