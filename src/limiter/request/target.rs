//! The bucket of a request, as far as it has been found.

use std::sync::Arc;

use crate::{
    error::{Error, Unavailable},
    limiter::{
        bucket::{Bucket, LimitsRef, MemoryBucket, MemoryPlace, ResolvedBucket, resolve},
        engine::{Backend, Engine},
        gate::Gate,
        resolver::Resolving,
        terms::Prefetch,
    },
    model::{
        BucketKey, EntityId, IntoLimits, IntoName, InvalidLimits, InvalidName, KeyParts, Limits,
        Resource,
    },
    store::Home,
};

/// The bucket of a request, as far as it has been found.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Memory(MemoryPlace),
    Pinned(Arc<ResolvedBucket>),
    /// Boxed, because a request is moved often.
    Gated(Box<Gated>),
}

/// A bucket of a limiter over a store.
#[derive(Clone, Debug)]
pub(crate) struct Gated {
    pub(crate) engine: Arc<Engine>,
    pub(crate) key: BucketKey,
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) prefetch: Option<Prefetch>,
    /// `true` if all buckets of the request are charged in one transaction.
    pub(crate) in_one_transaction: bool,
    /// `true` if the request charges several resources.
    pub(crate) is_one_of_several: bool,
}

impl Target {
    /// Returns the target of a request. Names are created only if the bucket is not found in
    /// memory.
    #[inline]
    pub(crate) fn find<E, R>(
        engine: &Arc<Engine>,
        entity: E,
        resource: R,
    ) -> Result<Self, Box<Error>>
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        if let Backend::Memory(memory) = engine.backend()
            && let Some(entry) = memory.store.find(entity.as_text(), resource.as_text())
        {
            return Ok(Self::Memory(memory.found(entry)));
        }
        Self::create(engine, entity, resource)
    }

    /// Returns the target of a bucket that [`find`](Self::find) has not found.
    fn create<E, R>(engine: &Arc<Engine>, entity: E, resource: R) -> Result<Self, Box<Error>>
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        let wrong = |error: InvalidName| Box::new(Error::from(error));
        let key = BucketKey::new(
            entity.into_name().map_err(wrong)?,
            resource.into_name().map_err(wrong)?,
        );
        Ok(match engine.backend() {
            Backend::Memory(memory) => Self::Memory(memory.new_place(key)),
            Backend::Gated(_) | Backend::Scripted(_) => Self::of(engine, key),
        })
    }

    /// Returns the target with a key.
    pub(crate) fn of(engine: &Arc<Engine>, key: BucketKey) -> Self {
        match engine.backend() {
            Backend::Memory(memory) => Self::Memory(memory.place(key)),
            Backend::Gated(_) | Backend::Scripted(_) => {
                let engine = engine.clone();
                Self::Gated(Box::new(Gated {
                    engine,
                    key,
                    gate: None,
                    prefetch: None,
                    in_one_transaction: false,
                    is_one_of_several: false,
                }))
            }
        }
    }

    #[inline]
    pub(crate) fn key(&self) -> KeyParts<'_> {
        match self {
            Self::Memory(place) => place.key(),
            Self::Pinned(pinned) => pinned.entry.key(),
            Self::Gated(gated) => gated.key.parts(),
        }
    }

    /// Returns the same target, looked up in advance as far as possible.
    pub(crate) fn found(self) -> Self {
        match self {
            Self::Memory(mut place) => {
                let now = place.home().now();
                // If the store is full of buckets in use, this bucket gets no entry in advance, and
                // is looked up each time.
                place.hold(now);
                Self::Memory(place)
            }
            Self::Gated(mut gated) => {
                gated.gate = gated.gate.or_else(|| gated.engine.gate(gated.key.clone()));
                Self::Gated(gated)
            }
            Self::Pinned(_) => self,
        }
    }

    pub(super) fn home(&self) -> Option<&Home> {
        match self {
            Self::Memory(place) => Some(place.home()),
            Self::Pinned(pinned) => Some(&pinned.home),
            Self::Gated(_) => None,
        }
    }

    /// Looks up the stored limits and the parent of an entity, for the same resource.
    pub(super) fn resolve(&self, entity: &EntityId) -> Resolving {
        let resource = &self.key().resource;
        match self {
            Self::Memory(place) => resolve(place.home(), entity, resource),
            Self::Pinned(pinned) => resolve(&pinned.home, entity, resource),
            Self::Gated(gated) => gated.engine.resolve(entity, resource),
        }
    }

    /// Returns the bucket of another entity for the same resource.
    pub(super) fn other(&self, entity: EntityId, limits: Limits) -> Result<Bucket, Unavailable> {
        let key = BucketKey::new(entity, self.key().resource.clone());
        let place = match self {
            Self::Memory(place) => place.beside(key)?,
            Self::Pinned(pinned) => pinned.place().beside(key)?,
            Self::Gated(gated) => return Ok(gated.engine.bucket(key, limits)),
        };
        Ok(Bucket::Memory(MemoryBucket::new(place, limits)))
    }

    /// Returns the target of the same entity for another resource.
    pub(super) fn beside(&self, resource: Resource) -> Result<Self, Unavailable> {
        let key = BucketKey::new(self.key().entity.clone(), resource);
        Ok(match self {
            Self::Memory(place) => Self::Memory(place.beside(key)?),
            Self::Pinned(pinned) => Self::Memory(pinned.place().beside(key)?),
            Self::Gated(gated) => Self::of(&gated.engine, key),
        })
    }

    /// Returns the limits that `limits_ref` stands for.
    pub(super) fn limits<'a>(&'a self, limits_ref: &'a LimitsRef) -> &'a Limits {
        match (self, limits_ref) {
            (_, LimitsRef::These(limits)) => limits,
            (Self::Memory(place), LimitsRef::Known) => place.limits(limits_ref),
            (Self::Pinned(pinned), LimitsRef::Known) => &pinned.limits,
            (Self::Gated(_), LimitsRef::Known) => Limits::unknown(),
        }
    }

    /// Returns a reference to the limits of a request. If the limits are those of the bucket, they
    /// need not be kept.
    #[inline]
    pub(super) fn limits_ref(&self, limits: impl IntoLimits) -> Result<LimitsRef, InvalidLimits> {
        if let (Self::Memory(MemoryPlace::Entry(entry)), Some(limits)) = (self, limits.as_limits())
            && entry.limits().is(limits)
        {
            return Ok(LimitsRef::Known);
        }
        limits.into_limits().map(LimitsRef::These)
    }

    /// Returns the bucket, with its limits.
    pub(super) fn into_bucket(self, limits: LimitsRef) -> Bucket {
        match self {
            Self::Memory(place) => Bucket::Memory(MemoryBucket::Placed { place, limits }),
            Self::Pinned(pinned) => Bucket::Memory(MemoryBucket::Placed {
                place: pinned.place(),
                limits,
            }),
            Self::Gated(gated) => {
                let limits = match limits {
                    LimitsRef::These(limits) => limits,
                    LimitsRef::Known => Limits::unknown().clone(),
                };
                match *gated {
                    Gated {
                        gate: Some(gate), ..
                    } => Bucket::Gated { gate, limits },
                    Gated { engine, key, .. } => engine.bucket(key, limits),
                }
            }
        }
    }
}
