//! Selects the gates that come to rest.
//!
//! A thread that wakes a gate also looks at a few awake gates, those whose last look is longest
//! ago. A gate that was used since its last look stays awake and goes to the end of the queue, and
//! so does a gate that may not rest ([`Gate::try_rest`]). So a flood of keys that are used once
//! puts only the gates of such keys to rest.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use crate::{
    limiter::gate::{
        Gate,
        registry::entry::{CompactKey, SharedKeyPart},
    },
    model::BucketKey,
};

/// The number of gates that may stay awake. The memory that they take is not worth saving.
pub(super) const AWAKE: usize = 1024;

/// The number of gates that are looked at for each gate that is woken. A gate that was used needs
/// two looks before it rests; the other two are for gates that are busy for longer.
pub(super) const LOOKS: usize = 4;

/// The number of shared key parts that are kept.
const KINS: usize = 32;

#[derive(Debug, Default)]
pub(super) struct IdleSweep {
    /// Every awake gate once. The gate whose last look is longest ago comes first.
    awake: VecDeque<Awake>,
    /// The key parts that were shared last.
    shared_parts: Vec<Arc<SharedKeyPart>>,
}

/// An awake gate, unless the cache has evicted it.
#[derive(Debug)]
struct Awake {
    key: CompactKey,
    gate: Weak<Gate>,
}

impl IdleSweep {
    /// Returns the key of a bucket. The key shares the common part with other keys, if that part is
    /// still kept.
    pub(super) fn key(&mut self, key: &BucketKey) -> CompactKey {
        let shared = match self.shared_parts.iter().find(|shared| shared.is_of(key)) {
            Some(shared) => shared.clone(),
            None => {
                if self.shared_parts.len() == KINS {
                    self.shared_parts.remove(0);
                }
                let shared = Arc::new(SharedKeyPart {
                    resource: key.resource.clone(),
                    shard: key.shard,
                });
                self.shared_parts.push(shared.clone());
                shared
            }
        };
        CompactKey {
            entity: key.entity.clone(),
            shared,
        }
    }

    /// Adds an awake gate to the queue.
    pub(super) fn join(&mut self, key: CompactKey, gate: &Arc<Gate>) {
        self.awake.push_back(Awake {
            key,
            gate: Arc::downgrade(gate),
        });
    }

    /// Returns the number of gates in the queue.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.awake.len()
    }

    /// Passes the next few gates to `rest`, which returns those that stay awake. Apart from the
    /// cache and the users of a gate, only `rest` holds a reference to it.
    pub(super) fn sweep(&mut self, rest: impl Fn(&CompactKey, Arc<Gate>) -> Option<Arc<Gate>>) {
        for _ in 0..LOOKS.min(self.awake.len().saturating_sub(AWAKE)) {
            let Some(Awake { key, gate }) = self.awake.pop_front() else {
                return;
            };
            let Some(found) = gate.upgrade() else {
                continue;
            };
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
