//! The headers `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`.

use http::HeaderName;

use super::triple::{Reset, Triple};
use crate::{
    layer::InvalidPolicy,
    model::{IntoName, LimitName},
};

const NAMES: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, which report one limit. If
/// no limit is named, they report the limit that has the smallest part of its capacity left; in a
/// denial, the one that takes longest to recover.
///
/// The reset is the time at which the limit is full again.
#[derive(Clone, Debug)]
#[must_use = "a dialect does nothing until a policy has it"]
pub struct XRateLimit {
    limit: Option<String>,
    reset: Reset,
}

impl XRateLimit {
    /// Writes the reset in seconds from now.
    pub fn seconds() -> Self {
        Self {
            limit: None,
            reset: Reset::Seconds,
        }
    }

    /// Writes the reset in seconds since the epoch, as GitHub does.
    pub fn unix_time() -> Self {
        Self {
            limit: None,
            reset: Reset::UnixTime,
        }
    }

    /// Reports the limit `name`, even if another one has less left.
    pub fn of(mut self, name: impl IntoName<LimitName>) -> Self {
        self.limit = Some(name.as_text().to_owned());
        self
    }

    pub(super) fn check(
        self,
        known: impl Fn(String) -> Result<LimitName, InvalidPolicy>,
    ) -> Result<Triple, InvalidPolicy> {
        Ok(Triple {
            of: self.limit.map(known).transpose()?,
            names: NAMES,
            reset: self.reset,
        })
    }
}
