//! The line that a test shows on a terminal while it runs.

use tollgate_loadtest::Progress as Figures;

use super::figures::{millis, percent};
use crate::progress::Progress;

/// A line that is replaced, and cleared at the end.
#[derive(Debug)]
pub(super) struct Live(Progress);

impl Live {
    pub(super) fn new() -> Self {
        Self(Progress::new(""))
    }

    /// Waits for the time of the next line. Never returns without a terminal.
    pub(super) async fn tick(&mut self) {
        self.0.tick().await;
    }

    pub(super) fn show(&mut self, figures: &Figures) {
        self.0.show_text(&line(figures));
    }
}

fn line(figures: &Figures) -> String {
    let (counts, latencies) = (&figures.counts, &figures.recent.latencies);
    format!(
        "{:.0} s  {:.0}/s  p50 {}  p99 {}  denied {}  failed {}",
        figures.elapsed.as_secs_f64(),
        figures.rate(),
        millis(latencies.percentile(0.5)),
        millis(latencies.percentile(0.99)),
        percent(counts.denied, counts.total()),
        counts.failed(),
    )
}
