//! The requests of a scenario.

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
    /// Requests come at random (a Poisson process). They do not wait for earlier answers. A process
    /// has one task per request.
    Open {
        /// The average number of requests per second of all processes together.
        per_second: f64,
    },
}

impl Demand {
    /// Makes each request as soon as the task's last one was answered. After a denial, the task
    /// waits for the time in the denial.
    pub fn closed() -> Self {
        Self::Closed {
            think: Duration::ZERO,
        }
    }

    /// Makes `per_second` requests per second, all processes together.
    pub fn open(per_second: f64) -> Self {
        Self::Open { per_second }
    }
}
