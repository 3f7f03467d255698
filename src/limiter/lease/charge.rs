//! The charges of a request or of a lease that asks for more: the amounts for each bucket.

use crate::{
    error::ExceedsCapacity,
    limiter::{
        bucket::{Bucket, Grant},
        terms::{Amounts, ChargeContext, ConfigVersion},
    },
    model::{KeyParts, LimitName, Owner, to_milli},
};

/// A charge of one bucket.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) bucket: Bucket,
    pub(crate) owner: Owner,
    pub(crate) context: ChargeContext,
    pub(crate) amounts: Amounts,
}

impl Charge {
    /// Returns a charge of more tokens of the `asked` limits for a lease, and of nothing of the
    /// other limits. The limits belong to `owner`, and are the entity's own if `own` is `true`.
    pub(crate) fn more(
        bucket: &Bucket,
        owner: Owner,
        own: bool,
        asked: &[(LimitName, u64)],
    ) -> Result<Self, ExceedsCapacity> {
        let limits = bucket.limits();
        let KeyParts {
            entity, resource, ..
        } = bucket.key();
        let mut amounts: Amounts = limits.iter().map(|_| 0).collect();
        for (name, tokens) in asked {
            let Some(index) = limits.index(name.as_str()) else {
                continue;
            };
            let limit = &limits[index];
            if *tokens > limit.capacity() {
                return Err(ExceedsCapacity {
                    entity: entity.clone(),
                    resource: resource.clone(),
                    owner,
                    limit: limit.name().clone(),
                    requested: *tokens,
                    capacity: limit.capacity(),
                });
            }
            amounts[index] = to_milli(*tokens);
        }
        // By now the bucket may have other limits than those that granted the lease. This charge
        // does not change them.
        let context = ChargeContext {
            version: ConfigVersion::OLDEST,
            own,
            lineage: None,
            prefetch: None,
            in_one_transaction: false,
            is_top_up: true,
            patience: None,
        };
        Ok(Self {
            bucket: bucket.clone(),
            owner,
            context,
            amounts,
        })
    }

    /// Returns a charge of more tokens for the bucket of `grant`, which a lease holds.
    pub(crate) fn more_of(
        grant: &Grant,
        asked: &[(LimitName, u64)],
    ) -> Result<Self, ExceedsCapacity> {
        let mut charge = Self::more(grant.bucket(), grant.owner(), grant.own(), asked)?;
        charge.context.in_one_transaction = grant.is_in_one_transaction();
        Ok(charge)
    }
}

/// The charges of a request.
#[derive(Clone, Debug)]
pub(crate) struct Charges {
    pub(crate) own: Charge,
    pub(crate) parent: Option<Box<Charge>>,
}

impl Charges {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Charge> + Clone {
        std::iter::once(&self.own).chain(self.parent.as_deref())
    }

    /// Returns `true` if some amount is not zero.
    pub(crate) fn asks_for_something(&self) -> bool {
        self.iter()
            .any(|charge| charge.amounts.iter().any(|amount| *amount > 0))
    }

    /// Charges nothing of a limit.
    pub(crate) fn leave_out(&mut self, name: &LimitName) {
        for charge in std::iter::once(&mut self.own).chain(self.parent.as_deref_mut()) {
            if let Some(index) = charge.bucket.limits().index(name.as_str()) {
                charge.amounts[index] = 0;
            }
        }
    }
}
