//! Gives entities another parent.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;

use crate::{
    error::{EntityError, Error, Unavailable},
    limiter::{
        admin::{entities::Entities, records::records_of},
        api::RateLimiter,
        resolver::Resolution,
        terms::ConfigVersion,
    },
    model::{
        AuditAction, AuditEvent, AuditSubject, ConfigScope, Entity, EntityId, ParentLink, Resource,
    },
    pause,
    store::{BucketListing, ReadConsistency, Records, StoreErrorKind},
};

/// The most ancestors that a new parent may have.
const MOST_ANCESTORS: usize = 32;

/// The number of times that the buckets are listed. The listing may miss a bucket that was created
/// a moment ago.
const PASSES: u32 = 2;

/// The number of times that a write is tried if other writes of it are in the way.
const MOST_TRIES: u32 = 5;

/// The longest pause before the second of these tries, ms. Those before later tries are longer.
const LONGEST_PAUSE: u64 = 25;

impl Entities {
    /// Gives an entity another parent, or none, and writes the change to all its buckets. Returns
    /// the number of buckets that were written, shard by shard.
    ///
    /// The new parent must exist. If the entity charges its parent is decided as before: by the
    /// stored config, else by [`Entity::cascade`]. What was charged to the old parent stays there,
    /// and leases that are open now are settled there. This limiter charges the new parent at once;
    /// others do after their next write of the entity's bucket, or at the latest when their cached
    /// look-up is too old
    /// ([`config_ttl`](crate::limiter::RateLimiterBuilder::config_ttl)).
    ///
    /// ```
    /// use tollgate::{EntityId, RateLimiter, model::Entity};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let entities = RateLimiter::memory().entities();
    /// let (key, old, new) = (EntityId::new("key-1")?, EntityId::new("old")?, EntityId::new("new")?);
    /// entities.create(Entity::new(new.clone())).await?;
    /// entities.create(Entity::new(key.clone()).with_parent(old).cascading()).await?;
    ///
    /// entities.set_parent(&key, Some(&new)).await?;
    /// assert_eq!(entities.get(&key).await?.and_then(|key| key.parent), Some(new));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EntityError::NotFound`] for the entity or the parent, [`EntityError::Cycle`],
    /// [`EntityError::TooDeep`]: then nothing was changed. [`EntityError::MoveIncomplete`] if the
    /// entity was moved and some bucket was not written: repeat the call to finish it.
    /// [`Error::Unavailable`] if the store fails: then the entity may have been moved. It also
    /// fails, with a [`Rejected`](crate::store::StoreErrorKind::Rejected) store error, if the
    /// table's functions are older than 0.17.0.
    ///
    /// # Cost
    /// One round trip for each ancestor of the new parent, six others, four for every hundred
    /// buckets, one for each resource and one for each bucket.
    pub async fn set_parent(&self, id: &EntityId, parent: Option<&EntityId>) -> Result<u64, Error> {
        let limiter = self.limiter();
        let store = limiter.store();
        let records = records_of(&*store)?;
        if parent == Some(id) {
            return Err(cycle(id, id));
        }
        repeated(|| limiter.asked(records.allow_moves())).await?;
        if let Some(parent) = parent {
            self.check_ancestors(id, parent).await?;
        }
        // If the answer of the move is lost, only this read shows the old parent.
        let before = self.get(id).await?;
        let moved = repeated(|| limiter.asked(records.move_entity(id, parent))).await?;
        let (Some(before), Some((_, after))) = (before, moved) else {
            return Err(EntityError::NotFound(id.clone()).into());
        };
        limiter.engine().forget(&ConfigScope::Entity(id.clone()));
        let mut buckets = 0;
        let result = stamp_all(self, records, id, &mut buckets).await;
        // A look-up that began before the move must not be cached.
        limiter.engine().forget(&ConfigScope::Entity(id.clone()));
        let mut event = event(limiter, &before, &after, buckets);
        event.principal = self.principal();
        let noted = limiter.note(event).await;
        match result {
            Ok(()) => noted.map(|()| buckets),
            Err(error) => Err(EntityError::MoveIncomplete {
                entity: id.clone(),
                buckets,
                problem: error.to_string(),
            }
            .into()),
        }
    }

