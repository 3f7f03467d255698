//! The options of an aggregator.

use std::{collections::BTreeSet, time::Duration};

use crate::{archive::Archive, usage::WindowLength};

/// The options of [`follow`](super::follow).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FollowOptions {
    /// The table.
    pub table: String,
    /// The windows that snapshots are written for. Default: hours and days.
    pub windows: BTreeSet<WindowLength>,
    /// The number of days after which a snapshot expires, counted from the end of its window.
    /// Default: 90.
    pub retention_days: u32,
    /// The place for the events of the history that expire. Default: none.
    pub archive: Option<Archive>,
    /// True to end when everything is counted that is in the stream. Default: false.
    pub once: bool,
    /// The time before which changes are not counted, epoch seconds. Default: none.
    pub skip_before: Option<i64>,
    /// The longest time for which changes wait until they are counted. More changes at once cost
    /// fewer writes. As long as older changes are in the stream, only `flush_size` counts. Default: 5
    /// seconds.
    pub flush_after: Duration,
    /// The number of changes and events that are counted at once, at the most but for the last page
    /// of records. Default: 30 000.
    pub flush_size: u64,
    /// The pause after everything is read. Default: 1 second.
    pub poll_every: Duration,
    /// The time after which another aggregator may take over. Default: 1 minute.
    pub lease: Duration,
    /// The name under which the lease is taken. An aggregator of the same name takes over at once, so
    /// two of them must never run at the same time. Default: none, which is an id of its own.
    pub owner: Option<String>,
    /// The percentages of a limit's amount that are told, once for each window
    /// ([`Progress::Crossed`](super::Progress::Crossed)). Default: none.
    pub warn_at: BTreeSet<u32>,
}

impl FollowOptions {
    /// Creates the default options for a table.
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            windows: BTreeSet::from([WindowLength::Hour, WindowLength::Day]),
            retention_days: 90,
            archive: None,
            once: false,
            skip_before: None,
            flush_after: Duration::from_secs(5),
            flush_size: 30_000,
            poll_every: Duration::from_secs(1),
            lease: Duration::from_secs(60),
            owner: None,
            warn_at: BTreeSet::new(),
        }
    }
}
