//! The requests that are made.

use std::time::Duration;

/// The requests of all processes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Demand {
    /// Each task makes one request after another.
    Closed {
        /// The time from an answer until the task's next request.
        think: Duration,
    },
    /// Requests come by chance (a Poisson process), however long the answers take. A process has as many
    /// tasks as it has requests.
    Open {
        /// Requests a second of all processes together, on average.
        per_second: f64,
    },
}

impl Demand {
    /// Makes each request as soon as the task's last one was answered. A task that was denied comes back when
    /// the denial says.
    pub fn closed() -> Self {
        Self::Closed { think: Duration::ZERO }
    }

    /// Makes `per_second` requests a second, all processes together.
    pub fn open(per_second: f64) -> Self {
        Self::Open { per_second }
    }
}
