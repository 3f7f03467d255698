//! Entities: to create, to find, to delete.

use serde_json::{Value, json};

use super::{
    listing::Listing,
    records::{answered, records_of},
};
use crate::{
    error::{EntityError, Error},
    limiter::rate_limiter::RateLimiter,
    model::{AuditAction, AuditEvent, AuditSubject, BucketKey, BucketState, ConfigScope, Entity, EntityId},
    store::BucketListing,
};

/// The entities that were created: [`RateLimiter::entities`].
///
/// One that was not can be limited all the same, as an entity without a parent. Create those that
/// have a parent to be charged too, or that you want to list.
#[derive(Clone, Debug)]
pub struct Entities {
    limiter: RateLimiter,
}

impl RateLimiter {
    /// The entities that were created.
    pub fn entities(&self) -> Entities {
        Entities { limiter: self.clone() }
    }
}

impl Entities {
    /// Creates an entity, dated now. Two round trips: the entity, the event of the history. Its
    /// parent need not exist.
    ///
    /// # Errors
    /// [`EntityError::Exists`]; [`Error::Unavailable`] where the store fails: the entity may have
    /// been created then.
    pub async fn create(&self, mut entity: Entity) -> Result<Entity, Error> {
        let now = self.limiter.now();
        entity.created_at = now.div_euclid(1000);
        if !self.limiter.asked(records_of(&*self.limiter.store())?.create_entity(&entity)).await? {
            return Err(EntityError::Exists(entity.id).into());
        }
        self.limiter.forget(&ConfigScope::Entity(entity.id.clone()));
        let mut event = AuditEvent::new(&AuditSubject::Entity(entity.id.clone()), AuditAction::EntityCreated, now);
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

    /// Creates an entity, or returns the one that has its id, as it is: for set-up code that runs at every start. Two
    /// round trips. Where an entity exists, it keeps its parent and whatever else was said of it.
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
    /// [`Error::Unavailable`] where the store fails: the entity may have been created then, without its event of the
    /// history. [`EntityError::Exists`] if somebody deletes it at the same time.
    pub async fn ensure(&self, entity: Entity) -> Result<Entity, Error> {
        match self.create(entity).await {
            Err(Error::Entity(EntityError::Exists(id))) => {
                self.get(&id).await?.ok_or_else(|| EntityError::Exists(id).into())
            }
            created => created,
        }
    }

    /// The entity `id`, if it was created. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store fails.
    pub async fn get(&self, id: &EntityId) -> Result<Option<Entity>, Error> {
        Ok(self.limiter.asked(records_of(&*self.limiter.store())?.look_up(Some(id), &[], None)).await?.entity)
    }

    /// Deletes an entity with its buckets and limits; its history stays. The number of items that
    /// are gone: 0 where there was nothing. Several round trips: it looks again until nothing new
    /// shows. An interrupted deletion can be repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store fails.
    pub async fn delete(&self, id: &EntityId) -> Result<u64, Error> {
        let deleted = answered(records_of(&*self.limiter.store())?.delete_entity(id).await)?;
        self.limiter.forget(&ConfigScope::Entity(id.clone()));
        if deleted > 0 {
            let subject = AuditSubject::Entity(id.clone());
            let mut event = AuditEvent::new(&subject, AuditAction::EntityDeleted, self.limiter.now());
            event.details.insert("records_deleted".into(), json!(deleted));
            event.details.insert("complete".into(), json!(true));
            self.limiter.note(event).await?;
        }
        Ok(deleted)
    }

    /// The children of an entity, whether or not it was created itself, and whether or not they
    /// cascade. One round trip a page.
    pub fn children(&self, parent: &EntityId) -> Listing<Entity> {
        let parent = parent.clone();
        Listing::of_records(self.limiter.store(), move |records, from| {
            let parent = parent.clone();
            Box::pin(async move { records.list_children(&parent, from).await })
        })
    }

    /// The entity's buckets, shard by shard, as they were last written: what has refilled since is
    /// not in them. One round trip a page, and one more for every hundred buckets.
    pub fn buckets(&self, id: &EntityId) -> Listing<(BucketKey, BucketState)> {
        let listing = BucketListing::OfEntity(id.clone());
        Listing::of_records(self.limiter.store(), move |records, from| {
            let listing = listing.clone();
            Box::pin(async move { records.list_buckets(&listing, from).await })
        })
    }
}
