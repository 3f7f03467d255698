//! Usage: what was consumed, and what is left.

use std::{collections::BTreeMap, time::SystemTime};

use crate::{
    error::Error,
    limiter::{
        admin::{
            listing::{Listing, bucket_row},
            records::records_of,
        },
        api::RateLimiter,
    },
    model::{
        BucketKey, BucketState, EntityCapacity, EntityId, LimitName, Resource, ResourceCapacity,
        Tally, UsageQuery, UsageSnapshot, UsageSubject, UsageSummary, UsageWindow, whole_tokens,
    },
    store::{BucketListing, ReadConsistency},
};

/// The consumption in windows of time, and what is left. Returned by [`RateLimiter::usage`].
///
/// The stack's aggregator writes the snapshots. Without an aggregator there are none.
#[derive(Clone, Debug)]
pub struct UsageReports {
    limiter: RateLimiter,
}

/// A query for snapshots of usage.
#[derive(Clone, Debug)]
#[must_use = "a question asks nothing by itself"]
pub struct Snapshots {
    limiter: RateLimiter,
    query: UsageQuery,
}

impl RateLimiter {
    /// Returns the usage: what was consumed, and what is left.
    ///
    /// ```
    /// use tollgate::{EntityId, Limit, LimitName, RateLimiter, Resource, model::UsageWindow};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let lease = limiter.acquire("user-1", "gpt-4").limits(Limit::per_day("tpd", 1000)).cost("tpd", 250).await?;
    /// lease.commit();
    ///
    /// let usage = limiter.usage();
    /// let left = usage.resource_capacity(&Resource::new("gpt-4")?, &LimitName::new("tpd")?).await?;
    /// assert_eq!((left.total_available, left.utilization_pct), (750, 25.0));
    ///
    /// let hours = usage.of_entity(EntityId::new("user-1")?).window(UsageWindow::Hourly).summary().await?;
    /// assert_eq!(hours.snapshots, 0); // nothing aggregates what is in memory
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage(&self) -> UsageReports {
        UsageReports {
            limiter: self.clone(),
        }
    }
}

impl UsageReports {
    /// Queries the consumption of an entity, of all resources.
    pub fn of_entity(&self, entity: EntityId) -> Snapshots {
        self.of(UsageSubject::Entity(entity))
    }

    /// Queries the consumption of a resource, by all entities.
    pub fn of_resource(&self, resource: Resource) -> Snapshots {
        self.of(UsageSubject::Resource(resource))
    }

    /// Lists the buckets of a resource, shard by shard. Two or more round trips per page: the index
    /// may hold only the keys.
    pub fn buckets(&self, resource: &Resource) -> Listing<(BucketKey, BucketState)> {
        let listing = BucketListing::OfResource(resource.clone());
        Listing::of_records(self.limiter.store(), move |records, from| {
            let listing = listing.clone();
            Box::pin(async move { records.list_buckets(&listing, from).await })
        })
        .identified(
            &["buckets of a resource".to_owned(), resource.to_string()],
            bucket_row,
        )
    }

    /// Lists all buckets of the namespace, shard by shard, in no particular order, and not
    /// necessarily as of their last write.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// limiter.acquire("user-1", "api").limits(Limit::per_minute("rpm", 60)).await?.commit();
    /// let mut buckets = limiter.usage().all_buckets();
    /// while let Some(row) = buckets.next().await {
    ///     let (key, state) = row?;
    ///     println!("{} {}: {}", key.entity, key.resource, state.limits()[0].consumed);
    /// }
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// With DynamoDB, a scan of the whole table, with the items of other namespaces: one round trip
    /// and 128 read units for each megabyte. The size of the table is in
    /// [`status`](RateLimiter::status). The credentials need `dynamodb:Scan`.
    pub fn all_buckets(&self) -> Listing<(BucketKey, BucketState)> {
        Listing::of_records(self.limiter.store(), |records, from| {
            Box::pin(async move { records.list_buckets(&BucketListing::All, from).await })
        })
        .identified(&["all buckets".to_owned()], bucket_row)
    }

