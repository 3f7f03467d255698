//! The gates of a limiter: one per bucket in use, bounded.

use std::{hash::RandomState, sync::Arc};

use quick_cache::{Lifecycle, UnitWeighter, sync::Cache};

use super::{
    gate::{Context, Gate},
    resolver::Resolver,
};
use crate::model::BucketKey;

/// Finds and keeps gates. A gate that is forgotten takes no decision with it: it knew an image
/// of its bucket, and the next write brings another. A gate that has something to write is kept.
#[derive(Debug)]
pub(super) struct Gates {
    cache: Cache<BucketKey, Arc<Gate>, UnitWeighter, RandomState, KeepBusy>,
    context: Arc<Context>,
}

#[derive(Clone, Copy, Debug)]
struct KeepBusy;

impl Lifecycle<BucketKey, Arc<Gate>> for KeepBusy {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: BucketKey, _: Arc<Gate>) {}

    fn is_pinned(&self, _: &BucketKey, gate: &Arc<Gate>) -> bool {
        !gate.is_idle()
    }
}

impl Gates {
    /// At most about `most` gates that have nothing to write.
    pub(super) fn new(most: usize, context: Context) -> Self {
        let cache = Cache::with(most, most as u64, UnitWeighter, RandomState::new(), KeepBusy);
        Self { cache, context: Arc::new(context) }
    }

    /// The gate of a bucket.
    pub(super) fn get(&self, key: BucketKey) -> Arc<Gate> {
        if let Some(gate) = self.cache.get(&key) {
            return gate;
        }
        // Two that come at once may make two: writes are conditional, only sharing suffers.
        let gate = Arc::new(Gate::new(key.clone(), self.context.clone()));
        self.cache.insert(key, gate.clone());
        gate
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn resolver(&self) -> &Arc<Resolver> {
        &self.context.resolver
    }
}
