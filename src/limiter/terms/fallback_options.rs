//! Options of an acquire for the case that it is not granted at once.

use std::time::Duration;

use crate::{limiter::terms::LocalShare, model::LimitName};

/// Options of an acquire for the case that it is not granted at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct FallbackOptions {
    /// This process's share of the limits, used while the store gives no decision.
    pub(crate) local: Option<LocalShare>,
    pub(crate) shadow: Shadow,
    /// The wait for capacity.
    pub(crate) wait: Option<WaitOptions>,
}

/// The limits that only observe.
#[derive(Clone, Debug, Default)]
pub(crate) enum Shadow {
    #[default]
    None,
    Limits(Vec<LimitName>),
    /// All limits: requests pass even if they are denied.
    All,
}

impl Shadow {
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(crate) fn covers(&self, name: &LimitName) -> bool {
        match self {
            Self::None => false,
            Self::Limits(names) => names.contains(name),
            Self::All => true,
        }
    }
}

/// The longest wait for capacity, and the number of requests that may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitOptions {
    pub(crate) most: Duration,
    pub(crate) waiters: usize,
}

impl WaitOptions {
    /// The default number of requests that may wait for one bucket.
    pub(crate) const WAITERS: usize = 100;
}
