//! The images of a bucket's shards after an operation on the whole bucket.

use std::sync::Arc;

use super::{gate::Gate, state::Seen};
use crate::model::BucketState;

impl Gate {
    /// Replaces the images of all shards by `shards`. Without them, the images are dropped: the
    /// next request asks the store. Must be called on the gate of the first shard.
    pub(crate) fn show(self: &Arc<Self>, shards: Option<Vec<BucketState>>) {
        let time = self.context.now();
        for state in shards.iter().flatten().filter(|state| state.shard == 0) {
            self.learn(Some(state));
        }
        for gate in self.all() {
            let mut state = gate.lock();
            let mut known = shards.iter().flatten();
            match known.find(|shard| shard.shard == gate.key().shard) {
                Some(shard) => state.saw(Some(shard.clone()), time),
                None => state.seen = Seen::Unknown,
            }
            state.found_at = None;
        }
    }
}
