//! A granted cost.

use super::{
    charge::{Charged, Charges, charge},
    deadline::Deadline,
    few::Few,
    grant::Share,
    holding::{Holding, Holdings, MOST_USED},
    settlement::Settlement,
};
use crate::{
    error::{Error, Invalid},
    model::{BucketKey, EntityId, LimitStatus, Limits, MILLI, Owner, Resource, to_milli},
};

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
    Any(Box<(Holdings, Deadline)>),
}

impl Lease {
    #[inline]
    pub(super) fn new(holdings: Holdings, deadline: Deadline) -> Self {
        Self { held: Held::Any(Box::new((holdings, deadline))) }
    }

    #[inline]
    pub(super) fn few(few: Few) -> Self {
        Self { held: Held::Few(few) }
    }

    fn key(&self) -> &BucketKey {
        match &self.held {
            Held::Few(few) => few.key(),
            Held::Any(any) => any.0.own.key(),
        }
    }

    /// Who is charged.
    pub fn entity(&self) -> &EntityId {
        &self.key().entity
    }

    /// For what.
    pub fn resource(&self) -> &Resource {
        &self.key().resource
    }

    /// The limits of the entity's bucket.
    pub fn limits(&self) -> &Limits {
        match &self.held {
            Held::Few(few) => few.limits(),
            Held::Any(any) => any.0.own.grant().limits(),
        }
    }

    /// The parent whose bucket is charged too.
    pub fn parent(&self) -> Option<&EntityId> {
        match &self.held {
            Held::Few(_) => None,
            Held::Any(any) => any.0.parent.as_deref().map(|parent| &parent.key().entity),
        }
    }

    /// Tokens of the limit `name` that the lease counts as used: the cost, adjusted since.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        let used = match &self.held {
            Held::Few(few) => few.share(name).map(|share| share.used),
            Held::Any(any) => any.0.iter().find_map(|holding| Some(holding.shares()[holding.index(name)?].used)),
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
            Held::Any(any) => (None, Some(any.0.iter().flat_map(|holding| holding.statuses()))),
        };
        few.into_iter().flatten().chain(any.into_iter().flatten())
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
                let shares = any.0.iter_mut().flat_map(|holding| holding.shares_mut());
                shares.for_each(|share| share.used = used);
            }
        }
    }

    /// Changes what was used of a limit, in every bucket that has it.
    fn edit(&mut self, name: &str, change: impl Fn(i64) -> i64) -> Result<(), Invalid> {
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
                for holding in any.0.iter_mut() {
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
        let (charges, deadline) = match &self.held {
            Held::Few(few) if few.share(name).is_some() => {
                let bucket = few.bucket().ok_or(Invalid::LeaseClosed)?;
                let own = Holding::charge_of(&bucket, Owner::Entity, false, name, tokens)?;
                (Charges { own, parent: None }, few.deadline())
            }
            Held::Any(any) if any.0.iter().any(|holding| holding.index(name).is_some()) => {
                let (holdings, deadline) = &**any;
                let parent = holdings.parent.as_deref().map(|parent| parent.charge(name, tokens));
                let parent = parent.transpose()?.map(Box::new);
                (Charges { own: holdings.own.charge(name, tokens)?, parent }, *deadline)
            }
            _ => return Err(Invalid::UnknownLimit(name.into()).into()),
        };
        let started = charge(charges, deadline);
        Ok(async move {
            let more = match started {
                Charged::Done(result) => result?,
                Charged::Waiting(charging) => charging.await?,
            };
            Ok(More(more))
        })
    }

    /// Takes over what was granted in addition.
    pub(crate) fn absorb(&mut self, More(more): More) {
        if let Held::Few(few) = &mut self.held
            && let Some(holdings) = few.take()
        {
            self.held = Held::Any(Box::new((holdings, few.deadline())));
        }
        if let Held::Any(any) = &mut self.held {
            any.0.absorb(more);
        }
    }
}

/// Ends a lease of any kind.
#[expect(clippy::boxed_local, reason = "dropped here, a commit in place stays small")]
#[inline(never)]
fn settle(mut any: Box<(Holdings, Deadline)>) -> Settlement {
    any.0.settle()
}

/// Granted in addition to a lease. Dropped: given back.
#[derive(Debug)]
pub(crate) struct More(Holdings);
