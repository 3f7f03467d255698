//! A granted cost.

mod aside;
mod few;
mod grant;
mod holding;
mod settlement;
mod single;

use std::{sync::Arc, time::Duration};

use crate::{
    error::{Error, Invalid},
    limiter::{
        bucket::Bucket,
        charge::{Charged, Charges, charge},
        deadline::Deadline,
        rate_limiter::{Backend, RateLimiter},
        recourse::Recourse,
    },
    model::{EntityId, KeyParts, LimitName, LimitStatus, Limits, MILLI, Owner, Resource, to_milli},
    telemetry,
};

pub use settlement::{Settlement, SettlementFuture};

use aside::Aside;
pub(super) use few::{Alone, Few};
pub(super) use grant::{Amounts, Grant, Share, Shares};
pub(super) use holding::{Holding, Holdings, MOST_USED};

pub(crate) use single::Single;

/// A granted cost: adjusted while the work runs, then committed or rolled back.
///
/// # Dropping
/// A lease that is dropped without [`commit`](Self::commit) is rolled back: what it was charged is
/// given back in the background, with the bucket's next write or soon after.
/// [`RateLimiter::shutdown`](crate::RateLimiter::shutdown) waits for it. If the process ends
/// before, the charge stays, and refill heals it.
#[derive(Debug)]
#[must_use = "a lease that is dropped is rolled back"]
pub struct Lease {
    held: Held,
}

#[derive(Debug)]
enum Held {
    Few(Few),
    /// Boxed, so that the others are moved about quickly: over a store it is a trifle.
    Any(Box<Any>),
}

#[derive(Debug)]
struct Any {
    holdings: Holdings,
    deadline: Deadline,
    aside: Option<Box<Aside>>,
}

impl Lease {
    #[inline]
    pub(in crate::limiter) fn new(holdings: Holdings, deadline: Deadline) -> Self {
        Self { held: Held::Any(Box::new(Any { holdings, deadline, aside: None })) }
    }

    #[inline]
    pub(in crate::limiter) fn few(few: Few) -> Self {
        Self { held: Held::Few(few) }
    }

