//! Entities: create, find and delete them.

use std::sync::{Arc, atomic::AtomicU64};

use serde_json::{Value, json};

use crate::{
    error::{EntityError, Error},
    limiter::{
        admin::{
            listing::{Listing, bucket_row},
            progress::Progress,
            records::{answered, records_of},
        },
        api::RateLimiter,
    },
    model::{
        AuditAction, AuditEvent, AuditSubject, BucketKey, BucketState, ConfigScope, Entity,
        EntityId, from_millis, new_incarnation,
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
    /// The name that the history records, instead of the limiter's.
    principal: Option<String>,
    progress: Progress,
}

impl RateLimiter {
    /// Returns the entities that were created.
    pub fn entities(&self) -> Entities {
        Entities {
            limiter: self.clone(),
            principal: None,
            progress: Progress::default(),
        }
    }
}

impl Entities {
    pub(super) fn limiter(&self) -> &RateLimiter {
        &self.limiter
    }

    /// Sets the name that the history records for changes through this value, as
    /// [`Config::by`](crate::limiter::Config::by) does.
    #[must_use]
    pub fn by(mut self, principal: impl Into<String>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    /// Adds the buckets that [`set_parent`](Self::set_parent) writes to `counter`, one by one. Read
    /// it to show the progress.
    #[must_use]
    pub fn progress(mut self, counter: Arc<AtomicU64>) -> Self {
        self.progress = Progress::of(counter);
        self
    }

    pub(super) fn written(&self) -> &Progress {
        &self.progress
    }

    /// Returns the name that the history records for changes through this value, if it is set.
    pub(super) fn principal(&self) -> Option<String> {
        self.principal.clone()
    }

    /// Creates an entity, with the current time as its creation time. Two round trips: the entity,
    /// and the event of the history. Its parent need not exist.
    ///
    /// # Errors
    /// [`EntityError::Exists`]; [`Error::Unavailable`] if the store fails: then the entity may have
    /// been created.
    pub async fn create(&self, mut entity: Entity) -> Result<Entity, Error> {
        let now = self.limiter.now();
        entity.created_at = Some(from_millis(now));
        entity.generation = Some(now);
        entity.incarnation = Some(new_incarnation());
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
        event.principal = self.principal.clone();
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
            event.principal = self.principal.clone();
            self.limiter.note(event).await?;
        }
        Ok(deleted)
    }

    /// Lists the children of an entity, even if the entity itself was not created, and even if the
    /// children do not cascade. One round trip per page.
    pub fn children(&self, parent: &EntityId) -> Listing<Entity> {
        let parent = parent.clone();
        let identity = ["children".to_owned(), parent.to_string()];
        Listing::of_records(self.limiter.store(), move |records, from| {
            let parent = parent.clone();
            Box::pin(async move { records.list_children(&parent, from).await })
        })
        .identified(&identity, |entity| entity.id.to_string())
    }

    /// Lists the entity's buckets, shard by shard, as they were last written: without what was
    /// refilled since. One round trip per page, and one more for every hundred buckets.
    pub fn buckets(&self, id: &EntityId) -> Listing<(BucketKey, BucketState)> {
        let listing = BucketListing::OfEntity(id.clone());
        Listing::of_records(self.limiter.store(), move |records, from| {
            let listing = listing.clone();
            Box::pin(async move { records.list_buckets(&listing, from).await })
        })
        .identified(
            &["buckets of an entity".to_owned(), id.to_string()],
            bucket_row,
        )
    }
}
