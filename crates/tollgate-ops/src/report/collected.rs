//! Consumption, by limit and window.

use std::collections::BTreeMap;

use tollgate::{LimitName, model::UsageSnapshot};

/// The consumption of a limit in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) tokens: i64,
    pub(super) overdrafts: u64,
}

/// The consumption of a subject, or of several together.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    /// By limit, and by the window's beginning, epoch seconds.
    pub(super) limits: BTreeMap<LimitName, BTreeMap<i64, Use>>,
}

impl Collected {
    /// Adds a snapshot.
    pub(super) fn add(&mut self, start: i64, snapshot: &UsageSnapshot) {
        for (name, tokens) in &snapshot.counters {
            let used = self.at(name, start);
            used.tokens = used.tokens.saturating_add(*tokens);
        }
        for (name, count) in &snapshot.overdrawn {
            let used = self.at(name, start);
            used.overdrafts = used.overdrafts.saturating_add(*count);
        }
    }

    /// Adds what others consumed.
    pub(super) fn merge(&mut self, other: &Self) {
        for (name, windows) in &other.limits {
            for (start, more) in windows {
                let used = self.at(name, *start);
                used.tokens = used.tokens.saturating_add(more.tokens);
                used.overdrafts = used.overdrafts.saturating_add(more.overdrafts);
            }
        }
    }

    /// Returns the sum of a limit over all windows.
    pub(super) fn total(&self, name: &LimitName) -> i128 {
        let windows = self.limits.get(name).into_iter().flatten();
        windows.map(|(_, used)| i128::from(used.tokens)).sum()
    }

    fn at(&mut self, name: &LimitName, start: i64) -> &mut Use {
        let windows = self.limits.entry(name.clone()).or_default();
        windows.entry(start).or_default()
    }
}
