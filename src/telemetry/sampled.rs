//! Limits log lines that clients can provoke: the first ones, then one a second, in each thread.

use std::{cell::Cell, sync::LazyLock, time::Instant};

/// The number of lines of one kind that are written before any line is left out.
const BURST: u64 = 100;

/// The time after which one more line is written, ms.
const EVERY: u64 = 1000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Limits the lines of one kind that a thread writes. There are few threads, and they share no
/// state for this. Without a limit, a client that causes a line with each request could fill the
/// disk and hide all other lines.
#[derive(Debug)]
pub(super) struct Sampled {
    /// The time that the lines have used up, ms since the start. Each line uses a second. This time
    /// may be ahead of the clock by a burst.
    written_at: Cell<u64>,
    left_out: Cell<u64>,
}

impl Sampled {
    pub(super) const fn new() -> Self {
        Self {
            written_at: Cell::new(0),
            left_out: Cell::new(0),
        }
    }

    /// Returns the number of lines left out since the last one if this line is to be written.
    pub(super) fn line(&self) -> Option<u64> {
        self.line_at(u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn line_at(&self, now: u64) -> Option<u64> {
        // The first lines may use a whole burst.
        let now = now.saturating_add(BURST * EVERY);
        let next = self.written_at.get().max(now - BURST * EVERY) + EVERY;
        if next > now {
            self.left_out.set(self.left_out.get().saturating_add(1));
            return None;
        }
        self.written_at.set(next);
        Some(self.left_out.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_events_passes_and_then_one_a_second() {
        let sampled = Sampled::new();
        let written = |now: u64, asked: usize| {
            (0..asked)
                .filter_map(|_| sampled.line_at(now))
                .collect::<Vec<_>>()
        };
        assert_eq!(written(0, 1000), vec![0; 100]);
        assert!(written(999, 5).is_empty());
        assert_eq!(written(1000, 5), [905], "with those that were left out");
        assert_eq!(written(3000, 5), [4, 0]);
        assert_eq!(written(1_000_000, 1000).len(), 100);
    }
}
