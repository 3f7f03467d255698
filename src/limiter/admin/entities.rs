//! Entities: create, find and delete them.

use serde_json::{Value, json};

use crate::{
    error::{EntityError, Error},
    limiter::{
        admin::{
            listing::Listing,
            records::{answered, records_of},
        },
        api::RateLimiter,
    },
    model::{
        AuditAction, AuditEvent, AuditSubject, BucketKey, BucketState, ConfigScope, Entity,
        EntityId, Resource, from_millis,
    },
    store::{BucketListing, ReadConsistency},
};

/// The entities that were created. Returned by [`RateLimiter::entities`].
///
/// An entity that was not created can be limited too, as an entity without a parent. Create the
/// entities that have a parent to be charged too, or that you want to list.
#[derive(Clone, Debug)]
pub struct Entities {
    limiter: RateLimiter,
}

impl RateLimiter {
    /// Returns the entities that were created.
    pub fn entities(&self) -> Entities {
        Entities {
            limiter: self.clone(),
        }
    }
}

impl Entities {
    /// Creates an entity, with the current time as its creation time. Two round trips: the entity,
    /// and the event of the history. Its parent need not exist.
    ///
    /// # Errors
    /// [`EntityError::Exists`]; [`Error::Unavailable`] if the store fails: then the entity may have
    /// been created.
    pub async fn create(&self, mut entity: Entity) -> Result<Entity, Error> {
        entity.created_at = Some(from_millis(self.limiter.now()));
        if !self
            .limiter
            .asked(records_of(&*self.limiter.store())?.create_entity(&entity))
            .await?
        {
            return Err(EntityError::Exists(entity.id).into());
        }
        self.limiter
            .engine()
            .forget(&ConfigScope::Entity(entity.id.clone()));
        let mut event = AuditEvent::new(
            &AuditSubject::Entity(entity.id.clone()),
            AuditAction::EntityCreated,
            self.limiter.system_time(),
        );
        let Value::Object(details) = json!({
            "name": entity.name,
            "parent_id": entity.parent,
            "cascade": entity.cascade,
            "metadata": entity.metadata,
        }) else {
            return Ok(entity);
        };
        event.details = details;
        self.limiter.note(event).await?;
        Ok(entity)
    }

    /// Creates an entity, or returns the existing one with its id unchanged. Use this in set-up
    /// code that runs at every start. Two round trips. An existing entity keeps its parent and all
    /// its other fields.
    ///
    /// ```
    /// use tollgate::{EntityId, RateLimiter, model::Entity};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let entities = RateLimiter::memory().entities();
    /// let project = Entity::new(EntityId::new("project-1")?);
    /// let created = entities.ensure(project.clone()).await?;
    /// assert_eq!(entities.ensure(project).await?, created);
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails: then the entity may have been created, without
    /// its event of the history. [`EntityError::Exists`] if somebody deletes the entity at the same
    /// time.
    pub async fn ensure(&self, entity: Entity) -> Result<Entity, Error> {
        match self.create(entity).await {
            Err(Error::Entity(EntityError::Exists(id))) => self
                .get(&id)
                .await?
                .ok_or_else(|| EntityError::Exists(id).into()),
            created => created,
        }
    }

    /// Returns the entity `id`, if it was created. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn get(&self, id: &EntityId) -> Result<Option<Entity>, Error> {
        Ok(self
            .limiter
            .asked(records_of(&*self.limiter.store())?.look_up(
                Some(id),
                &[],
                None,
                ReadConsistency::Strong,
            ))
            .await?
            .entity)
    }

    /// Deletes an entity with its buckets and limits. Its history stays. Returns the number of
    /// deleted items, 0 if there was nothing. Several round trips: it searches again until it finds
    /// nothing new. An interrupted deletion can be repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn delete(&self, id: &EntityId) -> Result<u64, Error> {
        let deleted = answered(records_of(&*self.limiter.store())?.delete_entity(id).await)?;
        self.limiter
            .engine()
            .forget(&ConfigScope::Entity(id.clone()));
        if deleted > 0 {
            let subject = AuditSubject::Entity(id.clone());
            let mut event = AuditEvent::new(
                &subject,
                AuditAction::EntityDeleted,
                self.limiter.system_time(),
            );
            event
                .details
                .insert("records_deleted".into(), json!(deleted));
            event.details.insert("complete".into(), json!(true));
            self.limiter.note(event).await?;
        }
        Ok(deleted)
    }

    /// Lists the children of an entity, even if the entity itself was not created, and even if the
    /// children do not cascade. One round trip per page.
    pub fn children(&self, parent: &EntityId) -> Listing<Entity> {
        let parent = parent.clone();
        Listing::of_records(self.limiter.store(), move |records, from| {
            let parent = parent.clone();
            Box::pin(async move { records.list_children(&parent, from).await })
        })
    }

    /// Lists the entity's buckets, shard by shard, as they were last written: without what was
    /// refilled since. One round trip per page, and one more for every hundred buckets.
    pub fn buckets(&self, id: &EntityId) -> Listing<(BucketKey, BucketState)> {
        let listing = BucketListing::OfEntity(id.clone());
        Listing::of_records(self.limiter.store(), move |records, from| {
            let listing = listing.clone();
            Box::pin(async move { records.list_buckets(&listing, from).await })
        })
    }

    /// Returns the shards of one bucket as they were last written, read with strong consistency.
    /// Empty if the bucket does not exist. One round trip for each shard.
    ///
    /// ```
    /// use tollgate::{EntityId, Limit, RateLimiter, Resource};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// limiter.acquire("user-1", "api").limits(Limit::per_minute("rpm", 5)).await?.commit();
    ///
    /// let (user, api) = (EntityId::new("user-1")?, Resource::new("api")?);
    /// let shards = limiter.entities().shards(&user, &api).await?;
    /// assert_eq!(shards[0].1.limits()[0].level.tokens, 4000); // millitokens
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn shards(
        &self,
        id: &EntityId,
        resource: &Resource,
    ) -> Result<Vec<(BucketKey, BucketState)>, Error> {
        let store = self.limiter.store();
        let (mut shards, mut next, mut count) = (Vec::new(), 0, 1);
        // A shard that was read later may know of more shards.
        while next < count {
            let key = BucketKey::new(id.clone(), resource.clone()).with_shard(next);
            if let Some(state) = self.limiter.asked(store.read(&key)).await? {
                count = count.max(state.shard_count);
                shards.push((key, state));
            }
            next += 1;
        }
        Ok(shards)
    }
}
