//! A granted cost.

use super::{
    charge::{Charged, Charges, charge},
    deadline::Deadline,
    holding::{Holdings, MOST_USED},
    settlement::Settlement,
};
use crate::{
    error::{Error, Invalid},
    model::{EntityId, LimitStatus, Limits, MILLI, Resource, to_milli},
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
    holdings: Holdings,
    deadline: Deadline,
}

impl Lease {
    #[inline]
    pub(super) fn new(holdings: Holdings, deadline: Deadline) -> Self {
        Self { holdings, deadline }
    }

    /// Who is charged.
    pub fn entity(&self) -> &EntityId {
        &self.holdings.own.key().entity
    }

    /// For what.
    pub fn resource(&self) -> &Resource {
        &self.holdings.own.key().resource
    }

    /// The limits of the entity's bucket.
    pub fn limits(&self) -> &Limits {
        self.holdings.own.grant().limits()
    }

    /// The parent whose bucket is charged too.
    pub fn parent(&self) -> Option<&EntityId> {
        self.holdings.parent.as_deref().map(|parent| &parent.key().entity)
    }

    /// Tokens of the limit `name` that the lease counts as used: the cost, adjusted since.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        let used = self.holdings.iter().find_map(|holding| Some(holding.shares()[holding.index(name)?].used))?;
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
        self.holdings.iter().flat_map(|holding| holding.statuses())
    }

    /// Charges what was used. Nothing to write where it is what was charged before.
    ///
    /// The difference is on its way when this returns, and is written with the bucket's next write
    /// or within the limiter's flush time. Await the settlement to know that it is.
    #[inline]
    pub fn commit(mut self) -> Settlement {
        self.holdings.settle()
    }

    /// Gives everything back.
    pub fn rollback(mut self) -> Settlement {
        self.settle_all(0);
        self.commit()
    }

    /// Sets what was used of every limit.
    pub(crate) fn settle_all(&mut self, tokens: u64) {
        for holding in self.holdings.iter_mut() {
            for share in holding.shares_mut() {
                share.used = to_milli(tokens).min(MOST_USED);
            }
        }
    }

    /// Changes what was used of a limit, in every bucket that has it.
    fn edit(&mut self, name: &str, change: impl Fn(i64) -> i64) -> Result<(), Invalid> {
        let mut found = false;
        for holding in self.holdings.iter_mut() {
            if let Some(index) = holding.index(name) {
                let used = &mut holding.shares_mut()[index].used;
                *used = change(*used);
                found = true;
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
        if self.holdings.iter().all(|holding| holding.index(name).is_none()) {
            return Err(Invalid::UnknownLimit(name.into()).into());
        }
        let parent = self.holdings.parent.as_deref();
        let charges = Charges {
            own: self.holdings.own.charge(name, tokens)?,
            parent: parent.map(|parent| parent.charge(name, tokens)).transpose()?.map(Box::new),
        };
        let started = charge(charges, self.deadline);
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
        self.holdings.absorb(more);
    }

    /// Tokens of the limit `name` that are used beyond what was charged, rounded up: that debt the
    /// worst of its buckets would have.
    pub(crate) fn overdraft(&self, name: &str) -> u64 {
        let beyond = self.holdings.iter().filter_map(|holding| {
            let share = &holding.shares()[holding.index(name)?];
            u64::try_from(share.used.saturating_sub(share.charged)).ok()
        });
        beyond.max().unwrap_or(0).div_ceil(MILLI.unsigned_abs())
    }

    /// What full buckets hold of the limit `name`, in tokens: the least of them.
    pub(crate) fn capacity(&self, name: &str) -> Option<u64> {
        self.holdings.iter().filter_map(|h| Some(h.grant().limits()[h.index(name)?].capacity())).min()
    }

    /// The place of the limit `name` among all that the lease holds: the entity's own first.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let own = self.holdings.own.index(name);
        own.or_else(|| Some(self.limits().len() + self.holdings.parent.as_deref()?.index(name)?))
    }
}

/// Granted in addition to a lease. Dropped: given back.
#[derive(Debug)]
pub(crate) struct More(Holdings);
