//! The error for values that are not a valid limit.

use std::time::Duration;

use super::{InvalidName, InvalidSchedule};

/// The maximum capacity and refill amount, tokens.
pub(super) const MOST_TOKENS: u64 = 1_000_000_000_000_000;

/// The longest refill period: 100 years of 365.25 days.
pub(super) const MAX_PERIOD: Duration = Duration::from_secs(3_155_760_000);

/// The longest session.
pub(super) const LONGEST_SESSION: Duration = Duration::from_secs(1_000_000_000);

/// An error for values that are not a valid limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLimit {
    /// The name is not valid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The capacity is 0. Such a bucket would grant nothing.
    #[error("a limit's capacity must be at least 1 token")]
    NoCapacity,
    /// The refill amount is 0. Such a bucket would grant its capacity once.
    #[error("a limit's refill amount must be at least 1 token")]
    NoRefill,
    /// An amount is more than [`Limit::MAX_TOKENS`](super::Limit::MAX_TOKENS).
    #[error("{amount} tokens are more than a limit can have ({})", MOST_TOKENS)]
    TooManyTokens {
        /// The refused amount, tokens.
        amount: u64,
    },
    /// The refill period is 0, has a fraction of a millisecond, or is longer than 100 years.
    #[error(
        "a refill period must be a whole number of milliseconds, from 1 to 100 years, not {period:?}"
    )]
    Period {
        /// The refused period.
        period: Duration,
    },
    /// The calendar of a quota, or the schedule of a limit, is not valid.
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    /// The length of a session is 0, has a fraction of a second, or is too long.
    #[error(
        "a session must be a whole number of seconds, from 1 to {}, not {length:?}",
        LONGEST_SESSION.as_secs()
    )]
    Session {
        /// The refused length.
        length: Duration,
    },
    /// The expressions of the limit's calendar and schedule have different time zones.
    #[error("all expressions of a limit's schedules must have the same time zone")]
    Zones,
    /// A quota has both a calendar and sessions, or a refill.
    #[error("a quota has either a reset schedule or sessions, and no refill")]
    Mixed,
}
