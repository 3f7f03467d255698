//! Finds the buckets of a full store that can be forgotten: they are full again, and nobody holds
//! them.
//!
//! Every bucket has a time before which it cannot be full. A queue orders the buckets by this time.
//! If the earliest time is in the future, nothing can be forgotten. If a bucket is due but not
//! full, tokens were spent from it in the meantime. So each unsuccessful check is paid for by a
//! spend, and a flood of new keys never causes a scan.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
    sync::{Arc, Weak},
};

use super::{entry::Entry, overflow::Overflow, table_room::room};

/// The maximum number of full but held buckets that are checked for one new key.
const GLANCE: usize = 16;

/// The `due` time of an entry that was full at its last check but was held.
const HELD: i64 = i64::MIN + 1;

#[derive(Debug)]
pub(super) struct Eviction {
    queue: BinaryHeap<EvictionCheck>,
    held: VecDeque<Weak<Entry>>,
    pub(super) overflow: Overflow<Entry>,
    /// The maximum length of the queue and the held list together.
    room: usize,
}

/// A check of an entry at a time (epoch ms). The check is valid only if the entry's `due` is the
/// same time: a later check replaces an earlier one.
#[derive(Debug)]
struct EvictionCheck {
    at: i64,
    entry: Weak<Entry>,
}

impl Eviction {
    /// Returns a queue of all `entries` of a part, which has room for `most`.
    pub(super) fn new<'a>(entries: impl Iterator<Item = &'a Arc<Entry>>, most: usize) -> Self {
        let room = room(most);
        let mut queue = Vec::with_capacity(room);
        queue.extend(entries.map(look));
        Self {
            queue: queue.into(),
            held: VecDeque::new(),
            overflow: Overflow::default(),
            room,
        }
    }

    /// Adds a new entry.
    pub(super) fn add(&mut self, entry: &Arc<Entry>) {
        self.queue.push(look(entry));
    }

    /// Notes that an entry may be full earlier than expected.
    pub(super) fn hurry(&mut self, entry: &Arc<Entry>) {
        let mut slot = entry.lock();
        let full_at = slot.full_at();
        if slot.due != HELD && slot.due > full_at {
            slot.due = full_at;
            self.queue.push(EvictionCheck {
                at: full_at,
                entry: Arc::downgrade(entry),
            });
        }
    }

    /// Returns `true` if too many checks are outdated or belong to removed entries. Then the queue
    /// must be rebuilt.
    pub(super) fn is_untidy(&self) -> bool {
        self.queue.len() + self.held.len() >= self.room
    }

    /// Rebuilds the queue from all entries.
    pub(super) fn begin_anew<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Arc<Entry>>,
        most: usize,
    ) {
        let overflow = std::mem::take(&mut self.overflow);
        *self = Self {
            overflow,
            ..Self::new(entries, most)
        };
    }

    /// Returns the entry that will be full first and that nobody holds. Each unsuccessful check is
    /// paid for by a spend, or is one of few checks of held entries.
    pub(super) fn fullest(&mut self) -> Option<Arc<Entry>> {
        let mut held = Vec::new();
        let mut found = None;
        while found.is_none() && held.len() < GLANCE {
            let Some(due) = self.queue.pop() else { break };
            let Some(entry) = due.entry.upgrade() else {
                continue;
            };
            let (noted, full_at) = {
                let slot = entry.lock();
                (slot.due, slot.full_at())
            };
            if noted != due.at {
                continue;
            }
            if full_at > due.at {
                self.queue.push(look(&entry));
            } else if is_held(&entry) {
                held.push(due);
            } else {
                found = Some(entry);
            }
        }
        self.queue.extend(held);
        found
    }

    /// Returns an entry that can be forgotten at `now` (epoch ms). The part must stay locked, so
    /// that nobody else obtains the entry in the meantime.
    pub(super) fn forgettable(&mut self, now: i64) -> Option<Arc<Entry>> {
        for _ in 0..GLANCE.min(self.held.len()) {
            let weak = self.held.pop_front()?;
            let Some(entry) = weak.upgrade() else {
                continue;
            };
            if is_held(&entry) {
                self.held.push_back(weak);
            } else if is_full(&entry, now) {
                return Some(entry);
            } else {
                self.queue.push(look(&entry));
            }
        }
        while self.queue.peek().is_some_and(|due| due.at <= now) {
            let EvictionCheck { at, entry: weak } = self.queue.pop()?;
            let Some(entry) = weak.upgrade() else {
                continue;
            };
            if entry.lock().due != at {
                continue;
            }
            if !is_full(&entry, now) {
                self.queue.push(look(&entry));
            } else if is_held(&entry) {
                entry.lock().due = HELD;
                self.held.push_back(weak);
            } else {
                return Some(entry);
            }
        }
        None
    }
}

/// Returns the next check of an entry, at the time when it will be full.
fn look(entry: &Arc<Entry>) -> EvictionCheck {
    let mut slot = entry.lock();
    // Never `HELD`, which marks entries that are not in the queue.
    slot.due = slot.full_at().max(HELD + 1);
    EvictionCheck {
        at: slot.due,
        entry: Arc::downgrade(entry),
    }
}

fn is_full(entry: &Entry, now: i64) -> bool {
    entry.lock().full_at() <= now
}

/// Returns `true` if anybody except the store and the caller holds the entry.
fn is_held(entry: &Arc<Entry>) -> bool {
    Arc::strong_count(entry) > 2
}

impl Ord for EvictionCheck {
    // The earliest time compares as the greatest, because `BinaryHeap` is a max-heap.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for EvictionCheck {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for EvictionCheck {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for EvictionCheck {}
