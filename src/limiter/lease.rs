//! A granted cost.

use std::time::Duration;

use super::{
    grant::{Amounts, Grant},
    settlement::Settlement,
};
use crate::{
    error::{Error, Invalid},
    model::{EntityId, Level, LimitStatus, Limits, MILLI, Parameters, Resource, plan, to_milli},
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
    grant: Grant,
    /// Used so far, by all that is known: millitokens in the order of the limits, none negative.
    used: Amounts,
    deadline: Duration,
}

impl Lease {
    pub(super) fn new(grant: Grant, deadline: Duration) -> Self {
        let used = grant.charged().into();
        Self { grant, used, deadline }
    }

    /// Who is charged.
    pub fn entity(&self) -> &EntityId {
        &self.grant.bucket().key().entity
    }

    /// For what.
    pub fn resource(&self) -> &Resource {
        &self.grant.bucket().key().resource
    }

    /// The limits of the bucket.
    pub fn limits(&self) -> &Limits {
        self.grant.limits()
    }

    /// Tokens of the limit `name` that the lease counts as used: the cost, adjusted since.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        let used = self.used[self.limits().index(name)?];
        u64::try_from(used / MILLI).ok()
    }

    /// Corrects what was used of the limit `name` by a difference in tokens. Local: no round
    /// trip, and no limit on how much more is used; the bucket may go into debt. Use never falls
    /// below zero.
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`].
    pub fn adjust(&mut self, name: &str, tokens: i64) -> Result<(), Invalid> {
        let index = self.index(name)?;
        let used = self.used[index].saturating_add(tokens.saturating_mul(MILLI));
        // Never mint: what was not charged cannot be given back.
        self.used[index] = used.clamp(0, MOST_USED);
        Ok(())
    }

    /// Sets what was really used of the limit `name`, in tokens. Local, like
    /// [`adjust`](Self::adjust).
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`].
    pub fn settle(&mut self, name: &str, tokens: u64) -> Result<(), Invalid> {
        let index = self.index(name)?;
        self.used[index] = to_milli(tokens).min(MOST_USED);
        Ok(())
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

    /// Where the limits stood when the tokens were granted, less what was adjusted since. No round
    /// trip: other requests are not in it.
    pub fn status(&self) -> Vec<LimitStatus> {
        let grant = &self.grant;
        let amounts = self.used.iter().zip(grant.charged()).zip(grant.left());
        self.limits()
            .iter()
            .zip(amounts)
            .map(|(limit, ((used, charged), left))| {
                let tokens = left.saturating_add(charged.saturating_sub(*used));
                let mut status =
                    plan::status(limit, Parameters::from(limit).whole(), Level { tokens, remainder: 0 }, 0, 0);
                status.requested = u64::try_from(used / MILLI).unwrap_or(0);
                status
            })
            .collect()
    }

    /// Charges what was used. Nothing to write where it is what was charged before.
    ///
    /// The difference is on its way when this returns, and is written with the bucket's next write
    /// or within the limiter's flush time. Await the settlement to know that it is.
    pub fn commit(self) -> Settlement {
        self.grant.settle(&self.used)
    }

    /// Gives everything back.
    pub fn rollback(mut self) -> Settlement {
        self.used.fill(0);
        self.commit()
    }

    fn index(&self, name: &str) -> Result<usize, Invalid> {
        self.limits().index(name).ok_or_else(|| Invalid::UnknownLimit(name.into()))
    }

    /// Asks the bucket for more, without holding on to the lease.
    pub(crate) fn ask(
        &self,
        name: &str,
        tokens: u64,
    ) -> Result<impl Future<Output = Result<More, Error>> + Send + use<>, Error> {
        let index = self.index(name)?;
        let limit = &self.limits()[index];
        if tokens > limit.capacity() {
            return Err(crate::error::ExceedsCapacity {
                entity: self.entity().clone(),
                resource: self.resource().clone(),
                limit: limit.name().clone(),
                requested: tokens,
                capacity: limit.capacity(),
            }
            .into());
        }
        let mut amounts: Amounts = self.limits().iter().map(|_| 0).collect();
        amounts[index] = to_milli(tokens);
        let bucket = self.grant.bucket().clone();
        let acquiring = bucket.acquire(self.limits(), amounts, self.deadline);
        Ok(async move { acquiring.await.into_result(bucket.key()).map(More) })
    }

    /// Takes over what was granted in addition.
    pub(crate) fn absorb(&mut self, More(more): More) {
        for (used, charged) in self.used.iter_mut().zip(more.charged()) {
            *used = used.saturating_add(*charged).min(MOST_USED);
        }
        self.grant.absorb(more);
    }
}

/// Granted in addition to a lease. Dropped: given back.
#[derive(Debug)]
pub(crate) struct More(Grant);

/// The most that one lease can count as used: what the widest limit holds.
const MOST_USED: i64 = crate::model::Limit::MAX_TOKENS as i64 * MILLI;
