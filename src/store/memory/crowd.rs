//! Which buckets of a full store can be forgotten: those that are full again and that nobody holds.
//!
//! Every bucket has a time before which it cannot be full. They are looked at in that order: where
//! the earliest lies ahead, nothing can be forgotten. A bucket that was due and is not full was
//! spent from since, so each look in vain is paid for by a spend, and a flood of new keys costs no
//! scan.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
    sync::{Arc, Weak},
};

use super::{entry::Entry, holes::room, overflow::Overflow};

/// How many of the full buckets that somebody holds are looked at for a new key.
const GLANCE: usize = 16;

/// The time that stands for: full when last looked at, but held by somebody.
const HELD: i64 = i64::MIN + 1;

#[derive(Debug)]
pub(super) struct Crowd {
    queue: BinaryHeap<Due>,
    held: VecDeque<Weak<Entry>>,
    pub(super) overflow: Overflow<Entry>,
    /// The most that the queue and the held ones hold.
    room: usize,
}

/// A look at an entry that is due at a time (epoch ms). It counts if the entry says so too: later
/// ones took the place of the others.
#[derive(Debug)]
struct Due {
    at: i64,
    entry: Weak<Entry>,
}

impl Crowd {
    /// All entries of a part of the store, which has room for `most`.
    pub(super) fn new<'a>(entries: impl Iterator<Item = &'a Arc<Entry>>, most: usize) -> Self {
        let room = room(most);
        let mut queue = Vec::with_capacity(room);
        queue.extend(entries.map(look));
        Self { queue: queue.into(), held: VecDeque::new(), overflow: Overflow::default(), room }
    }

    /// Adds a new entry, for which another one was forgotten.
    pub(super) fn add(&mut self, entry: &Arc<Entry>) {
        self.queue.push(look(entry));
    }

    /// Notes that an entry may be full earlier than was known.
    pub(super) fn hurry(&mut self, entry: &Arc<Entry>) {
        let mut slot = entry.lock();
        let full_at = slot.full_at();
        if slot.due != HELD && slot.due > full_at {
            slot.due = full_at;
            self.queue.push(Due { at: full_at, entry: Arc::downgrade(entry) });
        }
    }

    /// Returns `true` if too many looks have been replaced by others, or are at what is gone: it is time to begin anew.
    pub(super) fn is_untidy(&self) -> bool {
        self.queue.len() + self.held.len() >= self.room
    }

    /// Looks at all entries anew.
    pub(super) fn begin_anew<'a>(&mut self, entries: impl Iterator<Item = &'a Arc<Entry>>, most: usize) {
        let overflow = std::mem::take(&mut self.overflow);
        *self = Self { overflow, ..Self::new(entries, most) };
    }

    /// Returns the entry that will be full first, if nothing can be forgotten. Nobody holds it. Each look in vain is
    /// paid for by a spend, or is one of few at entries that somebody holds.
    pub(super) fn fullest(&mut self) -> Option<Arc<Entry>> {
        let mut held = Vec::new();
        let mut found = None;
        while found.is_none() && held.len() < GLANCE {
            let Some(due) = self.queue.pop() else { break };
            let Some(entry) = due.entry.upgrade() else { continue };
            let (noted, full_at) = {
                let slot = entry.lock();
                (slot.due, slot.full_at())
            };
            if noted != due.at {
                continue;
            }
            match full_at > due.at {
                true => self.queue.push(look(&entry)),
                false if is_held(&entry) => held.push(due),
                false => found = Some(entry),
            }
        }
        self.queue.extend(held);
        found
    }

    /// An entry that can be forgotten at `now` (epoch ms). Nobody else must get hold of an entry
    /// meanwhile.
    pub(super) fn forgettable(&mut self, now: i64) -> Option<Arc<Entry>> {
        for _ in 0..GLANCE.min(self.held.len()) {
            let weak = self.held.pop_front()?;
            let Some(entry) = weak.upgrade() else { continue };
            match is_held(&entry) {
                true => self.held.push_back(weak),
                false if is_full(&entry, now) => return Some(entry),
                false => self.queue.push(look(&entry)),
            }
        }
        while self.queue.peek().is_some_and(|due| due.at <= now) {
            let Due { at, entry: weak } = self.queue.pop()?;
            let Some(entry) = weak.upgrade() else { continue };
            if entry.lock().due != at {
                continue;
            }
            match is_full(&entry, now) {
                false => self.queue.push(look(&entry)),
                true if is_held(&entry) => {
                    entry.lock().due = HELD;
                    self.held.push_back(weak);
                }
                true => return Some(entry),
            }
        }
        None
    }
}

/// The next look at an entry: when it will be full.
fn look(entry: &Arc<Entry>) -> Due {
    let mut slot = entry.lock();
    // A time that no entry in the queue has: that of those which are held.
    slot.due = slot.full_at().max(HELD + 1);
    Due { at: slot.due, entry: Arc::downgrade(entry) }
}

fn is_full(entry: &Entry, now: i64) -> bool {
    entry.lock().full_at() <= now
}

/// Returns `true` if anybody holds the entry beside the store and the caller.
fn is_held(entry: &Arc<Entry>) -> bool {
    Arc::strong_count(entry) > 2
}

impl Ord for Due {
    // The earliest is the greatest: the heap gives it first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}
