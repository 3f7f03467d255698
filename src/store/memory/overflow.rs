//! Overflow buckets, which new keys share while a part of the store is full of buckets in use.

use std::sync::Arc;

use crate::model::Resource;

/// The number of resources that can have an overflow bucket in each part. Bounded, because clients
/// may make up resource names too.
const RESOURCES: usize = 16;

/// The overflow buckets of a part of the store, one for each resource.
#[derive(Debug)]
pub(super) struct Overflow<T>(Vec<(Resource, Arc<T>)>);

impl<T> Default for Overflow<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Overflow<T> {
    /// Returns the overflow bucket of a resource.
    pub(super) fn find(&self, resource: &Resource) -> Option<&Arc<T>> {
        self.0
            .iter()
            .find(|(own, _)| own == resource)
            .map(|(_, bucket)| bucket)
    }

    /// Returns the overflow bucket of a resource, which is created if there is none. `None` if too
    /// many other resources have one that is `used`.
    pub(super) fn claim(
        &mut self,
        resource: &Resource,
        make: impl FnOnce() -> T,
        used: impl Fn(&Arc<T>) -> bool,
    ) -> Option<Arc<T>> {
        if let Some(bucket) = self.find(resource) {
            return Some(bucket.clone());
        }
        if self.0.len() >= RESOURCES {
            self.0.retain(|(_, bucket)| used(bucket));
        }
        if self.0.len() >= RESOURCES {
            return None;
        }
        let bucket = Arc::new(make());
        self.0.push((resource.clone(), bucket.clone()));
        Some(bucket)
    }
}
