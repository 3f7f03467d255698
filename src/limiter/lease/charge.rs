//! The charges of a request or of a lease that asks for more: the amounts for each bucket.

use crate::{
    error::ExceedsCapacity,
    limiter::{
        bucket::{Bucket, Grant},
        terms::{Amounts, ChargeContext, ConfigVersion, KnownFlags},
    },
    model::{KeyParts, Owner, to_milli},
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
    /// Returns a charge of `tokens` more of the limit `name` for a lease, and of nothing of the
    /// other limits. The limits belong to `owner`, and are the entity's own if `own` is `true`.
    pub(crate) fn more(
        bucket: &Bucket,
        owner: Owner,
        own: bool,
        name: &str,
        tokens: u64,
    ) -> Result<Self, ExceedsCapacity> {
        let limits = bucket.limits();
        let KeyParts {
            entity, resource, ..
        } = bucket.key();
        let mut amounts: Amounts = limits.iter().map(|_| 0).collect();
        if let Some(index) = limits.index(name) {
            let limit = &limits[index];
            let fits = limit.is_soft() || tokens <= limit.greatest_capacity();
            if !fits && !bucket.is_topped_up(limit, tokens) {
                return Err(ExceedsCapacity {
                    entity: entity.clone(),
                    resource: resource.clone(),
                    owner,
                    limit: limit.name().clone(),
                    requested: tokens,
                    capacity: limit.greatest_capacity(),
                });
            }
            amounts[index] = to_milli(tokens);
        }
        // By now the bucket may have other limits than those that granted the lease. This charge
        // does not change them.
        let context = ChargeContext {
            version: ConfigVersion::OLDEST,
            own,
            flags: KnownFlags::default(),
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

    /// Returns a charge of `tokens` more for the bucket of `grant`, which a lease holds.
    pub(crate) fn more_of(grant: &Grant, name: &str, tokens: u64) -> Result<Self, ExceedsCapacity> {
        let mut charge = Self::more(grant.bucket(), grant.owner(), grant.own(), name, tokens)?;
        charge.context.flags.bypassed = grant.is_bypassed();
        charge.context.in_one_transaction = grant.is_in_one_transaction();
        Ok(charge)
    }
}

/// The charges of a request.
#[derive(Debug)]
pub(crate) struct Charges {
    pub(crate) own: Charge,
    pub(crate) parent: Option<Box<Charge>>,
}

impl Charges {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Charge> + Clone {
        std::iter::once(&self.own).chain(self.parent.as_deref())
    }
}
