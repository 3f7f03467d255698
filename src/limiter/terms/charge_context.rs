//! The context of a charge.

use std::{sync::Arc, time::Duration};

use crate::{
    limiter::terms::{Amounts, ConfigVersion, KnownFlags, Prefetch},
    model::{Limits, ParentLink},
};

/// The context of a charge: everything that a bucket needs to know in addition to the amounts.
#[derive(Clone, Debug)]
pub(crate) struct ChargeContext {
    /// The version of the limits that are charged.
    pub(crate) version: ConfigVersion,
    /// `true` if the limits are the entity's own: then the bucket never expires.
    pub(crate) own: bool,
    /// The flags of the stored configs.
    pub(crate) flags: KnownFlags,
    /// The parent of the bucket's entity, if one is known.
    pub(crate) lineage: Option<Arc<ParentLink>>,
    pub(crate) prefetch: Option<Prefetch>,
    /// `true` if a child and its parent are charged in one transaction.
    pub(crate) in_one_transaction: bool,
    /// `true` if a lease asks for more. If the request is dropped, its charge is always given back.
    pub(crate) is_top_up: bool,
    /// The longest wait for capacity; `None` if the request does not wait.
    pub(crate) patience: Option<Box<Patience>>,
}

/// The time for which a request waits, and the debt that it may leave.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// The longest wait in ms.
    pub(crate) most: i64,
    /// The refill of each limit in that time, in millitokens: the largest debt that the bucket may
    /// have.
    pub(crate) debts: Amounts,
}

impl Patience {
    /// Computes the debts for other parameters of the limits. A limit without a debt gets none.
    pub(crate) fn follow(&mut self, limits: &Limits, now: i64) {
        for (debt, limit) in self
            .debts
            .iter_mut()
            .zip(limits.iter())
            .filter(|(debt, _)| **debt > 0)
        {
            *debt = limit.refill_in(self.most, now);
        }
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.most).unwrap_or(0))
    }
}

impl ChargeContext {
    /// Returns the context of the same charge without a wait.
    pub(crate) fn impatient(&self) -> Self {
        Self {
            patience: None,
            ..self.clone()
        }
    }
}
