//! The effort of a measurement.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// `true` for a short run that only shows that everything works.
    pub(crate) quick: bool,
    /// The number of times that each figure is measured, in turns with its reference.
    pub(crate) rounds: usize,
    /// The time of each measurement.
    pub(crate) window: Duration,
}

impl Effort {
    pub(crate) fn new(quick: bool) -> Self {
        if quick {
            Self {
                quick,
                rounds: 3,
                window: Duration::from_millis(200),
            }
        } else {
            Self {
                quick,
                rounds: 9,
                window: Duration::from_millis(700),
            }
        }
    }

    /// Returns `quick` in a quick run, else `full`.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Returns an effort with `rounds` rounds of `windows` times the window. A quick run stays as
    /// it is.
    pub(crate) fn of(self, rounds: usize, windows: u32) -> Self {
        if self.quick {
            self
        } else {
            Self {
                rounds,
                window: self.window * windows,
                ..self
            }
        }
    }
}
