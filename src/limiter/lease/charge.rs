//! The charges of a request or of a lease that asks for more: the amounts for each bucket.

use crate::{
    error::{Error, ExceedsCapacity, Unavailable},
    limiter::{
        bucket::{Bucket, Grant},
        terms::{Amounts, ChargeContext, ConfigVersion, KnownFlags},
    },
    model::{KeyParts, LimitName, LimitStatus, Owner, Resource, to_milli},
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
            let fits = limit.is_soft() || *tokens <= limit.greatest_capacity();
            if !fits && !bucket.is_topped_up(limit, *tokens) {
                return Err(ExceedsCapacity {
                    entity: entity.clone(),
                    resource: resource.clone(),
                    owner,
                    limit: limit.name().clone(),
                    requested: *tokens,
                    capacity: limit.greatest_capacity(),
                });
            }
            amounts[index] = to_milli(*tokens);
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

    /// Returns a charge of more tokens for the bucket of `grant`, which a lease holds.
    pub(crate) fn more_of(
        grant: &Grant,
        asked: &[(LimitName, u64)],
    ) -> Result<Self, ExceedsCapacity> {
        let mut charge = Self::more(grant.bucket(), grant.owner(), grant.own(), asked)?;
        charge.context.flags.bypassed = grant.is_bypassed();
        charge.context.in_one_transaction = grant.is_in_one_transaction();
        Ok(charge)
    }
}

/// The charges of a request: all of them are granted, or none.
#[derive(Clone, Debug)]
pub(crate) struct Charges {
    /// The charge of the request's own bucket.
    pub(crate) own: Charge,
    /// The charges of the other buckets: those of the parents for the same resource, then for each
    /// further resource that of the entity's bucket, followed by those of the parents.
    pub(crate) others: Vec<Charge>,
}

impl Charges {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Charge> + Clone {
        std::iter::once(&self.own).chain(&self.others)
    }

    /// Returns `true` if some amount is not zero.
    pub(crate) fn asks_for_something(&self) -> bool {
        self.iter()
            .any(|charge| charge.amounts.iter().any(|amount| *amount > 0))
    }

    /// Charges nothing of a limit.
    pub(crate) fn leave_out(&mut self, name: &LimitName) {
        for charge in std::iter::once(&mut self.own).chain(&mut self.others) {
            if let Some(index) = charge.bucket.limits().index(name.as_str()) {
                charge.amounts[index] = 0;
            }
        }
    }

    /// Combines the charges of all resources of a request, its own one first. Returns an error if
    /// there is one: that of a disabled resource, if there is one, or else the first one.
    pub(crate) fn combined(
        resources: impl IntoIterator<Item = Result<Self, Error>>,
    ) -> Result<Self, Error> {
        let (mut all, mut first): (Option<Self>, _) = (None, None);
        for charges in resources {
            match (charges, &mut all) {
                (Ok(charges), None) => all = Some(charges),
                (Ok(charges), Some(all)) => {
                    all.others.push(charges.own);
                    all.others.extend(charges.others);
                }
                (Err(error @ Error::Disabled(_)), _) => return Err(error),
                (Err(error), _) => drop(first.get_or_insert(error)),
            }
        }
        match (first, all) {
            (Some(error), _) => Err(error),
            (None, Some(all)) => Ok(all),
            // Cannot happen: every request has a resource.
            (None, None) => Err(Unavailable::Internal("a request without a resource").into()),
        }
    }

    /// Returns an owner and a resource for the statuses of a charge of this request.
    pub(crate) fn labels(&self, charge: &Charge) -> StatusLabels {
        StatusLabels::new(charge, &self.own)
    }
}

/// The labels of a charge in the statuses of a request.
#[derive(Debug)]
pub(crate) struct StatusLabels {
    owner: Owner,
    /// `None` for the request's own resource.
    resource: Option<Resource>,
}

impl StatusLabels {
    /// Returns the labels of `charge`. `own` is the charge of the request's own bucket.
    pub(crate) fn new(charge: &Charge, own: &Charge) -> Self {
        let resource = charge.bucket.key().resource;
        Self {
            owner: charge.owner,
            resource: (resource != own.bucket.key().resource).then(|| resource.clone()),
        }
    }

    pub(crate) fn on(&self, status: LimitStatus) -> LimitStatus {
        LimitStatus {
            owner: self.owner,
            resource: self.resource.clone(),
            ..status
        }
    }
}
