//! The selection of snapshots, which both commands take.

use std::time::SystemTime;

use clap::{Args, ValueEnum};
use tollgate::{RateLimiter, limiter::Snapshots, model::UsageWindow};
use tollgate_ops::usage::WindowLength;

use crate::{
    commands::selection::{Selected, Selection},
    failure::Failure,
    time,
};

/// The options that select snapshots.
#[derive(Debug, Args)]
pub(super) struct Query {
    #[command(flatten)]
    selection: Selection,
    /// Earliest beginning of a window, such as 2026-01-31T00:00:00Z; a date alone is its midnight
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    start: Option<SystemTime>,
    /// Latest beginning of a window
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    end: Option<SystemTime>,
}

/// The length of a window.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Window {
    Hourly,
    Daily,
    Monthly,
}

impl From<Window> for WindowLength {
    fn from(window: Window) -> Self {
        match window {
            Window::Hourly => Self::Hour,
            Window::Daily => Self::Day,
            Window::Monthly => Self::Month,
        }
    }
}

impl Query {
    /// Returns what is selected, for people: `user-1, gpt-4`.
    pub(super) fn name(&self) -> String {
        self.selection.name()
    }

    /// Returns the beginning of the first window that is selected, and the end of the last one,
    /// epoch seconds. The last one is not later than now.
    pub(super) fn span(&self, length: WindowLength) -> (Option<i64>, Option<i64>) {
        let now = time::now() / 1000;
        let from = self
            .start
            .map(|start| length.at(time::seconds(start)).start);
        let to = self
            .end
            .map(|end| length.at(time::seconds(end).min(now)).end());
        (from, to)
    }

    /// Checks the times, before anything is asked.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match (self.start, self.end) {
            (Some(start), Some(end)) if start > end => Err(Failure::Usage(format!(
                "--start {} is after --end {}: no window begins between them",
                time::rfc3339(start),
                time::rfc3339(end)
            ))),
            _ => Ok(()),
        }
    }

    /// Returns the query for the snapshots.
    pub(super) fn snapshots(
        self,
        limiter: &RateLimiter,
        window: Option<Window>,
    ) -> Result<Snapshots, Failure> {
        let usage = limiter.usage();
        let mut snapshots = match self.selection.selected()? {
            Selected::Entity(entity, Some(resource)) => usage.of_entity(entity).resource(resource),
            Selected::Entity(entity, None) => usage.of_entity(entity),
            Selected::Resource(resource) => usage.of_resource(resource),
        };
        if let Some(window) = window {
            snapshots = snapshots.window(match window {
                Window::Hourly => UsageWindow::Hourly,
                Window::Daily => UsageWindow::Daily,
                Window::Monthly => UsageWindow::Monthly,
            });
        }
        if let Some(start) = self.start {
            snapshots = snapshots.since(start);
        }
        if let Some(end) = self.end {
            snapshots = snapshots.until(end);
        }
        Ok(snapshots)
    }
}