    fn key(&self) -> KeyParts<'_> {
        match &self.held {
            Held::Few(few) => few.key(),
            Held::Any(any) => any.holdings.own.key(),
        }
    }

    /// Whether a bucket of the limiter granted it. Not for the request path: it copies a reference to the bucket.
    pub(crate) fn is_of(&self, limiter: &RateLimiter) -> bool {
        let bucket = match &self.held {
            Held::Few(few) => few.bucket(),
            Held::Any(any) => Some(any.holdings.own.grant().bucket().clone()),
        };
        match (limiter.backend(), bucket) {
            (Backend::Memory(memory), Some(Bucket::Memory { place, .. })) => Arc::ptr_eq(place.home(), &memory.home),
            (Backend::Memory(memory), Some(Bucket::Pinned(pinned))) => Arc::ptr_eq(&pinned.home, &memory.home),
            (Backend::Gated(gates), Some(Bucket::Gated { gate, .. })) => gates.are_those_of(&gate),
            (Backend::Scripted(_), Some(Bucket::Scripted(_))) => true,
            _ => false,
        }
    }

    /// Returns when the request may start, for one that waits: epoch ms. 0: at once.
    pub(in crate::limiter) fn starts_at(&self) -> i64 {
        match &self.held {
            Held::Few(_) => 0,
            Held::Any(any) => any.holdings.iter().map(|holding| holding.grant().starts_at()).max().unwrap_or(0),
        }
    }

    /// Notes that its request has waited for so many ms.
    pub(in crate::limiter) fn has_waited(&mut self, millis: i64) {
        if let Some(any) = self.any_mut() {
            any.holdings.iter_mut().for_each(|holding| holding.grant_mut().has_waited(millis));
        }
    }

    /// Ends one whose request was cancelled while it waited: given back, but not without bound.
    pub(in crate::limiter) fn cancel(mut self) {
        if let Held::Any(any) = &mut self.held {
            any.holdings.iter_mut().for_each(|holding| holding.grant_mut().cancel());
        }
    }

    fn aside(&self) -> Option<&Aside> {
        match &self.held {
            Held::Few(_) => None,
            Held::Any(any) => any.aside.as_deref(),
        }
    }

    /// The same as any lease is; `None` where it is over.
    fn any_mut(&mut self) -> Option<&mut Any> {
        if let Held::Few(few) = &mut self.held {
            let (holdings, deadline) = (few.take()?, few.deadline());
            self.held = Held::Any(Box::new(Any { holdings, deadline, aside: None }));
        }
        match &mut self.held {
            Held::Few(_) => None,
            Held::Any(any) => Some(any),
        }
    }

    /// Changes what most leases have nothing of.
    fn note(&mut self, change: impl FnOnce(&mut Aside)) {
        if let Some(any) = self.any_mut() {
            change(any.aside.get_or_insert_default());
        }
    }

    /// Who is charged.
    pub fn entity(&self) -> &EntityId {
        self.key().entity
    }

    /// For what.
    pub fn resource(&self) -> &Resource {
        self.key().resource
    }

    /// The limits of the entity's bucket.
    pub fn limits(&self) -> &Limits {
        match &self.held {
            Held::Few(few) => few.limits(),
            Held::Any(any) => any.holdings.own.grant().limits(),
        }
    }

    /// The parent whose bucket is charged too.
    pub fn parent(&self) -> Option<&EntityId> {
        match &self.held {
            Held::Few(_) => None,
            Held::Any(any) => any.holdings.parent.as_deref().map(|parent| parent.key().entity),
        }
    }

    /// Returns `true` if the store gave no decision, and this process decided by its share of the limits:
    /// [`Acquire::or_locally`](crate::limiter::Acquire::or_locally). What is used is not charged to the store then.
    pub fn is_degraded(&self) -> bool {
        self.aside().is_some_and(|aside| aside.degraded)
    }

    /// Limits that only observe and would have denied the request, or a later
    /// [`consume`](Self::consume): [`Acquire::shadow`](crate::limiter::Acquire::shadow). What is used of them is
    /// not charged.
    pub fn shadow_denials(&self) -> &[LimitStatus] {
        self.aside().map_or(&[], |aside| &aside.short)
    }

    /// Returns `true` if some of the limits only observe.
    pub(crate) fn is_observed(&self) -> bool {
        self.aside().is_some_and(|aside| aside.recourse.is_some())
    }

    pub(in crate::limiter) fn degrade(&mut self) {
        self.note(|aside| aside.degraded = true);
    }

    pub(in crate::limiter) fn has_shadow(&mut self, recourse: Arc<Recourse>) {
        self.note(|aside| aside.recourse = Some(recourse));
    }

    /// Notes limits that only observe and were short. `outside`: at the first, so that all of them are
    /// left alone.
    pub(in crate::limiter) fn observe(&mut self, short: Vec<LimitStatus>, outside: bool) {
        self.note(|aside| {
            aside.outside |= outside;
            aside.short.extend(short);
        });
    }

    /// Tokens of the limit `name` that the lease counts as used: the cost, adjusted since.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        let used = match &self.held {
            Held::Few(few) => few.share(name).map(|share| share.used),
            Held::Any(any) => any.holdings.iter().find_map(|holding| Some(holding.shares()[holding.index(name)?].used)),
        }?;
        u64::try_from(used / MILLI).ok()
    }

    /// Corrects what was used of the limit `name` by a difference in tokens. Local: no round
    /// trip, and no limit on how much more is used; the bucket may go into debt. Use never falls
    /// below zero.
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`].
    pub fn adjust(&mut self, name: &str, tokens: i64) -> Result<(), Invalid> {
        let difference = tokens.saturating_mul(MILLI);
        // Never mint: what was not charged cannot be given back.
        self.edit(name, |used| used.saturating_add(difference).clamp(0, MOST_USED))
    }

    /// Sets what was really used of the limit `name`, in tokens. Local, like
    /// [`adjust`](Self::adjust).
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
        self.adjust(name, i64::try_from(tokens).unwrap_or(i64::MAX).saturating_neg())
    }

    /// Asks for `tokens` more of the limit `name`, and fails where the bucket does not have them.
    /// One round trip, one write unit.
    ///
    /// # Errors
    /// As an acquire; the lease stays as it is.
    pub async fn consume(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        let more = self.ask(name, tokens)?.await?;
        self.absorb(more);
        Ok(())
    }

    /// Where the limits stood when the tokens were granted, less what was adjusted since; the
    /// parent's after the entity's own. No round trip: other requests are not in it.
    pub fn status(&self) -> Vec<LimitStatus> {
        self.statuses().collect()
    }

    pub(crate) fn statuses(&self) -> impl Iterator<Item = LimitStatus> {
        let (few, any) = match &self.held {
            Held::Few(few) => (Some(few.statuses()), None),
            Held::Any(any) => (None, Some(any.holdings.iter().flat_map(|holding| holding.statuses()))),
        };
        few.into_iter().flatten().chain(any.into_iter().flatten())
    }

    /// What was left of the only limit (millitokens), less what was adjusted since, where it is the one of
    /// `limits` and no other bucket was charged: what the [statuses](Self::statuses) say, in one number.
    pub(crate) fn left_of_one(&self, limits: &Limits) -> Option<i64> {
        match &self.held {
            Held::Few(few) => few.left_of_one(limits),
            Held::Any(_) => None,
        }
    }

    /// How long until what was charged could be charged again, if nobody else takes tokens; `None`
    /// where it never could. Local.
    pub(crate) fn wait_for_the_same(&self) -> Option<Duration> {
        let charged = self.shares().map(|share| u64::try_from(share.charged / MILLI).unwrap_or(0));
        let mut waits = self.statuses().zip(charged).map(|(status, charged)| status.wait_for(charged));
        waits.try_fold(Duration::ZERO, |most, wait| Some(most.max(wait?)))
    }

    /// In the order of the [statuses](Self::statuses).
    fn shares(&self) -> impl Iterator<Item = &Share> {
        let (few, any) = match &self.held {
            Held::Few(few) => (Some(few.shares()), None),
            Held::Any(any) => (None, Some(any.holdings.iter().flat_map(Holding::shares))),
        };
        few.into_iter().flatten().chain(any.into_iter().flatten())
    }

    /// Epoch ms.
    pub(crate) fn now(&self) -> i64 {
        match &self.held {
            Held::Few(few) => few.now(),
            Held::Any(any) => any.holdings.own.grant().bucket().now(),
        }
    }

    /// Charges what was used. Nothing to write where it is what was charged before.
    ///
    /// The difference is on its way when this returns, and is written with the bucket's next write
    /// or within the limiter's flush time. Await the settlement to know that it is.
    #[inline]
    pub fn commit(self) -> Settlement {
        match self.held {
            Held::Few(few) => few.settle(),
            Held::Any(any) => settle(any),
        }
    }

    /// Gives everything back.
    pub fn rollback(mut self) -> Settlement {
        self.settle_all(0);
        self.commit()
    }

    /// Sets what was used of every limit.
    pub(crate) fn settle_all(&mut self, tokens: u64) {
        let used = to_milli(tokens).min(MOST_USED);
        match &mut self.held {
            Held::Few(few) => few.shares_mut().for_each(|share| share.used = used),
            Held::Any(any) => {
                let shares = any.holdings.iter_mut().flat_map(|holding| holding.shares_mut());
                shares.for_each(|share| share.used = used);
            }
        }
    }

    /// Changes what was used of a limit, in every bucket that has it.
    fn edit(&mut self, name: &str, change: impl Fn(i64) -> i64) -> Result<(), Invalid> {
        if self.aside().is_some_and(|aside| aside.leaves_alone(name)) {
            // It would not have come so far.
            return Ok(());
        }
        let mut found = false;
        let mut change = |share: &mut Share| {
            share.used = change(share.used);
            found = true;
        };
        match &mut self.held {
            Held::Few(few) => {
                if let Some(share) = few.share_mut(name) {
                    change(share);
                }
            }
            Held::Any(any) => {
                for holding in any.holdings.iter_mut() {
                    if let Some(index) = holding.index(name) {
                        change(&mut holding.shares_mut()[index]);
                    }
                }
            }
        }
        if found { Ok(()) } else { Err(Invalid::UnknownLimit(name.into())) }
    }

    /// Asks the buckets for more, without holding on to the lease.
    pub(crate) fn ask(
        &self,
        name: &str,
        tokens: u64,
    ) -> Result<impl Future<Output = Result<More, Error>> + Send + use<>, Error> {
        if self.position(name).is_none() {
            return Err(Invalid::UnknownLimit(name.into()).into());
        }
        let aside = self.aside();
        let observes = aside.is_some_and(|aside| aside.covers(name));
        let passes_all = aside.is_some_and(Aside::covers_all);
        let mut short = Vec::new();
        let started = match aside.is_some_and(|aside| aside.leaves_alone(name)) {
            true => None,
            false => Some(self.charges(name, tokens).map(|charges| charge(charges, self.deadline()))),
        };
        let started = match started {
            Some(Err(Error::ExceedsCapacity(_))) if observes => {
                let asked = |status| LimitStatus { requested: tokens, retry_after: None, ..status };
                short.extend(self.statuses().filter(|status| *status.limit.name() == name).map(asked));
                None
            }
            started => started.transpose()?,
        };
        let name = LimitName::new(name)?;
        Ok(async move {
            let more = match started {
                None => return Ok(More { granted: None, short }),
                Some(Charged::Done(result)) => result,
                Some(Charged::Waiting(charging)) => charging.await,
            };
            telemetry::topped_up(more.as_ref().err());
            match more {
                Ok(granted) => Ok(More { granted: Some(granted), short: Vec::new() }),
                Err(Error::Denied(denied)) if observes => {
                    let short = denied.limits.into_iter().filter(|status| *status.limit.name() == name);
                    Ok(More { granted: None, short: short.filter(LimitStatus::exceeded).collect() })
                }
                Err(Error::Unavailable(_)) if passes_all => Ok(More { granted: None, short }),
                Err(error) => Err(error),
            }
        })
    }

    fn charges(&self, name: &str, tokens: u64) -> Result<Charges, Error> {
        match &self.held {
            Held::Few(few) => {
                let bucket = few.bucket().ok_or(Invalid::LeaseClosed)?;
                let own = Holding::charge_of(&bucket, Owner::Entity, false, name, tokens)?;
                Ok(Charges { own, parent: None })
            }
            Held::Any(any) => {
                let parent = any.holdings.parent.as_deref();
                Ok(Charges {
                    own: any.holdings.own.charge(name, tokens)?,
                    parent: parent.map(|parent| parent.charge(name, tokens)).transpose()?.map(Box::new),
                })
            }
        }
    }

    fn deadline(&self) -> Deadline {
        match &self.held {
            Held::Few(few) => few.deadline(),
            Held::Any(any) => any.deadline,
        }
    }

    /// Takes over what was granted in addition.
    pub(crate) fn absorb(&mut self, more: More) {
        if let Some(granted) = more.granted
            && let Some(any) = self.any_mut()
        {
            any.holdings.absorb(granted);
        }
        if !more.short.is_empty() {
            telemetry::shadow_denial(self.resource(), &more.short);
            self.observe(more.short, false);
        }
    }

    /// Tokens of the limit `name` that are used beyond what was charged, rounded up: that debt the
    /// worst of its buckets would have.
    pub(crate) fn overdraft(&self, name: &str) -> u64 {
        let beyond = |share: &Share| u64::try_from(share.used.saturating_sub(share.charged)).unwrap_or(0);
        let most = match &self.held {
            Held::Few(few) => few.share(name).map(beyond),
            Held::Any(any) => any.holdings.iter().filter_map(|h| Some(beyond(&h.shares()[h.index(name)?]))).max(),
        };
        most.unwrap_or(0).div_ceil(MILLI.unsigned_abs())
    }

    /// What full buckets hold of the limit `name`, in tokens: the least of them.
    pub(crate) fn capacity(&self, name: &str) -> Option<u64> {
        let capacity = |limits: &Limits| Some(limits[limits.index(name)?].capacity());
        match &self.held {
            Held::Few(few) => capacity(few.limits()),
            Held::Any(any) => any.holdings.iter().filter_map(|holding| capacity(holding.grant().limits())).min(),
        }
    }

    /// The place of the limit `name` among all that the lease holds: the entity's own first.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let in_parent = || match &self.held {
            Held::Few(_) => None,
            Held::Any(any) => Some(self.limits().len() + any.holdings.parent.as_deref()?.index(name)?),
        };
        self.limits().index(name).or_else(in_parent)
    }
}

/// Ends a lease of any kind.
#[expect(clippy::boxed_local, reason = "dropped here, a commit in place stays small")]
#[inline(never)]
fn settle(mut any: Box<Any>) -> Settlement {
    any.holdings.settle()
}

/// Granted in addition to a lease. Dropped: given back.
#[derive(Debug)]
pub(crate) struct More {
    /// Nothing where a limit only observes.
    granted: Option<Holdings>,
    /// Such a limit, where it was short.
    short: Vec<LimitStatus>,
}
