//! The counters of the look before.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::Instant,
};

use tollgate::model::{BucketKey, BucketState};

/// The name under which the writes of a bucket are kept. No limit can have it.
const WRITES: &str = "wcu";

/// The counters of all buckets, as they were last read. They are kept by hashes of 64 bits, so that
/// a million buckets fit into memory.
#[derive(Debug)]
pub(super) struct Readings {
    known: HashMap<u64, Reading>,
    hasher: RandomState,
    begun: Instant,
    /// The number of the look.
    look: u32,
    /// The time of the look before.
    before: u32,
    /// `true` if every bucket is read: one that was not read before is new.
    is_complete: bool,
}

/// A counter.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Millitokens.
    consumed: i64,
    /// Milliseconds since the first look.
    at: u32,
    look: u32,
}

/// The rates of a shard since it was read before.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// Tokens per second of each limit, in the order of the limits.
    pub(super) tokens: Vec<f64>,
    /// Writes per second; `None` if the bucket does not count them.
    pub(super) writes: Option<f64>,
}

impl Readings {
    pub(super) fn new(is_complete: bool) -> Self {
        Self {
            known: HashMap::new(),
            hasher: RandomState::new(),
            begun: Instant::now(),
            look: 0,
            before: 0,
            is_complete,
        }
    }

    /// Begins a look.
    pub(super) fn begin(&mut self) {
        self.look += 1;
    }

    /// Forgets the buckets that this look did not read.
    pub(super) fn finish(&mut self) {
        let look = self.look;
        self.known.retain(|_, reading| reading.look == look);
        self.before = self.now();
    }

    /// Returns the number of bytes that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.known.capacity() * (size_of::<(u64, Reading)>() + 1)
    }

    /// Notes the counters of a shard, and returns its rates since the look before.
    pub(super) fn note(&mut self, key: &BucketKey, state: &BucketState) -> Rates {
        let writes = state.pressure.as_ref().map(|pressure| pressure.consumed);
        let limits = state.limits();
        let counters = limits
            .iter()
            .map(|limit| (limit.name.as_str(), limit.consumed));
        let counters: Vec<(&str, i64)> = counters
            .chain(writes.map(|count| (WRITES, count)))
            .collect();
        let now = self.now();
        let before: Vec<Option<Reading>> = counters
            .iter()
            .map(|(name, consumed)| {
                let hash = self.hasher.hash_one((key, name));
                let reading = Reading {
                    consumed: *consumed,
                    at: now,
                    look: self.look,
                };
                self.known.insert(hash, reading)
            })
            .collect();
        let again = is_new(&counters, &before, writes.is_some());
        let rate = |((_, consumed), before): (&(&str, i64), &Option<Reading>)| {
            let (since, base) = match before {
                Some(before) if again => (before.at, 0),
                Some(before) => (before.at, before.consumed),
                // A bucket, or a limit of it, that did not exist before.
                None if self.is_complete && self.look > 1 => (self.before, 0),
                None => return 0.0,
            };
            let millis = now.wrapping_sub(since).max(1);
            consumed.saturating_sub(base) as f64 / f64::from(millis)
        };
        let mut rates: Vec<f64> = counters.iter().zip(&before).map(rate).collect();
        Rates {
            writes: writes.and_then(|_| rates.pop()),
            tokens: rates,
        }
    }

    fn now(&self) -> u32 {
        // It wraps after 49 days; differences stay right.
        self.begun.elapsed().as_millis() as u32
    }
}

/// Returns `true` if the bucket was deleted and created again since it was read before: then its
/// counters began at zero. A counter of tokens also falls if tokens are given back, but only by a
/// write, and the count of writes never falls. Without that count, a counter that falls tells.
fn is_new(counters: &[(&str, i64)], before: &[Option<Reading>], counts_writes: bool) -> bool {
    let changes = counters.iter().zip(before).map(|((_, consumed), before)| {
        before.map_or(0, |before| consumed.saturating_sub(before.consumed))
    });
    let mut changes: Vec<i64> = changes.collect();
    let written = changes.pop_if(|_| counts_writes);
    let has_fallen = changes.iter().any(|change| *change < 0);
    written.map_or(has_fallen, |written| {
        written < 0 || (written == 0 && has_fallen)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_before(consumed: i64) -> Option<Reading> {
        Some(Reading {
            consumed,
            at: 0,
            look: 1,
        })
    }

    #[test]
    fn a_bucket_is_new_if_its_counters_fell_without_a_write() {
        let before = [read_before(700), read_before(5000)];
        for (tokens, writes, new) in [
            (900, 6000, false),
            (700, 5000, false),
            // Tokens were given back.
            (600, 6000, false),
            (600, 5000, true),
            (900, 0, true),
        ] {
            let counters = [("rpm", tokens), (WRITES, writes)];
            assert_eq!(is_new(&counters, &before, true), new, "{counters:?}");
        }
        assert!(is_new(&[("rpm", 600)], &before[..1], false));
        assert!(!is_new(&[("rpm", 700)], &before[..1], false));
        assert!(!is_new(&[("rpm", 5)], &[None], false));
    }
}
