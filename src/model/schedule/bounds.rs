//! Bounds of schedules. Those of the numbers are the Python client's.

/// The maximum number of entries of a schedule.
pub(super) const MOST_ENTRIES: usize = 16;
/// The maximum length of an expression that is not read from a table: all numbers of all fields fit
/// in.
pub(super) const MOST_BYTES: usize = 512;
/// The maximum scale.
pub(super) const MOST_SCALE: u64 = 1_000_000;
/// The maximum capacity and refill amount, tokens.
pub(super) const MOST_TOKENS: u64 = 1_000_000_000_000_000;
/// The maximum refill period, seconds.
pub(super) const MOST_SECONDS: u64 = 1_000_000_000;
