//! Requests that charge several resources.

use smallvec::{SmallVec, smallvec};

use super::{AlsoCharge, LimitsSource, MAX_RESOURCES, Request, RequestOptions, Target};
use crate::{
    error::{Error, Invalid},
    limiter::{lease::charge::Charges, terms::Started},
    model::{Cost, IntoLimits, Resource},
};

/// One request for each resource. Nearly all requests have one.
pub(super) type Requests = SmallVec<[Request; 1]>;

impl Request {
    /// Also charges another resource of the entity.
    pub(crate) fn also(&mut self, resource: Resource, cost: Cost) -> Result<(), Error> {
        if *self.key().resource == resource || self.also_charge_mut(&resource).is_some() {
            return Err(Invalid::ResourceRepeated(resource).into());
        }
        let target = self.target.beside(resource)?;
        let also = &mut self.options.also.get_or_insert_default().0;
        if also.len() + 1 >= MAX_RESOURCES {
            let most = MAX_RESOURCES;
            return Err(Invalid::TooManyResources { most }.into());
        }
        also.push(AlsoCharge {
            target,
            limits: LimitsSource::Stored,
            cost,
        });
        Ok(())
    }

    /// Sets the limits of a resource that the request has added.
    pub(crate) fn set_also_limits(
        &mut self,
        resource: &str,
        limits: impl IntoLimits,
    ) -> Result<(), Error> {
        let also = self.known_also(resource)?;
        also.limits = LimitsSource::Exactly(also.target.limits_ref(limits)?);
        Ok(())
    }

    /// Sets the limits of a resource that the request has added, for the case that none are stored.
    pub(crate) fn set_also_default_limits(
        &mut self,
        resource: &str,
        limits: impl IntoLimits,
    ) -> Result<(), Error> {
        let also = self.known_also(resource)?;
        also.limits = LimitsSource::StoredOr(also.target.limits_ref(limits)?);
        Ok(())
    }

    /// Returns the cost of a resource that the request has added.
    pub(super) fn also_cost_mut(&mut self, resource: &Resource) -> Option<&mut Cost> {
        Some(&mut self.also_charge_mut(resource)?.cost)
    }

    /// Returns the cost of a resource that the request must have added.
    pub(crate) fn known_also_cost(&mut self, resource: &str) -> Result<&mut Cost, Invalid> {
        Ok(&mut self.known_also(resource)?.cost)
    }

    fn known_also(&mut self, resource: &str) -> Result<&mut AlsoCharge, Invalid> {
        let mut also = self.options.also.iter_mut().flat_map(|also| &mut also.0);
        also.find(|also| *also.target.key().resource == resource)
            .ok_or_else(|| Invalid::UnknownResource(resource.to_owned()))
    }

    fn also_charge_mut(&mut self, resource: &Resource) -> Option<&mut AlsoCharge> {
        let mut also = self.options.also.iter_mut().flat_map(|also| &mut also.0);
        also.find(|also| also.target.key().resource == resource)
    }

    /// Returns a request for each resource. The first one is the request's own.
    pub(super) fn split(mut self) -> Requests {
        let Some(also) = self.options.also.take() else {
            return smallvec![self];
        };
        if let Target::Gated(gated) = &mut self.target {
            gated.is_one_of_several = true;
        }
        let mut requests = Requests::with_capacity(also.0.len() + 1);
        requests.push(self);
        for charge in also.0 {
            let request = requests[0].beside(charge);
            requests.push(request);
        }
        requests
    }

    /// Returns a request for another resource with the options of this one.
    fn beside(&self, charge: AlsoCharge) -> Self {
        let AlsoCharge {
            mut target,
            limits,
            cost,
        } = charge;
        if let (Target::Gated(own), Target::Gated(also)) = (&self.target, &mut target) {
            also.prefetch = own.prefetch;
            also.in_one_transaction = own.in_one_transaction;
            also.is_one_of_several = true;
        }
        Self {
            target,
            options: RequestOptions {
                limits,
                cost,
                parent: self.options.parent,
                on_unavailable: self.options.on_unavailable,
                deadline: self.options.deadline,
                fallback: self.options.fallback.clone(),
                patience: self.options.patience,
                also: None,
            },
        }
    }

    /// Returns the charges of all resources if everything that they depend on is known. Otherwise
    /// returns the request, for which something must be looked up. The look-ups of all resources
    /// then run already.
    #[cold]
    pub(super) fn plan_several(self) -> Result<Started<Charges, Self>, Error> {
        let mut all = Vec::new();
        let mut is_known = true;
        for request in self.clone().split() {
            match request.plan() {
                Ok(Started::Now(charges)) => all.push(Ok(charges)),
                Ok(Started::Later(_)) => is_known = false,
                Err(error) => all.push(Err(error)),
            }
        }
        if is_known {
            Charges::combined(all).map(Started::Now)
        } else {
            Ok(Started::Later(self))
        }
    }
}
