//! Brings stored limits to the buckets that exist.

use crate::{
    error::{Error, Invalid},
    limiter::api::RateLimiter,
    model::{BucketKey, ConfigScope},
};

/// Writes the limits that apply now to the buckets of an entity.
pub(super) async fn carry(limiter: &RateLimiter, scope: &ConfigScope) -> Result<(), Error> {
    match scope {
        ConfigScope::System | ConfigScope::Resource(_) => Ok(()),
        ConfigScope::EntityResource(entity, resource) => {
            let key = BucketKey::new(entity.clone(), resource.clone());
            match limiter.asked(limiter.store().read(&key)).await? {
                Some(_) => carry_to(limiter, key).await,
                None => Ok(()),
            }
        }
        ConfigScope::Entity(entity) => {
            let mut buckets = limiter.entities().buckets(entity);
            while let Some(bucket) = buckets.next().await {
                let (key, _) = bucket?;
                if key.shard == 0 {
                    carry_to(limiter, key).await?;
                }
            }
            Ok(())
        }
    }
}

/// Writes the current limits to a bucket, with an acquire that takes nothing.
async fn carry_to(limiter: &RateLimiter, key: BucketKey) -> Result<(), Error> {
    let BucketKey {
        entity, resource, ..
    } = key;
    let resolution = limiter.resolution(&entity, &resource).await?;
    let Some(resolved) = &resolution.stored else {
        return Ok(());
    };
    let acquire = limiter.acquire(entity, resource).without_parent().or_fail();
    let nothing = resolved
        .limits
        .iter()
        .fold(acquire, |acquire, limit| acquire.cost(limit.name(), 0));
    match nothing.await {
        Ok(lease) => {
            lease.commit();
            Ok(())
        }
        // The bucket is disabled or not understood, or it keeps limits in another time zone, so
        // nothing is written now. Once the bucket can be used again, its first write carries the
        // limits.
        Err(
            Error::Disabled(_) | Error::Invalid(Invalid::NotUnderstood(_) | Invalid::Limits(_)),
        ) => Ok(()),
        Err(error) => Err(error),
    }
}
