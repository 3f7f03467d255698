//! Faults that an event source makes.

use std::time::Duration;

/// Faults, by a seed.
#[derive(Clone, Debug)]
pub struct Faults {
    pub(super) seed: u64,
    pub(super) kill: u32,
    pub(super) kill_within: Duration,
    pub(super) repeat: u32,
}

impl Faults {
    /// Creates faults of a seed: none yet.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            kill: 0,
            kill_within: Duration::from_millis(50),
            repeat: 0,
        }
    }

    /// Kills the process during one in `count` events, at a random time.
    pub fn kill_one_in(mut self, count: u32) -> Self {
        self.kill = count;
        self
    }

    /// Sets the longest time from the beginning of an event until its process is killed. Default:
    /// 50 ms.
    pub fn kill_within(mut self, time: Duration) -> Self {
        self.kill_within = time;
        self
    }

    /// Gives one in `count` batches to the function once more after it was done, or the batch before
    /// it.
    pub fn repeat_one_in(mut self, count: u32) -> Self {
        self.repeat = count;
        self
    }
}
