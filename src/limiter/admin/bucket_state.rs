//! One bucket, read consistently with all its shards.

use crate::{
    error::Error,
    limiter::admin::Entities,
    model::{BucketKey, BucketState, EntityId, Resource},
};

impl Entities {
    /// Reads a bucket with strong consistency: its shards in their order, as they were last
    /// written, without what was refilled since. Empty if the bucket does not exist.
    ///
    /// Other processes may write between the reads of two shards, so the shards of a bucket in use
    /// are not from the same moment.
    ///
    /// ```
    /// use tollgate::{EntityId, Limit, RateLimiter, Resource};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// limiter.acquire("user-1", "api").limits(Limit::per_minute("rpm", 60)).await?.commit();
    /// let bucket = limiter.entities().bucket(&EntityId::new("user-1")?, &Resource::new("api")?).await?;
    /// assert_eq!(bucket[0].limits()[0].level.tokens, 59_000); // millitokens
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    ///
    /// # Cost
    /// One round trip and one read unit for each shard, one after the other.
    pub async fn bucket(
        &self,
        id: &EntityId,
        resource: &Resource,
    ) -> Result<Vec<BucketState>, Error> {
        let limiter = self.limiter();
        let (store, mut shards) = (limiter.store(), Vec::new());
        let mut count = 1;
        // A split while the shards are read shows in the shards that are read later.
        while let Some(shard) = u32::try_from(shards.len())
            .ok()
            .filter(|next| *next < count)
        {
            let mut key = BucketKey::new(id.clone(), resource.clone());
            key.shard = shard;
            let Some(state) = limiter.asked(store.read(&key)).await? else {
                break;
            };
            count = count.max(state.shard_count);
            shards.push(state);
        }
        Ok(shards)
    }
}
