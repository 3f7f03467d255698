//! Limits how many charges of cancelled requests are given back.
//!
//! A request that is cancelled before its answer causes a write, and a second write gives its
//! charge back. If every such charge were given back, a client could cause writes for free, as
//! often as it likes. So each bucket gives back a fixed number in the time in which it refills from
//! empty to full. Beyond that, the charges stay until the bucket is short, and then a request costs
//! no write any more.
//!
//! The memory has a fixed size for any number of keys: a hash with a secret seed maps buckets to
//! slots. The drawback: buckets that share a slot share its limit, so a charge may stay somewhat
//! earlier.

use std::{
    hash::BuildHasher,
    sync::atomic::{AtomicI64, Ordering},
};

use foldhash::quality::RandomState;

use crate::model::{KeyParts, Limits};

/// The number of cancelled requests of a bucket that a process gives back at once, and again in
/// each time in which it fills.
const MOST: i64 = 16;

const SLOTS: usize = 1024;

/// Counts the cancelled charges that were given back.
#[derive(Debug)]
pub(crate) struct Forgiveness {
    /// The time at which a slot is empty again: epoch ms. Each charge that is given back moves it
    /// further into the future.
    forgotten_at: Box<[AtomicI64]>,
    hash: RandomState,
}

impl Default for Forgiveness {
    fn default() -> Self {
        Self {
            forgotten_at: (0..SLOTS).map(|_| AtomicI64::new(0)).collect(),
            hash: RandomState::default(),
        }
    }
}

impl Forgiveness {
    /// Returns `true` if a charge of the bucket may be given back at `now`, and counts it.
    pub(crate) fn forgive(
        &self,
        KeyParts {
            entity, resource, ..
        }: KeyParts<'_>,
        limits: &Limits,
        now: i64,
    ) -> bool {
        let fill = limits
            .iter()
            .map(|limit| limit.time_to_fill().as_millis())
            .max()
            .unwrap_or(0);
        let fill = i64::try_from(fill)
            .unwrap_or(i64::MAX / 2)
            .clamp(MOST, i64::MAX / 2);
        let hash = self.hash.hash_one((entity.as_str(), resource.as_str()));
        let Some(slot) = self.forgotten_at.get(hash as usize % SLOTS) else {
            return false;
        };
        let most = now.saturating_add(fill);
        // If the clock was set back, the slot must not stay full for the time by which the clock
        // was ahead.
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

    /// Returns how many of 100 cancelled charges are given back.
    fn forgiven(forgiveness: &Forgiveness, entity: &str, now: i64) -> usize {
        let (entity, resource) = (
            EntityId::new(entity).unwrap(),
            Resource::new("api").unwrap(),
        );
        let limits = Limits::from(Limit::per_hour("rph", 5));
        let key = || KeyParts {
            entity: &entity,
            resource: &resource,
            ..KeyParts::unknown()
        };
        (0..100)
            .filter(|_| forgiveness.forgive(key(), &limits, now))
            .count()
    }

    #[test]
    fn a_number_of_requests_is_forgiven_at_once_and_while_the_bucket_fills() {
        let forgiveness = Forgiveness::default();
        let (hour, start) = (3_600_000, 1_900_000_000_000);
        assert_eq!(forgiven(&forgiveness, "alice", start), 16);
        assert_eq!(forgiven(&forgiveness, "alice", start + hour / 2), 8);
        assert_eq!(forgiven(&forgiveness, "alice", start + hour / 2), 0);
        assert_eq!(forgiven(&forgiveness, "alice", start + 3 * hour), 16);
        // A clock that goes back by years fills the slot only for one fill time: nothing stays
        // locked.
        assert_eq!(forgiven(&forgiveness, "alice", start / 2), 0);
        assert_eq!(forgiven(&forgiveness, "alice", start / 2 + hour), 16);
    }
}
