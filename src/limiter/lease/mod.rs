//! A lease: a granted cost.

pub(super) mod charge;
pub(super) mod charging;
mod extras;
mod inline;
mod more;
mod part;

use std::{sync::Arc, time::Duration};

use crate::{
    error::{Error, Invalid},
    limiter::{
        bucket::{Bucket, Grant, GrantedResources, Grants},
        engine::{Backend, Engine},
        lease::extras::LeaseExtras,
        terms::{Deadline, FallbackOptions, LeftOfOne, LimitShare, MOST_USED, Settlement},
    },
    model::{Cost, EntityId, KeyParts, LimitStatus, Limits, MILLI, Resource, to_milli},
};

pub(super) use crate::limiter::lease::inline::{InlineBucket, InlineLease};
pub(crate) use more::More;
pub(crate) use part::PartIndex;
pub use part::{LeasePart, LeasePartMut};

/// A granted cost: it can be adjusted while the work runs, then it is committed or rolled back.
///
/// If the acquire has [added](crate::limiter::Acquire::also) resources, the methods that name a
/// limit mean the limits of the request's own resource. The other resources are reached by
/// [`part`](Self::part) and [`part_mut`](Self::part_mut). [`commit`](Self::commit),
/// [`rollback`](Self::rollback) and dropping the lease apply to all resources.
///
/// # Dropping
/// A lease that is dropped without [`commit`](Self::commit) is rolled back: its charge is given
/// back in the background, with the bucket's next write or soon after.
/// [`RateLimiter::shutdown`](crate::RateLimiter::shutdown) waits for it. If the process ends
/// before, the charge stays, and the bucket refills as usual.
#[derive(Debug)]
#[must_use = "a lease that is dropped is rolled back"]
pub struct Lease {
    form: LeaseForm,
}

#[derive(Debug)]
enum LeaseForm {
    Inline(InlineLease),
    /// Boxed, so that a lease is small to move. Over a store the allocation does not matter.
    Boxed(Box<BoxedLease>),
}

#[derive(Debug)]
struct BoxedLease {
    /// The grants of the request's own resource.
    grants: Grants,
    /// The grants of the resources that the request has added.
    also: Vec<Grants>,
    deadline: Deadline,
    extras: Option<Box<LeaseExtras>>,
}

impl Lease {
    #[inline]
    pub(crate) fn new(granted: GrantedResources, deadline: Deadline) -> Self {
        Self {
            form: LeaseForm::Boxed(Box::new(BoxedLease {
                grants: granted.own,
                also: granted.also,
                deadline,
                extras: None,
            })),
        }
    }

    /// Creates a lease of a request that passes without a decision: it charges nothing.
    pub(crate) fn of_nothing(grants: Grants, deadline: Deadline) -> Self {
        let mut lease = Self::new(GrantedResources::one(grants), deadline);
        lease.note(|extras| {
            extras.degraded = true;
            extras.uncharged = true;
        });
        lease
    }

    #[inline]
    pub(crate) fn inline(inline: InlineLease) -> Self {
        Self {
            form: LeaseForm::Inline(inline),
        }
    }

