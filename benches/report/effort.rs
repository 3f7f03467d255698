//! How long to measure.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Whether only to see that everything works.
    pub(crate) quick: bool,
    /// How often each figure is taken, in turns with its reference.
    pub(crate) rounds: usize,
    /// How long each time.
    pub(crate) window: Duration,
}

impl Effort {
    pub(crate) fn new(quick: bool) -> Self {
        match quick {
            true => Self { quick, rounds: 3, window: Duration::from_millis(200) },
            false => Self { quick, rounds: 9, window: Duration::from_millis(700) },
        }
    }

    /// `full`, or `quick` if that is asked for.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// With that many rounds of that many times the window, unless it has to be quick.
    pub(crate) fn of(self, rounds: usize, windows: u32) -> Self {
        if self.quick { self } else { Self { rounds, window: self.window * windows, ..self } }
    }
}
