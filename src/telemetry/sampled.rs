//! Lines of the log that clients can provoke: the first ones, then one a second.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Lines of a kind that are written at once.
const BURST: u64 = 100;

/// The time after which one more is written, ms.
const EVERY: u64 = 1000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The lines of one kind. Whoever can make a process write one with each request fills its disk, and hides what else
/// there is to read.
#[derive(Debug)]
pub(super) struct Sampled {
    /// When the last line counts as written, ms since the start.
    written_at: AtomicU64,
    left_out: AtomicU64,
}

impl Sampled {
    pub(super) const fn new() -> Self {
        Self { written_at: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Returns how many lines were left out since the last one, if this one is written.
    pub(super) fn line(&self) -> Option<u64> {
        self.line_at(u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn line_at(&self, now: u64) -> Option<u64> {
        // It begins with a whole burst.
        let now = now.saturating_add(BURST * EVERY);
        let next = |written_at: u64| {
            let next = written_at.max(now - BURST * EVERY) + EVERY;
            (next <= now).then_some(next)
        };
        if self.written_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok() {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_a_second() {
        let sampled = Sampled::new();
        let written = |now: u64, asked: usize| (0..asked).filter_map(|_| sampled.line_at(now)).collect::<Vec<_>>();
        assert_eq!(written(0, 1000), vec![0; 100]);
        assert!(written(999, 5).is_empty());
        assert_eq!(written(1000, 5), [905], "with those that were left out");
        assert_eq!(written(3000, 5), [4, 0]);
        assert_eq!(written(1_000_000, 1000).len(), 100);
    }
}
