//! The parts of a lease that belong to one of several resources.

use crate::{
    error::{Error, Invalid},
    limiter::{
        bucket::Grants,
        lease::{Lease, LeaseForm},
        terms::MOST_USED,
    },
    model::{EntityId, LimitStatus, Limits, MILLI, Resource, to_milli},
};

/// The number of a lease's part: 0 is the request's own resource, and the resources that it has
/// added follow in their order.
pub(crate) type PartIndex = usize;

/// The part of a lease that belongs to one resource: [`Lease::part`].
#[derive(Clone, Copy, Debug)]
pub struct LeasePart<'a> {
    lease: &'a Lease,
    index: PartIndex,
}

/// The part of a lease that belongs to one resource, which can be adjusted: [`Lease::part_mut`].
///
/// The methods do the same as those of the [`Lease`] for the request's own resource.
#[derive(Debug)]
pub struct LeasePartMut<'a> {
    lease: &'a mut Lease,
    index: PartIndex,
}

impl Lease {
    /// Returns the part of the lease that belongs to `resource`: the request's own one, or one that
    /// it has [added](crate::limiter::Acquire::also).
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let mut lease = limiter
    ///     .acquire("user-1", "gpt-4")
    ///     .limits(Limit::per_minute("tpm", 1000))
    ///     .cost("tpm", 100)
    ///     .also("all-models", [("cents", 5)])
    ///     .also_limits("all-models", Limit::per_hour("cents", 200))
    ///     .await?;
    ///
    /// lease.settle("tpm", 180)?;
    /// lease.part_mut("all-models")?.settle("cents", 9)?;
    /// assert_eq!(lease.part("all-models")?.consumed("cents"), Some(9));
    /// lease.commit();
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid::UnknownResource`].
    pub fn part(&self, resource: &str) -> Result<LeasePart<'_>, Invalid> {
        let index = self.part_index(resource)?;
        Ok(LeasePart { lease: self, index })
    }

    /// Returns the same part as [`part`](Self::part), to adjust it.
    ///
    /// # Errors
    /// [`Invalid::UnknownResource`].
    pub fn part_mut(&mut self, resource: &str) -> Result<LeasePartMut<'_>, Invalid> {
        let index = self.part_index(resource)?;
        Ok(LeasePartMut { lease: self, index })
    }

    /// Returns all resources that are charged. The request's own one is the first.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        let also = self.also().iter().map(|grants| grants.own.key().resource);
        std::iter::once(self.resource()).chain(also)
    }

    /// Returns the number of parts.
    pub(crate) fn parts(&self) -> usize {
        1 + self.also().len()
    }

    /// Returns the number of the part that belongs to `resource`.
    pub(crate) fn part_index(&self, resource: &str) -> Result<PartIndex, Invalid> {
        self.resources()
            .position(|name| *name == resource)
            // A lease that charges nothing accepts every name.
            .or_else(|| self.is_uncharged().then_some(0))
            .ok_or_else(|| Invalid::UnknownResource(resource.to_owned()))
    }

    /// Returns the part with a number. The number must be one of [`part_index`](Self::part_index).
    pub(crate) fn part_at(&self, index: PartIndex) -> LeasePart<'_> {
        LeasePart { lease: self, index }
    }

    /// Returns the part with a number, to adjust it.
    pub(crate) fn part_at_mut(&mut self, index: PartIndex) -> LeasePartMut<'_> {
        LeasePartMut { lease: self, index }
    }

    /// Returns the grants of the resources that the request has added.
    fn also(&self) -> &[Grants] {
        match &self.form {
            LeaseForm::Inline(_) => &[],
            LeaseForm::Boxed(boxed) => &boxed.also,
        }
    }

    /// Returns the grants of a part; `None` for the request's own resource.
    pub(super) fn also_at(&self, index: PartIndex) -> Option<&Grants> {
        self.also().get(index.checked_sub(1)?)
    }

    pub(super) fn also_at_mut(&mut self, index: PartIndex) -> Option<&mut Grants> {
        let index = index.checked_sub(1)?;
        match &mut self.form {
            LeaseForm::Inline(_) => None,
            LeaseForm::Boxed(boxed) => boxed.also.get_mut(index),
        }
    }
}

impl<'a> LeasePart<'a> {
    fn also(&self) -> Option<&'a Grants> {
        self.lease.also_at(self.index)
    }

    /// Returns the entity that is charged.
    pub fn entity(&self) -> &'a EntityId {
        self.lease.entity()
    }

    /// Returns the resource that is charged.
    pub fn resource(&self) -> &'a Resource {
        self.also()
            .map_or_else(|| self.lease.resource(), |also| also.own.key().resource)
    }

    /// Returns the limits of the entity's bucket.
    pub fn limits(&self) -> &'a Limits {
        self.also()
            .map_or_else(|| self.lease.limits(), |also| also.own.limits())
    }

    /// Returns the parent if its bucket is charged too.
    pub fn parent(&self) -> Option<&'a EntityId> {
        match self.also() {
            None => self.lease.parent(),
            Some(also) => also.parents.first().map(|parent| parent.key().entity),
        }
    }

    /// Returns the tokens of the limit `name` that the lease counts as used: see
    /// [`Lease::consumed`].
    pub fn consumed(&self, name: &str) -> Option<u64> {
        match self.also() {
            None => self.lease.consumed(name),
            Some(also) => u64::try_from(also.used(name)? / MILLI).ok(),
        }
    }

    /// Returns the statuses of the limits: see [`Lease::statuses`].
    pub fn statuses(&self) -> Vec<LimitStatus> {
        match self.also() {
            None => self.lease.statuses(),
            Some(also) => also.statuses_of_added().collect(),
        }
    }

    /// Returns the capacity of the limit `name` in tokens: the smallest one among the buckets.
    pub(crate) fn capacity(&self, name: &str) -> Option<u64> {
        match self.also() {
            None => self.lease.capacity(name),
            Some(also) => also.capacity(name),
        }
    }

    /// Returns the position of the limit `name` among all limits of the part.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        match self.also() {
            None => self.lease.position(name),
            Some(also) => also.position(name),
        }
    }
}

impl LeasePartMut<'_> {
    /// Changes the use of the limit `name` by a difference in tokens: see [`Lease::adjust`].
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`].
    pub fn adjust(&mut self, name: &str, tokens: i64) -> Result<(), Invalid> {
        if self.index == 0 {
            return self.lease.adjust(name, tokens);
        }
        let difference = tokens.saturating_mul(MILLI);
        self.edit(name, |used| {
            used.saturating_add(difference).clamp(0, MOST_USED)
        })
    }

    /// Sets the real use of the limit `name`, in tokens: see [`Lease::settle`].
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`].
    pub fn settle(&mut self, name: &str, tokens: u64) -> Result<(), Invalid> {
        if self.index == 0 {
            return self.lease.settle(name, tokens);
        }
        self.edit(name, |_| to_milli(tokens).min(MOST_USED))
    }

    /// Gives back `tokens` of the limit `name`: see [`Lease::release`].
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`].
    pub fn release(&mut self, name: &str, tokens: u64) -> Result<(), Invalid> {
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        self.adjust(name, tokens.saturating_neg())
    }

    /// Asks for `tokens` more of the limit `name`: see [`Lease::consume`]. Only the buckets of this
    /// resource are asked.
    ///
    /// # Errors
    /// The errors of an acquire. The lease then stays as it is.
    pub async fn consume(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        let more = self.lease.ask(self.index, name, tokens)?.await?;
        self.lease.absorb(more);
        Ok(())
    }

    /// Returns the tokens of the limit `name` that the lease counts as used: see
    /// [`Lease::consumed`].
    pub fn consumed(&self, name: &str) -> Option<u64> {
        self.lease.part_at(self.index).consumed(name)
    }

    /// Returns the statuses of the limits: see [`Lease::statuses`].
    pub fn statuses(&self) -> Vec<LimitStatus> {
        self.lease.part_at(self.index).statuses()
    }

    /// Changes the use of a limit of a resource that the request has added.
    fn edit(&mut self, name: &str, change: impl Fn(i64) -> i64) -> Result<(), Invalid> {
        let resource = self.lease.part_at(self.index).resource();
        let extras = self.lease.extras();
        if extras.is_some_and(|extras| extras.leaves_alone(Some(resource), name)) {
            // See `Lease::edit`.
            return Ok(());
        }
        let found = self
            .lease
            .also_at_mut(self.index)
            .is_some_and(|also| also.edit(name, change));
        if found {
            Ok(())
        } else {
            Err(Invalid::UnknownLimit(name.into()))
        }
    }
}
