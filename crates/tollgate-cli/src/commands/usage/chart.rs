//! A chart of consumption, as text.

use std::{collections::BTreeMap, time::SystemTime};

use tollgate::{LimitName, model::UsageSnapshot};

use crate::time::rfc3339;

/// The number of characters of the longest bar, if there is room.
const WIDTH: usize = 50;

/// The number of characters that the longest bar has in any case.
const LEAST: usize = 10;

/// The parts of a character, in eighths of its width.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The consumption of a limit, by window. Snapshots of the same window are added up.
#[derive(Debug)]
pub(super) struct Chart {
    limit: LimitName,
    windows: BTreeMap<SystemTime, i64>,
}

impl Chart {
    pub(super) fn new(limit: LimitName) -> Self {
        Self {
            limit,
            windows: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, snapshot: &UsageSnapshot) {
        if let Some(tokens) = snapshot.counters.get(&self.limit) {
            let sum = self.windows.entry(snapshot.window_start).or_default();
            *sum = sum.saturating_add(*tokens);
        }
    }

    /// Returns the lines, the oldest window first. Each fits into `room`, the columns of the terminal,
    /// if there are enough for a bar.
    pub(super) fn lines(&self, room: Option<usize>) -> Vec<String> {
        if self.windows.is_empty() {
            return vec![format!("Nothing was consumed of {}", self.limit)];
        }
        let used = |tokens: i64| u64::try_from(tokens).unwrap_or(0);
        let most = self.windows.values().copied().map(used).max();
        let most = most.unwrap_or(0).max(1);
        let digits = self.windows.values().map(|tokens| tokens.to_string().len());
        let digits = digits.max().unwrap_or(0);
        let head = |start, tokens| format!("{}  {tokens:>digits$}  ", rfc3339(start));
        let before = head(SystemTime::UNIX_EPOCH, 0).len();
        let width = room.map_or(WIDTH, |room| {
            room.saturating_sub(before).clamp(LEAST, WIDTH)
        });
        let line = |(start, tokens): (&SystemTime, &i64)| {
            let bar = bar(used(*tokens), most, width);
            let line = head(*start, *tokens) + &bar;
            line.trim_end().to_owned()
        };
        let mut lines = vec![self.limit.to_string()];
        lines.extend(self.windows.iter().map(line));
        lines
    }
}

/// Returns a bar whose length is in proportion to `tokens`: `width` characters for `most`. Only 0 has
/// no bar.
fn bar(tokens: u64, most: u64, width: usize) -> String {
    let eighths = u128::from(tokens) * width as u128 * 8;
    let eighths = eighths.div_ceil(u128::from(most));
    // At most `width * 8`.
    let eighths = usize::try_from(eighths).unwrap_or(0);
    let part = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{part}", "█".repeat(eighths / 8))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use tollgate::{EntityId, Resource, model::UsageWindow};

    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        assert_eq!(bar(0, 100, 50), "");
        assert_eq!(bar(1, 1_000_000, 50), "▏");
        assert_eq!(bar(100, 100, 50), "█".repeat(50));
        assert_eq!(bar(3, 100, 50), "█▌");
    }

    #[test]
    fn snapshots_of_the_same_window_are_added_up() {
        let limit = LimitName::new("tpm").unwrap();
        let mut chart = Chart::new(limit.clone());
        assert_eq!(chart.lines(None), ["Nothing was consumed of tpm"]);
        for (entity, hour, tokens) in [("a", 1, 40), ("b", 1, 10), ("a", 0, -5)] {
            let (entity, resource) = (EntityId::new(entity), Resource::new("api"));
            let start = UNIX_EPOCH + Duration::from_secs(hour * 3600);
            let mut snapshot = UsageSnapshot::new(
                entity.unwrap(),
                resource.unwrap(),
                UsageWindow::Hourly,
                start,
            );
            snapshot.counters.insert(limit.clone(), tokens);
            chart.add(&snapshot);
        }
        let full = format!("1970-01-01T01:00:00Z  50  {}", "█".repeat(50));
        assert_eq!(
            chart.lines(None),
            ["tpm", "1970-01-01T00:00:00Z  -5", full.as_str()]
        );
        for (room, longest) in [(200, 50), (40, 14), (20, 10)] {
            let lines = chart.lines(Some(room));
            assert_eq!(lines[2].matches('█').count(), longest, "{lines:?}");
        }
    }
}
