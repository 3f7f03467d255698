//! The selection of snapshots, which both commands take.

use std::time::SystemTime;

use clap::{Args, ValueEnum};
use tollgate::{EntityId, RateLimiter, Resource, limiter::Snapshots, model::UsageWindow};

use crate::time;

/// The options that select snapshots.
#[derive(Debug, Args)]
pub(super) struct Query {
    /// Entity whose consumption is meant; without it, that of all entities
    #[arg(
        long = "entity-id",
        short = 'e',
        value_name = "ENTITY",
        required_unless_present = "resource"
    )]
    entity: Option<EntityId>,
    /// Resource that was consumed; without it, all resources
    #[arg(long, short = 'r')]
    resource: Option<Resource>,
    /// Earliest beginning of a window, such as 2026-01-31T00:00:00Z
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

impl Query {
    /// Returns the query for the snapshots. `None` if neither an entity nor a resource is given.
    pub(super) fn snapshots(
        self,
        limiter: &RateLimiter,
        window: Option<Window>,
    ) -> Option<Snapshots> {
        let usage = limiter.usage();
        let mut snapshots = match (self.entity, self.resource) {
            (Some(entity), Some(resource)) => usage.of_entity(entity).resource(resource),
            (Some(entity), None) => usage.of_entity(entity),
            (None, Some(resource)) => usage.of_resource(resource),
            (None, None) => return None,
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
        Some(snapshots)
    }
}