    /// Returns the state of a limit over all entities that have a bucket of `resource`, refilled to
    /// now. Shards are added up, and expired buckets are left out. Reads every bucket of the
    /// resource, and holds a row for each entity.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn resource_capacity(
        &self,
        resource: &Resource,
        limit: &LimitName,
    ) -> Result<ResourceCapacity, Error> {
        let entities = self.capacities(resource, limit).await?;
        Ok(ResourceCapacity::new(
            resource.clone(),
            limit.clone(),
            entities,
        ))
    }

    /// Returns the same state, but only over the entities that were created without a parent. One
    /// more round trip for each entity.
    ///
    /// # Errors
    /// The errors of [`resource_capacity`](Self::resource_capacity).
    pub async fn resource_capacity_of_parents(
        &self,
        resource: &Resource,
        limit: &LimitName,
    ) -> Result<ResourceCapacity, Error> {
        let store = self.limiter.store();
        let records = records_of(&*store)?;
        let mut parents = Vec::new();
        for capacity in self.capacities(resource, limit).await? {
            let found = self
                .limiter
                .asked(records.look_up(Some(&capacity.entity), &[], None, ReadConsistency::Strong))
                .await?;
            if found.entity.is_some_and(|entity| entity.parent.is_none()) {
                parents.push(capacity);
            }
        }
        Ok(ResourceCapacity::new(
            resource.clone(),
            limit.clone(),
            parents,
        ))
    }

    fn of(&self, subject: UsageSubject) -> Snapshots {
        Snapshots {
            limiter: self.limiter.clone(),
            query: UsageQuery::new(subject),
        }
    }

    async fn capacities(
        &self,
        resource: &Resource,
        limit: &LimitName,
    ) -> Result<Vec<EntityCapacity>, Error> {
        let now = self.limiter.now();
        let mut buckets = self.buckets(resource);
        // Millitokens: the capacity of the whole bucket, and what its shards hold.
        let mut held: BTreeMap<EntityId, (i64, i64)> = BTreeMap::new();
        while let Some(row) = buckets.next().await {
            let (key, state) = row?;
            let Some(limit) = state.limit(limit).filter(|_| !state.is_expired(now)) else {
                continue;
            };
            let tokens = state.level_at(limit, now).tokens;
            let (_, sum) = held
                .entry(key.entity)
                .or_insert((limit.parameters.capacity(), 0));
            *sum = sum.saturating_add(tokens);
        }
        let capacity = |(entity, (capacity, tokens))| {
            let capacity = u64::try_from(whole_tokens(capacity)).unwrap_or(0);
            EntityCapacity::new(entity, capacity, whole_tokens(tokens))
        };
        Ok(held.into_iter().map(capacity).collect())
    }
}

impl Snapshots {
    /// Restricts the query to a resource.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.query.subject = match self.query.subject {
            UsageSubject::Entity(entity) | UsageSubject::EntityResource(entity, _) => {
                UsageSubject::EntityResource(entity, resource)
            }
            UsageSubject::Resource(_) => UsageSubject::Resource(resource),
        };
        self
    }

    /// Restricts the query to windows of that length.
    pub fn window(mut self, window: UsageWindow) -> Self {
        self.query.window = Some(window);
        self
    }

    /// Restricts the query to windows that begin at `time` or later.
    pub fn since(mut self, time: SystemTime) -> Self {
        self.query.since = Some(time);
        self
    }

    /// Restricts the query to windows that begin at `time` or earlier.
    pub fn until(mut self, time: SystemTime) -> Self {
        self.query.until = Some(time);
        self
    }

    /// Lists the snapshots, the newest windows first. If the query has an entity and no resource,
    /// the snapshots come resource by resource. One round trip per page, two for the snapshots of a
    /// resource. Items that are no snapshots are skipped.
    pub fn list(self) -> Listing<UsageSnapshot> {
        let query = self.query;
        let identity = ["snapshots".to_owned(), identity_of(&query)];
        Listing::of_records(self.limiter.store(), move |records, from| {
            let query = query.clone();
            Box::pin(async move { records.list_usage(&query, from).await })
        })
        .identified(&identity, |row| {
            format!(
                "{}\0{}\0{:?}\0{:?}",
                row.entity, row.resource, row.window, row.window_start
            )
        })
    }

    /// Returns the sum of all snapshots. This reads every page of snapshots.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn summary(self) -> Result<UsageSummary, Error> {
        let mut tally = Tally::default();
        let mut snapshots = self.list();
        while let Some(snapshot) = snapshots.next().await {
            tally.add(&snapshot?);
        }
        Ok(tally.finish())
    }
}

/// Returns the name of a listing of snapshots, for cursors. The bounds in time are not part of it,
/// because callers compute them anew for each page.
fn identity_of(query: &UsageQuery) -> String {
    let subject = match &query.subject {
        UsageSubject::Entity(entity) => format!("{entity}\0"),
        UsageSubject::EntityResource(entity, resource) => format!("{entity}\0{resource}"),
        UsageSubject::Resource(resource) => format!("\0{resource}"),
    };
    let window = query.window.as_ref().map(ToString::to_string);
    format!("{subject}\0{}", window.unwrap_or_default())
}
