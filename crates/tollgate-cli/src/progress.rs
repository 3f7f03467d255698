//! The progress of long work: one line on the standard error, only on a terminal.
//!
//! A count in one line needs a carriage return and one sequence. A crate for progress bars would
//! bring six more for it.

use std::{
    env,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use tokio::time::{Instant, Interval, interval_at};

/// The time between two lines.
const PAUSE: Duration = Duration::from_millis(250);

/// Goes to the first column and clears the line.
const CLEAR: &str = "\r\x1b[K";

/// A line that shows a count, and that is cleared at the end.
#[derive(Debug)]
pub(crate) struct Progress {
    /// `None` if nothing is shown.
    ticks: Option<Interval>,
    unit: &'static str,
    shown: bool,
}

impl Progress {
    /// Shows counts of `unit` if the standard error is a terminal that can clear a line.
    pub(crate) fn new(unit: &'static str) -> Self {
        Self::if_shown(unit, true)
    }

    /// As [`new`](Self::new), unless `wanted` is false.
    pub(crate) fn if_shown(unit: &'static str, wanted: bool) -> Self {
        let able = env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        let ticks = (wanted && able && io::stderr().is_terminal())
            .then(|| interval_at(Instant::now() + PAUSE, PAUSE));
        Self {
            ticks,
            unit,
            shown: false,
        }
    }

    /// Waits for the time of the next line. Never returns if nothing is shown.
    pub(crate) async fn tick(&mut self) {
        match &mut self.ticks {
            Some(ticks) => {
                ticks.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Shows the count.
    pub(crate) fn show(&mut self, count: u64) {
        self.show_text(&format!("{count} {}", self.unit));
    }

    /// Shows a text instead of a count.
    pub(crate) fn show_text(&mut self, text: &str) {
        self.shown = true;
        self.write(&format!("{CLEAR}{text}"));
    }

    fn write(&self, text: &str) {
        let mut to = io::stderr();
        // Without a reader nothing is shown.
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            self.write(CLEAR);
        }
    }
}