    /// Returns an error if the parent does not exist, or if the entity is one of its ancestors.
    async fn check_ancestors(&self, id: &EntityId, parent: &EntityId) -> Result<(), Error> {
        let Some(found) = self.get(parent).await? else {
            return Err(EntityError::NotFound(parent.clone()).into());
        };
        let mut next = found.parent;
        for _ in 0..MOST_ANCESTORS {
            match next {
                None => return Ok(()),
                Some(ancestor) if ancestor == *id => return Err(cycle(id, parent)),
                Some(ancestor) => {
                    next = self.get(&ancestor).await?.and_then(|entity| entity.parent)
                }
            }
        }
        match next {
            None => Ok(()),
            Some(_) => Err(EntityError::TooDeep(parent.clone()).into()),
        }
    }
}

fn cycle(entity: &EntityId, parent: &EntityId) -> Error {
    let (entity, parent) = (entity.clone(), parent.clone());
    EntityError::Cycle { entity, parent }.into()
}

/// Writes the current link to the parent to all buckets of an entity. Counts them in `buckets`.
async fn stamp_all(
    entities: &Entities,
    records: &dyn Records,
    id: &EntityId,
    buckets: &mut u64,
) -> Result<(), Error> {
    let limiter = entities.limiter();
    let listing = BucketListing::OfEntity(id.clone());
    let mut links: HashMap<Resource, Option<ParentLink>> = HashMap::new();
    let mut done = BTreeSet::new();
    for _ in 0..PASSES {
        let mut from = None;
        loop {
            let page = records.list_buckets(&listing, from.as_ref());
            let page = limiter.asked(page).await?;
            for (key, _) in page.rows {
                if !done.insert((key.resource.clone(), key.shard)) {
                    continue;
                }
                if !links.contains_key(&key.resource) {
                    let link = link_of(limiter, records, id, &key.resource).await?;
                    links.insert(key.resource.clone(), link);
                }
                // An entity that was deleted meanwhile has no link.
                let Some(Some(link)) = links.get(&key.resource) else {
                    continue;
                };
                let stamp = || limiter.asked(records.stamp_bucket(&key, link));
                let count = u64::from(repeated(stamp).await?);
                *buckets += count;
                entities.written().add(count);
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Repeats a write that may be done twice, while other writes are in its way or its answer is lost.
async fn repeated<T, F>(write: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut tries = 1;
    loop {
        let result = write().await;
        match &result {
            Err(Error::Unavailable(Unavailable::Store(error)))
                if tries < MOST_TRIES
                    && matches!(
                        error.kind(),
                        StoreErrorKind::Busy | StoreErrorKind::HotKey | StoreErrorKind::Unknown
                    ) =>
            {
                pause::random(0..=LONGEST_PAUSE * u64::from(tries)).await;
                tries += 1;
            }
            _ => return result,
        }
    }
}

/// Looks up the link to the parent, with the stored setting for a resource.
async fn link_of(
    limiter: &RateLimiter,
    records: &dyn Records,
    id: &EntityId,
    resource: &Resource,
) -> Result<Option<ParentLink>, Error> {
    let scopes = ConfigScope::levels(id, resource);
    let found = records.look_up(Some(id), &scopes, None, ReadConsistency::Strong);
    let found = limiter.asked(found).await?;
    let lineage = Resolution::new(&scopes, found, ConfigVersion::NEWEST, limiter.now()).lineage;
    Ok(lineage.map(|link| ParentLink::clone(&link)))
}

fn event(limiter: &RateLimiter, before: &Entity, after: &Entity, buckets: u64) -> AuditEvent {
    let subject = AuditSubject::Entity(after.id.clone());
    let action = AuditAction::EntityParentChanged;
    let mut event = AuditEvent::new(&subject, action, limiter.system_time());
    let details = [
        ("old_parent_id", json!(before.parent)),
        ("parent_id", json!(after.parent)),
        ("pgen", json!(after.generation)),
        ("buckets_stamped", json!(buckets)),
    ];
    let details = details.map(|(name, value)| (name.to_owned(), value));
    event.details = details.into_iter().collect();
    event
}
