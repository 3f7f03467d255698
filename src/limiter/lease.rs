//! A granted cost.

use std::time::Duration;

use smallvec::SmallVec;

use super::{
    charge::{Charge, Charged, Charges, Grants, charge},
    grant::{Amounts, Grant},
    settlement::Settlement,
};
use crate::{
    error::{Error, ExceedsCapacity, Invalid},
    model::{
        BucketKey, EntityId, Level, Limit, LimitStatus, Limits, MILLI, Owner, Parameters, Resource, plan, to_milli,
    },
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
    /// The entity's first; its parent's where it is charged too.
    holdings: SmallVec<[Holding; 1]>,
    deadline: Duration,
}

/// What is held of one bucket.
#[derive(Debug)]
struct Holding {
    grant: Grant,
    owner: Owner,
    /// Whether the limits are the entity's own.
    own: bool,
    /// Used so far, by all that is known: millitokens in the order of the limits, none negative.
    used: Amounts,
}

/// Whose buckets a request charges, and whether their limits are their own.
pub(crate) type Shape = SmallVec<[(Owner, bool); 1]>;

impl Lease {
    /// There is at least one grant, and as many as `shape` has entries.
    pub(super) fn new(grants: Grants, shape: Shape, deadline: Duration) -> Self {
        let holdings = grants.into_iter().zip(shape).map(|(grant, (owner, own))| {
            let used = grant.charged().into();
            Holding { grant, owner, own, used }
        });
        Self { holdings: holdings.collect(), deadline }
    }

    /// Who is charged.
    pub fn entity(&self) -> &EntityId {
        &self.holdings[0].grant.bucket().key().entity
    }

    /// For what.
    pub fn resource(&self) -> &Resource {
        &self.holdings[0].grant.bucket().key().resource
    }

    /// The limits of the entity's bucket.
    pub fn limits(&self) -> &Limits {
        self.holdings[0].grant.limits()
    }

    /// The parent whose bucket is charged too.
    pub fn parent(&self) -> Option<&EntityId> {
        self.holdings.get(1).map(|holding| &holding.grant.bucket().key().entity)
    }

    /// Tokens of the limit `name` that the lease counts as used: the cost, adjusted since.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        let used = self.holdings.iter().find_map(|holding| Some(holding.used[holding.index(name)?]))?;
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
        self.holdings.iter().flat_map(Holding::statuses).collect()
    }

    /// Charges what was used. Nothing to write where it is what was charged before.
    ///
    /// The difference is on its way when this returns, and is written with the bucket's next write
    /// or within the limiter's flush time. Await the settlement to know that it is.
    pub fn commit(self) -> Settlement {
        Settlement::all(self.holdings.into_iter().map(|holding| holding.grant.settle(&holding.used)))
    }

    /// Gives everything back.
    pub fn rollback(mut self) -> Settlement {
        for holding in &mut self.holdings {
            holding.used.fill(0);
        }
        self.commit()
    }

    /// Sets what was used of every limit.
    pub(crate) fn settle_all(&mut self, tokens: u64) {
        for holding in &mut self.holdings {
            holding.used.fill(to_milli(tokens).min(MOST_USED));
        }
    }

    /// Changes what was used of a limit, in every bucket that has it.
    fn edit(&mut self, name: &str, change: impl Fn(i64) -> i64) -> Result<(), Invalid> {
        let mut found = false;
        for holding in &mut self.holdings {
            if let Some(index) = holding.index(name) {
                holding.used[index] = change(holding.used[index]);
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
        let mut charges = Charges::new();
        for holding in &self.holdings {
            charges.push(holding.charge(name, tokens)?);
        }
        if self.holdings.iter().all(|holding| holding.index(name).is_none()) {
            return Err(Invalid::UnknownLimit(name.into()).into());
        }
        let started = charge(charges, self.deadline);
        Ok(async move {
            let grants = match started {
                Charged::Done(result) => result?,
                Charged::Waiting(charging) => charging.await?,
            };
            Ok(More(grants))
        })
    }

    /// Takes over what was granted in addition.
    pub(crate) fn absorb(&mut self, More(more): More) {
        for (holding, more) in self.holdings.iter_mut().zip(more) {
            for (used, charged) in holding.used.iter_mut().zip(more.charged()) {
                *used = used.saturating_add(*charged).min(MOST_USED);
            }
            holding.grant.absorb(more);
        }
    }
}

impl Holding {
    fn index(&self, name: &str) -> Option<usize> {
        self.grant.limits().index(name)
    }

    /// `tokens` of the limit `name`, and nothing of the others.
    fn charge(&self, name: &str, tokens: u64) -> Result<Charge, ExceedsCapacity> {
        let limits = self.grant.limits();
        let BucketKey { entity, resource, .. } = self.grant.bucket().key();
        let mut amounts: Amounts = limits.iter().map(|_| 0).collect();
        if let Some(index) = self.index(name) {
            let limit = &limits[index];
            if tokens > limit.capacity() {
                return Err(ExceedsCapacity {
                    entity: entity.clone(),
                    resource: resource.clone(),
                    limit: limit.name().clone(),
                    requested: tokens,
                    capacity: limit.capacity(),
                });
            }
            amounts[index] = to_milli(tokens);
        }
        let bucket = self.grant.bucket().clone();
        Ok(Charge { bucket, owner: self.owner, limits: limits.clone(), own: self.own, lineage: None, amounts })
    }

    fn statuses(&self) -> Vec<LimitStatus> {
        let amounts = self.used.iter().zip(self.grant.charged()).zip(self.grant.left());
        let limits = self.grant.limits().iter().zip(amounts);
        let status = |(limit, ((used, charged), left)): (&Limit, ((&i64, &i64), &i64))| {
            let tokens = left.saturating_add(charged.saturating_sub(*used));
            let level = Level { tokens, remainder: 0 };
            let mut status = plan::status(limit, Parameters::from(limit).whole(), level, 0, 0);
            status.owner = self.owner;
            status.requested = u64::try_from(used / MILLI).unwrap_or(0);
            status
        };
        limits.map(status).collect()
    }
}

/// Granted in addition to a lease. Dropped: given back.
#[derive(Debug)]
pub(crate) struct More(Grants);

/// The most that one lease can count as used: what the widest limit holds.
const MOST_USED: i64 = Limit::MAX_TOKENS as i64 * MILLI;