    fn key(&self) -> KeyParts<'_> {
        match &self.form {
            LeaseForm::Inline(inline) => inline.key(),
            LeaseForm::Boxed(boxed) => boxed.grants.own.key(),
        }
    }

    /// Returns `true` if a bucket of the limiter granted the lease. Do not call the method on the
    /// request path: the method clones a reference to the bucket.
    pub(crate) fn is_of(&self, engine: &Engine) -> bool {
        let bucket = match &self.form {
            LeaseForm::Inline(inline) => inline.bucket(),
            LeaseForm::Boxed(boxed) => Some(boxed.grants.own.bucket().clone()),
        };
        match (engine.backend(), bucket) {
            (Backend::Memory(memory), Some(Bucket::Memory(bucket))) => {
                Arc::ptr_eq(bucket.home(), &memory.home)
            }
            (Backend::Gated(gates), Some(Bucket::Gated { gate, .. })) => gates.are_those_of(&gate),
            // The store was down: a local bucket decided.
            (Backend::Gated(_), Some(Bucket::Memory(bucket))) => engine.is_local(bucket.home()),
            (Backend::Scripted(_), Some(Bucket::Scripted(_))) => true,
            _ => false,
        }
    }

    /// Returns the time at which a request that waits may start: epoch ms, 0 for at once.
    pub(crate) fn starts_at(&self) -> i64 {
        match &self.form {
            LeaseForm::Inline(_) => 0,
            LeaseForm::Boxed(boxed) => boxed
                .all()
                .map(|grant| grant.starts_at())
                .max()
                .unwrap_or(0),
        }
    }

    /// Records that the request has waited for `millis` ms.
    pub(crate) fn has_waited(&mut self, millis: i64) {
        if let Some(boxed) = self.boxed_mut() {
            boxed.all_mut().for_each(|grant| grant.has_waited(millis));
        }
    }

    /// Ends the lease of a request that was cancelled while it waited. The lease is given back, but
    /// only a limited number of times for each bucket.
    pub(crate) fn cancel(mut self) {
        if let LeaseForm::Boxed(boxed) = &mut self.form {
            boxed.all_mut().for_each(Grant::cancel);
        }
    }

    fn extras(&self) -> Option<&LeaseExtras> {
        match &self.form {
            LeaseForm::Inline(_) => None,
            LeaseForm::Boxed(boxed) => boxed.extras.as_deref(),
        }
    }

    /// Converts the lease to the boxed form if it is not yet. Returns `None` if it is over.
    fn boxed_mut(&mut self) -> Option<&mut BoxedLease> {
        if let LeaseForm::Inline(inline) = &mut self.form {
            let (grants, deadline) = (inline.take()?, inline.deadline());
            self.form = LeaseForm::Boxed(Box::new(BoxedLease {
                grants,
                also: Vec::new(),
                deadline,
                extras: None,
            }));
        }
        match &mut self.form {
            LeaseForm::Inline(_) => None,
            LeaseForm::Boxed(boxed) => Some(boxed),
        }
    }

    /// Changes the rare data of the lease.
    fn note(&mut self, change: impl FnOnce(&mut LeaseExtras)) {
        if let Some(boxed) = self.boxed_mut() {
            change(boxed.extras.get_or_insert_default());
        }
    }

    /// Returns the entity that is charged.
    pub fn entity(&self) -> &EntityId {
        self.key().entity
    }

    /// Returns the resource that is charged.
    pub fn resource(&self) -> &Resource {
        self.key().resource
    }

    /// Returns the limits of the entity's bucket.
    pub fn limits(&self) -> &Limits {
        match &self.form {
            LeaseForm::Inline(inline) => inline.limits(),
            LeaseForm::Boxed(boxed) => boxed.grants.own.limits(),
        }
    }

    /// Returns the parent if its bucket is charged too.
    pub fn parent(&self) -> Option<&EntityId> {
        match &self.form {
            LeaseForm::Inline(_) => None,
            LeaseForm::Boxed(boxed) => boxed
                .grants
                .parents
                .first()
                .map(|parent| parent.key().entity),
        }
    }

    /// Returns `true` if the store gave no decision. Then the use is not charged to the store. This
    /// process decided by its share of the limits
    /// ([`Acquire::or_locally`](crate::limiter::Acquire::or_locally)), or the request passed
    /// ([`Acquire::on_unavailable`](crate::limiter::Acquire::on_unavailable)). In the second case
    /// the lease has no limits and counts nothing, and every name of a limit can be settled.
    pub fn is_degraded(&self) -> bool {
        self.extras().is_some_and(|extras| extras.degraded)
    }

    /// Returns `true` if the request passed without a decision, so that nothing is charged.
    pub(crate) fn is_uncharged(&self) -> bool {
        self.extras().is_some_and(|extras| extras.uncharged)
    }

    /// Returns `true` if the entity's limits are bypassed: the request was granted and only counted.
    /// The parent, if it is charged too, may enforce its own.
    pub fn is_bypassed(&self) -> bool {
        match &self.form {
            LeaseForm::Inline(_) => false,
            LeaseForm::Boxed(boxed) => boxed.grants.own.is_bypassed(),
        }
    }

    /// Returns `true` if a soft limit of the entity or of its parent is in debt after the grant and
    /// the adjustments since. The [statuses](Self::statuses) tell which:
    /// [`LimitStatus::overdrawn`].
    pub fn is_overdrawn(&self) -> bool {
        self.each_status().any(|status| status.overdrawn())
    }

    /// Returns the limits that only observe and would have denied the request or a later
    /// [`consume`](Self::consume): see
    /// [`Acquire::shadow_limit`](crate::limiter::Acquire::shadow_limit). Their use is not charged.
    pub fn shadow_denials(&self) -> &[LimitStatus] {
        self.extras().map_or(&[], |extras| &extras.short)
    }

    /// Returns `true` if some of the limits only observe.
    pub(crate) fn is_observed(&self) -> bool {
        self.extras()
            .is_some_and(|extras| extras.fallback.is_some())
    }

    pub(crate) fn degrade(&mut self) {
        self.note(|extras| extras.degraded = true);
    }

    pub(crate) fn has_shadow(&mut self, fallback: Arc<FallbackOptions>) {
        self.note(|extras| extras.fallback = Some(fallback));
    }

    /// Records observing limits that were short. `outside` is `true` if they would have denied the
    /// request itself. Then none of the observing limits is charged.
    pub(crate) fn observe(&mut self, short: Vec<LimitStatus>, outside: bool) {
        self.note(|extras| {
            extras.outside |= outside;
            extras.short.extend(short);
        });
    }

    /// Returns the tokens of the limit `name` that the lease counts as used: the cost with all
    /// adjustments.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        let used = match &self.form {
            LeaseForm::Inline(inline) => inline.share(name).map(|share| share.used),
            LeaseForm::Boxed(boxed) => boxed.grants.used(name),
        }?;
        u64::try_from(used / MILLI).ok()
    }

    /// Changes the use of the limit `name` by a difference in tokens. Local: it makes no round
    /// trip. The use may grow without bound, and the bucket may go into debt. The use never falls
    /// below zero.
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`].
    pub fn adjust(&mut self, name: &str, tokens: i64) -> Result<(), Invalid> {
        let difference = tokens.saturating_mul(MILLI);
        // Never mint tokens: only a charge can be given back.
        self.edit(name, |used| {
            used.saturating_add(difference).clamp(0, MOST_USED)
        })
    }

    /// Sets the real use of the limit `name`, in tokens. Local, like [`adjust`](Self::adjust).
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`].
    pub fn settle(&mut self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.edit(name, |_| to_milli(tokens).min(MOST_USED))
    }

    /// Gives back `tokens` of the limit `name` that the work does not need. Local, like
    /// [`adjust`](Self::adjust).
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`].
    pub fn release(&mut self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.adjust(
            name,
            i64::try_from(tokens).unwrap_or(i64::MAX).saturating_neg(),
        )
    }

    /// Asks for `tokens` more of the limit `name`, and fails if the bucket does not have them. One
    /// round trip, one write unit.
    ///
    /// # Errors
    /// The errors of an acquire. The lease then stays as it is.
    pub async fn consume(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        let more = self.ask(0, name, tokens)?.await?;
        self.absorb(more);
        Ok(())
    }

    /// Asks for more of several limits, and fails if the bucket does not have all of it: then
    /// nothing more is charged. Limits that `cost` does not name are charged nothing. One round
    /// trip, one write unit for each bucket. If only limits that observe are short, another round
    /// trip charges the rest.
    ///
    /// ```
    /// use tollgate::{Cost, Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let limits = [Limit::per_minute("rpm", 60), Limit::per_minute("tpm", 1000)];
    /// let mut lease = limiter.acquire("user-1", "gpt-4").limits(limits).await?;
    /// lease.consume_all(&Cost::new().with("rpm", 1)?.with("tpm", 400)?).await?;
    /// assert!(lease.consume_all(&Cost::new().with("rpm", 1)?.with("tpm", 700)?).await.is_err());
    /// assert_eq!((lease.consumed("rpm"), lease.consumed("tpm")), (Some(2), Some(401)));
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The errors of an acquire. The lease then stays as it is.
    pub async fn consume_all(&mut self, cost: &Cost) -> Result<(), Error> {
        let more = self.ask_all(0, &cost.named())?.await?;
        self.absorb(more);
        Ok(())
    }

    /// Returns the statuses of the limits at the time of the grant, minus the adjustments since.
    /// The entity's limits come first, then the limits of its parent. This call makes no round
    /// trip, so the statuses do not include other requests.
    pub fn statuses(&self) -> Vec<LimitStatus> {
        self.each_status().collect()
    }

    /// Returns the statuses of the limits of all resources: of the request's own one, then of those
    /// that it has [added](crate::limiter::Acquire::also). Like [`statuses`](Self::statuses).
    pub fn all_statuses(&self) -> Vec<LimitStatus> {
        self.each_status_of_all().collect()
    }

    /// Returns the statuses of the limits of all resources.
    pub(crate) fn each_status_of_all(&self) -> impl Iterator<Item = LimitStatus> {
        let also = match &self.form {
            LeaseForm::Inline(_) => None,
            LeaseForm::Boxed(boxed) => Some(boxed.also.iter().flat_map(Grants::statuses_of_added)),
        };
        self.each_status().chain(also.into_iter().flatten())
    }

    pub(crate) fn each_status(&self) -> impl Iterator<Item = LimitStatus> {
        let (inline, boxed) = match &self.form {
            LeaseForm::Inline(inline) => (Some(inline.statuses()), None),
            LeaseForm::Boxed(boxed) => (
                None,
                Some(boxed.grants.iter().flat_map(|grant| grant.statuses_now())),
            ),
        };
        inline
            .into_iter()
            .flatten()
            .chain(boxed.into_iter().flatten())
    }

    /// Returns the state of the only limit, less what was adjusted since: a short form of the
    /// [statuses](Self::statuses). Returns `Some` only if `limits` has one limit, it is that of the
    /// lease, and no other bucket was charged.
    pub(crate) fn left_of_one(&self, limits: &Limits) -> Option<LeftOfOne> {
        match &self.form {
            LeaseForm::Inline(inline) => inline.left_of_one(limits),
            LeaseForm::Boxed(_) => None,
        }
    }

    /// Returns the time until the same charge could be granted again if no other request takes
    /// tokens, or `None` if it never could. Local.
    pub(crate) fn wait_for_the_same(&self) -> Option<Duration> {
        let charged = self
            .shares()
            .map(|share| u64::try_from(share.charged / MILLI).unwrap_or(0));
        let mut waits = self
            .each_status_of_all()
            .zip(charged)
            .map(|(status, charged)| status.wait_for(charged));
        waits.try_fold(Duration::ZERO, |most, wait| Some(most.max(wait?)))
    }

    /// Returns `true` if the lease counts nothing as used, of any resource.
    pub(crate) fn uses_nothing(&self) -> bool {
        self.shares().all(|share| share.used == 0)
    }

    /// Returns the shares of all resources, in the order of [`all_statuses`](Self::all_statuses).
    fn shares(&self) -> impl Iterator<Item = &LimitShare> {
        let (inline, boxed) = match &self.form {
            LeaseForm::Inline(inline) => (Some(inline.shares()), None),
            LeaseForm::Boxed(boxed) => (None, Some(boxed.all().flat_map(Grant::shares))),
        };
        inline
            .into_iter()
            .flatten()
            .chain(boxed.into_iter().flatten())
    }

    /// Returns the time in epoch ms.
    pub(crate) fn now(&self) -> i64 {
        match &self.form {
            LeaseForm::Inline(inline) => inline.now(),
            LeaseForm::Boxed(boxed) => boxed.grants.own.bucket().now(),
        }
    }

    /// Charges the real use. If the real use equals the charge, there is nothing to write.
    ///
    /// When the method returns, the difference is queued. The difference is written with the
    /// bucket's next write, or within the limiter's flush time. Await the settlement to wait until
    /// the difference is written.
    #[inline]
    pub fn commit(self) -> Settlement {
        match self.form {
            LeaseForm::Inline(inline) => inline.settle(),
            LeaseForm::Boxed(boxed) => boxed.settle(),
        }
    }

    /// Gives everything back.
    pub fn rollback(mut self) -> Settlement {
        self.settle_all(0);
        self.commit()
    }

    /// Sets the use of every limit of all resources.
    pub(crate) fn settle_all(&mut self, tokens: u64) {
        let used = to_milli(tokens).min(MOST_USED);
        match &mut self.form {
            LeaseForm::Inline(inline) => inline.shares_mut().for_each(|share| share.used = used),
            LeaseForm::Boxed(boxed) => boxed
                .all_mut()
                .flat_map(Grant::shares_mut)
                .for_each(|share| share.used = used),
        }
    }

    /// Changes the use of a limit in every bucket that has it.
    fn edit(&mut self, name: &str, change: impl Fn(i64) -> i64) -> Result<(), Invalid> {
        if self
            .extras()
            .is_some_and(|extras| extras.leaves_alone(None, name))
        {
            // This limit only observes and is not charged: if it were enforced, it would have
            // denied the request.
            return Ok(());
        }
        let found = match &mut self.form {
            LeaseForm::Inline(inline) => inline
                .share_mut(name)
                .map(|share| share.used = change(share.used))
                .is_some(),
            LeaseForm::Boxed(boxed) => boxed.grants.edit(name, change),
        };
        if found {
            Ok(())
        } else {
            Err(Invalid::UnknownLimit(name.into()))
        }
    }

    fn deadline(&self) -> Deadline {
        match &self.form {
            LeaseForm::Inline(inline) => inline.deadline(),
            LeaseForm::Boxed(boxed) => boxed.deadline,
        }
    }

    /// Returns the use of the limit `name` beyond its charge, in tokens, rounded up: the largest
    /// such debt among the buckets.
    pub(crate) fn overdraft(&self, name: &str) -> u64 {
        let most = match &self.form {
            LeaseForm::Inline(inline) => inline.share(name).map_or(0, LimitShare::overdraft),
            LeaseForm::Boxed(boxed) => boxed.grants.overdraft(name),
        };
        most.div_ceil(MILLI.unsigned_abs())
    }

    /// Returns the capacity of the limit `name` in tokens: the smallest one among the buckets.
    pub(crate) fn capacity(&self, name: &str) -> Option<u64> {
        match &self.form {
            LeaseForm::Inline(inline) => {
                let limits = inline.limits();
                Some(limits[limits.index(name)?].greatest_capacity())
            }
            LeaseForm::Boxed(boxed) => boxed.grants.capacity(name),
        }
    }

    /// Returns the position of the limit `name` among all limits of the lease. The entity's own
    /// limits come first.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        match &self.form {
            LeaseForm::Inline(inline) => inline.limits().index(name),
            LeaseForm::Boxed(boxed) => boxed.grants.position(name),
        }
    }
}

impl BoxedLease {
    /// Returns the grants of all resources.
    fn all(&self) -> impl Iterator<Item = &Grant> {
        let also = self.also.iter().flat_map(Grants::iter);
        self.grants.iter().chain(also)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Grant> {
        let also = self.also.iter_mut().flat_map(Grants::iter_mut);
        self.grants.iter_mut().chain(also)
    }

    /// Settles the real use of all buckets, and ends the lease.
    #[inline(never)]
    fn settle(mut self: Box<Self>) -> Settlement {
        let own = self.grants.settle();
        self.also
            .iter_mut()
            .fold(own, |all, grants| all.and(grants.settle()))
    }
}
