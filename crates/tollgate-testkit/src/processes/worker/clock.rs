//! A wall clock that can be stepped.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tollgate::clock::{Clock, SystemClock};

/// The system clock with an offset in milliseconds. Clones share the offset.
#[derive(Clone, Debug)]
pub(super) struct SteppedClock {
    ahead: Arc<AtomicI64>,
}

impl SteppedClock {
    pub(super) fn new(ahead: i64) -> Self {
        Self {
            ahead: Arc::new(AtomicI64::new(ahead)),
        }
    }

    /// Sets the milliseconds by which the clock is ahead of the system clock.
    pub(super) fn step(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::SeqCst);
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> i64 {
        SystemClock::new()
            .now()
            .saturating_add(self.ahead.load(Ordering::SeqCst))
    }
}
