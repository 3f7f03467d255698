//! The disturbances of a scenario.

use std::time::Duration;

/// A disturbance by the driver while the workers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Kills the process with that index (`SIGKILL`), and starts another one in its place.
    Kill(usize),
    /// Stops the engine for that time. Afterwards, it listens again on the same port with the same
    /// data.
    RestartEngine(Duration),
    /// Steps the wall clock of a process.
    StepClock {
        /// The index of the process.
        process: usize,
        /// The milliseconds by which the clock is ahead of the true time from then on; negative if
        /// it is behind.
        ahead: i64,
    },
}
