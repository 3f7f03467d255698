//! The gates of a limiter: one per bucket in use, bounded.

use std::{
    hash::{Hash, Hasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use quick_cache::{Equivalent, Lifecycle, UnitWeighter, sync::Cache};

use super::{
    gate::{Context, Gate},
    resolver::Resolver,
};
use crate::model::{BucketKey, Resource};

/// Finds and keeps gates. A gate that is forgotten takes no decision with it: it knew an image
/// of its bucket, and the next write brings another. A gate that has something to write is kept.
#[derive(Debug)]
pub(super) struct Gates {
    cache: Cache<ByKey, Arc<Gate>, UnitWeighter, RandomState, KeepBusy>,
    context: Arc<Context>,
    /// Those of the last gates, so that gates share them.
    resources: Mutex<Vec<Resource>>,
}

/// How many resources are kept to be shared.
const RESOURCES: usize = 16;

/// A gate by its key, which is kept once.
#[derive(Clone, Debug)]
struct ByKey(Arc<Gate>);

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for ByKey {}

impl Equivalent<ByKey> for BucketKey {
    fn equivalent(&self, key: &ByKey) -> bool {
        self == key.0.key()
    }
}

#[derive(Clone, Copy, Debug)]
struct KeepBusy;

impl Lifecycle<ByKey, Arc<Gate>> for KeepBusy {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: ByKey, _: Arc<Gate>) {}

    fn is_pinned(&self, _: &ByKey, gate: &Arc<Gate>) -> bool {
        !gate.is_idle()
    }
}

impl Gates {
    /// At most about `most` gates that have nothing to write.
    pub(super) fn new(most: usize, context: Context) -> Self {
        let cache = Cache::with(most, most as u64, UnitWeighter, RandomState::new(), KeepBusy);
        Self { cache, context: Arc::new(context), resources: Mutex::default() }
    }

    /// The gate of a bucket.
    pub(super) fn get(&self, key: BucketKey) -> Arc<Gate> {
        if let Some(gate) = self.cache.get(&key) {
            return gate;
        }
        // Two that come at once may make two: writes are conditional, only sharing suffers.
        let key = BucketKey { resource: self.shared(key.resource), ..key };
        let gate = Arc::new(Gate::new(key, self.context.clone()));
        self.cache.insert(ByKey(gate.clone()), gate.clone());
        gate
    }

    /// The resource, where possible as other gates have it.
    fn shared(&self, resource: Resource) -> Resource {
        let mut resources = self.resources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = resources.iter().find(|known| **known == resource) {
            return known.clone();
        }
        if resources.len() == RESOURCES {
            resources.remove(0);
        }
        resources.push(resource.clone());
        resource
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn resolver(&self) -> &Arc<Resolver> {
        &self.context.resolver
    }
}
