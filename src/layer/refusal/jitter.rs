//! Spreads the retries of denied clients.
#![allow(
    clippy::disallowed_methods,
    reason = "the retries of denied clients are spread at random"
)]

use std::time::Duration;

/// A random time that is added to the wait of denied clients, so that clients that were denied
/// together do not retry together. The wait never becomes shorter.
///
/// ```
/// use std::time::Duration;
/// use tollgate::{Limit, layer::{Jitter, Policy, keys}};
///
/// let policy = Policy::builder()
///     .entity(keys::header("x-api-key"))
///     .resource(keys::fixed("api"))
///     .limit(Limit::per_minute("rpm", 60))
///     .jitter(Jitter::percent(20).at_most(Duration::from_secs(30)))
///     .build()?;
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it does nothing until a policy has it"]
pub struct Jitter {
    part: JitterBound,
    most: Duration,
}

/// The most that is added to a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JitterBound {
    Percent(u32),
    Whatever,
}

impl Jitter {
    pub(crate) const NONE: Self = Self {
        part: JitterBound::Percent(0),
        most: Duration::ZERO,
    };

    /// Adds at most `percent` percent of the wait.
    pub fn percent(percent: u32) -> Self {
        Self {
            part: JitterBound::Percent(percent),
            most: Duration::MAX,
        }
    }

    /// Adds at most `time`, even if the wait is shorter than that.
    pub fn up_to(time: Duration) -> Self {
        Self {
            part: JitterBound::Whatever,
            most: time,
        }
    }

    /// Limits the time that is added to at most `time`.
    pub fn at_most(mut self, time: Duration) -> Self {
        self.most = self.most.min(time);
        self
    }

    /// Returns the wait that the client gets.
    pub(crate) fn lengthen(self, wait: Duration) -> Duration {
        let most = self.most.as_nanos();
        let bound = match self.part {
            JitterBound::Percent(0) => return wait,
            JitterBound::Percent(percent) => {
                most.min(wait.as_nanos().saturating_mul(percent.into()) / 100)
            }
            JitterBound::Whatever => most,
        };
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        wait.saturating_add(Duration::from_nanos(fastrand::u64(0..=bound)))
    }
}
