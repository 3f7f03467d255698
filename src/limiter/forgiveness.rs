//! Cancelled requests: what they were charged is given back, but not without bound.
//!
//! Whoever asks and goes before the answer makes a write, and a second one that gives the charge back. Were every one
//! given back, that would be free, as often as somebody likes. So each bucket forgives some in the time in which it
//! fills; beyond, the charge stays, until the bucket is short and a request costs no write any more.
//!
//! What is remembered has a fixed size, whatever keys come: buckets share slots by a hash that nobody outside knows. What
//! that gives up: buckets of one slot share what is forgiven, so a charge may stay a little earlier.

use std::{
    hash::BuildHasher,
    sync::atomic::{AtomicI64, Ordering},
};

use foldhash::quality::RandomState;

use crate::model::{KeyParts, Limits};

/// The most cancelled requests of a bucket that a process gives back at once, and in the time in which it fills.
const MOST: i64 = 16;

const SLOTS: usize = 1024;

/// Whom a process has given a cancelled charge back.
#[derive(Debug)]
pub(super) struct Forgiveness {
    /// When all that a slot's buckets were given back will be forgotten: epoch ms.
    forgotten_at: Box<[AtomicI64]>,
    hash: RandomState,
}

impl Default for Forgiveness {
    fn default() -> Self {
        Self { forgotten_at: (0..SLOTS).map(|_| AtomicI64::new(0)).collect(), hash: RandomState::default() }
    }
}

impl Forgiveness {
    /// Returns `true` if a charge of the bucket may be given back at `now`, and notes it.
    pub(super) fn forgive(&self, KeyParts { entity, resource, .. }: KeyParts<'_>, limits: &Limits, now: i64) -> bool {
        let fill = limits.iter().map(|limit| limit.time_to_fill().as_millis()).max().unwrap_or(0);
        let fill = i64::try_from(fill).unwrap_or(i64::MAX / 2).clamp(MOST, i64::MAX / 2);
        let hash = self.hash.hash_one((entity.as_str(), resource.as_str()));
        let Some(slot) = self.forgotten_at.get(hash as usize % SLOTS) else { return false };
        let most = now.saturating_add(fill);
        // A clock that was set back must not leave a slot full for as long as it was ahead.
        let next = |forgotten_at: i64| forgotten_at.clamp(now, most).saturating_add(fill / MOST);
        let noted = |forgotten_at| Some(next(forgotten_at).min(most));
        match slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, noted) {
            Ok(before) | Err(before) => next(before) <= most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EntityId, Limit, Resource};

    /// Returns how many of 100 are forgiven.
    fn forgiven(forgiveness: &Forgiveness, entity: &str, now: i64) -> usize {
        let (entity, resource) = (EntityId::new(entity).unwrap(), Resource::new("api").unwrap());
        let limits = Limits::from(Limit::per_hour("rph", 5));
        let key = || KeyParts { entity: &entity, resource: &resource, ..KeyParts::unknown() };
        (0..100).filter(|_| forgiveness.forgive(key(), &limits, now)).count()
    }

    #[test]
    fn so_many_at_once_and_in_the_time_in_which_the_bucket_fills() {
        let forgiveness = Forgiveness::default();
        let (hour, start) = (3_600_000, 1_900_000_000_000);
        assert_eq!(forgiven(&forgiveness, "alice", start), 16);
        assert_eq!(forgiven(&forgiveness, "alice", start + hour / 2), 8);
        assert_eq!(forgiven(&forgiveness, "alice", start + hour / 2), 0);
        assert_eq!(forgiven(&forgiveness, "alice", start + 3 * hour), 16);
        // A clock that goes back by years forgives again: nothing stays locked.
        assert_eq!(forgiven(&forgiveness, "alice", start / 2), 0);
        assert_eq!(forgiven(&forgiveness, "alice", start / 2 + hour), 16);
    }
}
