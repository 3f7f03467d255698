//! Which gates come to rest.
//!
//! Whoever wakes a gate looks at a few of those that have waited longest for a look. What was used since its last
//! one stays awake, and has its next turn after all others: a flood of keys that come once puts to rest what
//! comes once. A gate that may not rest ([`Gate::try_rest`]) has its next turn later, too.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use super::place::{Key, Kin};
use crate::{limiter::gate::Gate, model::BucketKey};

/// So many may stay awake: it is not worth while to save what they take.
pub(super) const AWAKE: usize = 1024;

/// How many are looked at for one that is woken: it needs two looks itself, and the others are for those
/// that are under way longer.
pub(super) const LOOKS: usize = 4;

/// How many of what keys have in common are kept to be shared.
const KINS: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Every gate that is awake, once; the one that waits for its look longest comes first.
    awake: VecDeque<Awake>,
    /// Those of the last keys.
    kins: Vec<Arc<Kin>>,
}

/// A gate that is awake, unless it was forgotten.
#[derive(Debug)]
struct Awake {
    key: Key,
    gate: Weak<Gate>,
}

impl Rounds {
    /// The key of a bucket, with what others have in common with it where that is known.
    pub(super) fn key(&mut self, key: &BucketKey) -> Key {
        let kin = match self.kins.iter().find(|kin| kin.is_of(key)) {
            Some(kin) => kin.clone(),
            None => {
                if self.kins.len() == KINS {
                    self.kins.remove(0);
                }
                let kin = Arc::new(Kin { resource: key.resource.clone(), shard: key.shard });
                self.kins.push(kin.clone());
                kin
            }
        };
        Key { entity: key.entity.clone(), kin }
    }

    /// Notes that a gate is awake.
    pub(super) fn join(&mut self, key: Key, gate: &Arc<Gate>) {
        self.awake.push_back(Awake { key, gate: Arc::downgrade(gate) });
    }

    /// How many there are to be looked at.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.awake.len()
    }

    /// Lets `rest` look at the next few, which gives those back that stay awake. It alone has the gate that it
    /// gets, beside whoever uses it.
    pub(super) fn go(&mut self, rest: impl Fn(&Key, Arc<Gate>) -> Option<Arc<Gate>>) {
        for _ in 0..LOOKS.min(self.awake.len().saturating_sub(AWAKE)) {
            let Some(Awake { key, gate }) = self.awake.pop_front() else { return };
            let Some(found) = gate.upgrade() else { continue };
            drop(gate);
            if let Some(found) = rest(&key, found) {
                self.join(key, &found);
            }
        }
        if self.awake.capacity() / 4 > self.awake.len().max(AWAKE) {
            self.awake.shrink_to(self.awake.len() * 2);
        }
    }
}
