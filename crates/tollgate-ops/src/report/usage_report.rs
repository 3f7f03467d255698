//! The collection of what a report shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::UNIX_EPOCH,
};

use tollgate::{EntityId, Limit, LimitName, Resource, model::UsageSnapshot};

use super::{collected::Collected, holding::Holding, subject::Subject};
use crate::{
    stream::Gap,
    usage::{Window, WindowLength},
};

/// A report of usage. It holds a few numbers for each snapshot and each limit.
#[derive(Clone, Debug)]
pub struct UsageReport {
    pub(super) title: String,
    pub(super) length: WindowLength,
    pub(super) uses: BTreeMap<Subject, Collected>,
    pub(super) holding: BTreeMap<Subject, Holding>,
    pub(super) gaps: Vec<Gap>,
    pub(super) counted_until: Option<i64>,
    pub(super) span: (Option<i64>, Option<i64>),
    pub(super) snapshots: u64,
    pub(super) footer: String,
    /// The beginnings of the first and of the last window with a snapshot, epoch seconds.
    starts: Option<(i64, i64)>,
    only: Option<BTreeSet<LimitName>>,
}

impl UsageReport {
    /// Returns a report without snapshots.
    pub fn new(title: impl Into<String>, length: WindowLength) -> Self {
        Self {
            title: title.into(),
            length,
            uses: BTreeMap::new(),
            holding: BTreeMap::new(),
            gaps: Vec::new(),
            counted_until: None,
            span: (None, None),
            snapshots: 0,
            footer: String::new(),
            starts: None,
            only: None,
        }
    }

    /// Restricts the report to these limits. Call it before snapshots are added.
    pub fn only(mut self, limits: impl IntoIterator<Item = LimitName>) -> Self {
        self.only = Some(limits.into_iter().collect());
        self
    }

    /// Sets the first and the last time that the report shows, epoch seconds. Without them, they
    /// are those of the snapshots.
    pub fn span(mut self, from: Option<i64>, to: Option<i64>) -> Self {
        self.span = (from, to);
        self
    }

    /// Sets the last line of the page.
    pub fn footer(mut self, text: impl Into<String>) -> Self {
        self.footer = text.into();
        self
    }

    /// Adds a snapshot. One of windows of another length is left out.
    pub fn add(&mut self, snapshot: &UsageSnapshot) {
        let start = snapshot.window_start.duration_since(UNIX_EPOCH);
        let start = start
            .ok()
            .and_then(|start| i64::try_from(start.as_secs()).ok());
        let Some(start) = start.filter(|_| snapshot.window.to_string() == self.length.word())
        else {
            return;
        };
        let mut snapshot = snapshot.clone();
        if let Some(only) = &self.only {
            snapshot.counters.retain(|name, _| only.contains(name));
            snapshot.overdrawn.retain(|name, _| only.contains(name));
        }
        if snapshot.counters.is_empty() && snapshot.overdrawn.is_empty() {
            return;
        }
        self.snapshots += 1;
        let (first, last) = self.starts.unwrap_or((start, start));
        self.starts = Some((first.min(start), last.max(start)));
        let subject = Subject {
            entity: snapshot.entity.clone(),
            resource: snapshot.resource.clone(),
        };
        self.uses.entry(subject).or_default().add(start, &snapshot);
    }

    /// Sets the limits that hold for an entity and a resource: the level that they are stored at,
    /// and each limit with how people write it.
    pub fn hold(
        &mut self,
        entity: EntityId,
        resource: Resource,
        level: impl Into<String>,
        limits: Vec<(Limit, String)>,
    ) {
        let level = level.into();
        let subject = Subject { entity, resource };
        self.holding.insert(subject, Holding { level, limits });
    }

    /// Sets the spans whose records no aggregator has seen, and the time of the newest record that
    /// is counted, epoch seconds.
    pub fn counted(&mut self, gaps: Vec<Gap>, until: Option<i64>) {
        self.gaps = gaps;
        self.counted_until = until;
    }

    /// Returns the number of snapshots.
    pub fn snapshots(&self) -> u64 {
        self.snapshots
    }

    /// Returns all limits that the snapshots count.
    pub fn limits(&self) -> BTreeSet<LimitName> {
        let limits = self.uses.values().flat_map(|uses| uses.limits.keys());
        limits.cloned().collect()
    }

    /// Returns the entities and resources that have a section of their own if there are at most
    /// `top`: those that used most, the most first.
    pub fn shown(&self, top: usize) -> Vec<(EntityId, Resource)> {
        let ranking = self.ranking();
        let shown = ranking.into_iter().take(top);
        shown
            .map(|(subject, _)| (subject.entity.clone(), subject.resource.clone()))
            .collect()
    }

    /// Returns the limit by which subjects are compared: the one of which most is used.
    pub(super) fn measure(&self) -> Option<LimitName> {
        let total =
            |name: &LimitName| -> i128 { self.uses.values().map(|uses| uses.total(name)).sum() };
        self.limits().into_iter().max_by_key(total)
    }

    /// Returns all subjects, those first that used most.
    pub(super) fn ranking(&self) -> Vec<(&Subject, &Collected)> {
        let measure = self.measure();
        let used = |uses: &Collected| measure.as_ref().map_or(0, |name| uses.total(name));
        let mut ranking: Vec<_> = self.uses.iter().collect();
        // Stable: equal ones stay in the order of their names.
        ranking.sort_by_key(|(_, uses)| std::cmp::Reverse(used(uses)));
        ranking
    }

    /// Returns the window that begins at a time. A window that begins elsewhere, which other
    /// aggregators may write, has the end of the one it lies in.
    pub(super) fn window(&self, start: i64) -> Window {
        let window = self.length.at(start);
        Window { start, ..window }
    }

    /// Returns the first and the last second of the report. `None` if there is nothing to show.
    pub(super) fn extent(&self) -> Option<(i64, i64)> {
        let (first, last) = self.starts.unzip();
        let first = first.into_iter().chain(self.span.0).min()?;
        let end = last.map(|last| self.window(last).end());
        let end = end.into_iter().chain(self.span.1).max()?;
        Some((first, end)).filter(|(first, end)| first < end)
    }
}
