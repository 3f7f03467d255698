//! Walks over the buckets that a stored change reaches.

use std::collections::HashSet;

use crate::{
    error::Error,
    limiter::{admin::listing::Listing, api::RateLimiter},
    model::{BucketKey, BucketState, EntityId, Resource},
    store::BucketListing,
};

/// A walk over the buckets of an entity or of a resource, shard by shard. It lists the buckets
/// twice: the second time finds the buckets that were created while the first one ran. Each bucket
/// comes once. One round trip per hundred buckets, and one more per page.
#[derive(Debug)]
pub(super) struct BucketWalk {
    limiter: RateLimiter,
    listing: BucketListing,
    /// The only resource that counts; `None` for all.
    resource: Option<Resource>,
    rows: Listing<(BucketKey, BucketState)>,
    is_second: bool,
    seen: HashSet<BucketKey>,
}

impl BucketWalk {
    /// Walks over the buckets of an entity, for one resource or for all.
    pub(super) fn of_entity(
        limiter: &RateLimiter,
        entity: &EntityId,
        resource: Option<&Resource>,
    ) -> Self {
        let listing = BucketListing::OfEntity(entity.clone());
        Self::new(limiter, listing, resource.cloned())
    }

    /// Walks over the buckets of all entities for a resource.
    pub(super) fn of_resource(limiter: &RateLimiter, resource: &Resource) -> Self {
        Self::new(limiter, BucketListing::OfResource(resource.clone()), None)
    }

    /// Walks over all buckets of the namespace. Reads the whole table, twice.
    pub(super) fn of_all(limiter: &RateLimiter) -> Self {
        Self::new(limiter, BucketListing::All, None)
    }

    fn new(limiter: &RateLimiter, listing: BucketListing, resource: Option<Resource>) -> Self {
        Self {
            rows: rows(limiter, &listing),
            limiter: limiter.clone(),
            listing,
            resource,
            is_second: false,
            seen: HashSet::new(),
        }
    }

    /// Returns the next bucket as it was read, or `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<(BucketKey, BucketState), Error>> {
        loop {
            match self.rows.next().await {
                Some(Ok((key, state))) => {
                    let is_wanted = self
                        .resource
                        .as_ref()
                        .is_none_or(|resource| *resource == key.resource);
                    if is_wanted && self.seen.insert(key.clone()) {
                        return Some(Ok((key, state)));
                    }
                }
                Some(Err(error)) => return Some(Err(error)),
                None if self.is_second => return None,
                None => {
                    self.is_second = true;
                    self.rows = rows(&self.limiter, &self.listing);
                }
            }
        }
    }
}

fn rows(limiter: &RateLimiter, listing: &BucketListing) -> Listing<(BucketKey, BucketState)> {
    let listing = listing.clone();
    Listing::of_records(limiter.store(), move |records, from| {
        let listing = listing.clone();
        Box::pin(async move { records.list_buckets(&listing, from).await })
    })
}
