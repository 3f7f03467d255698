//! The buckets to read.

use tollgate::{
    EntityId, RateLimiter, Resource,
    limiter::Listing,
    model::{BucketKey, BucketState, Entity},
};

use crate::failure::Failure;

/// Selects the buckets.
#[derive(Debug)]
pub(super) enum Source {
    All,
    Resource(Resource),
    Entity(EntityId, Option<Resource>),
    Children(EntityId, Option<Resource>),
}

/// The selected buckets, read page by page.
#[derive(Debug)]
pub(super) struct Buckets<'a> {
    limiter: &'a RateLimiter,
    rows: Option<Listing<(BucketKey, BucketState)>>,
    children: Option<Listing<Entity>>,
    /// The only resource that counts; `None` for all.
    resource: Option<&'a Resource>,
}

impl Source {
    /// Returns `true` if the whole table is read.
    pub(super) fn is_scan(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Begins to read the buckets.
    pub(super) fn buckets<'a>(&'a self, limiter: &'a RateLimiter) -> Buckets<'a> {
        let (rows, children, resource) = match self {
            Self::All => (Some(limiter.usage().all_buckets()), None, None),
            Self::Resource(resource) => (Some(limiter.usage().buckets(resource)), None, None),
            Self::Entity(entity, resource) => (
                Some(limiter.entities().buckets(entity)),
                None,
                resource.as_ref(),
            ),
            Self::Children(parent, resource) => (
                None,
                Some(limiter.entities().children(parent)),
                resource.as_ref(),
            ),
        };
        Buckets {
            limiter,
            rows,
            children,
            resource,
        }
    }
}

impl Buckets<'_> {
    /// Returns the next shard of a bucket; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<(BucketKey, BucketState)>, Failure> {
        loop {
            let row = match &mut self.rows {
                Some(rows) => rows.next().await.transpose()?,
                None => None,
            };
            let is_wanted =
                |key: &BucketKey| self.resource.is_none_or(|only| *only == key.resource);
            match row {
                Some((key, state)) if is_wanted(&key) => return Ok(Some((key, state))),
                Some(_) => {}
                None => match &mut self.children {
                    None => return Ok(None),
                    Some(children) => match children.next().await.transpose()? {
                        None => return Ok(None),
                        Some(child) => {
                            self.rows = Some(self.limiter.entities().buckets(&child.id));
                        }
                    },
                },
            }
        }
    }
}
