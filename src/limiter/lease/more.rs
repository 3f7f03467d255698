//! More tokens for a lease.

use crate::{
    error::{Error, Invalid},
    limiter::{
        bucket::Grants,
        lease::{
            Lease, LeaseForm,
            charge::{Charge, Charges},
            charging::charge,
            extras::LeaseExtras,
            part::PartIndex,
        },
    },
    model::{LimitName, LimitStatus, Owner, Resource},
    telemetry,
};

/// Tokens that were granted in addition to a lease. If the value is dropped, the tokens are given
/// back.
#[derive(Debug)]
pub(crate) struct More {
    /// The part of the lease for which the tokens are.
    part: PartIndex,
    /// `None` if the limits only observe and were not charged.
    granted: Option<Grants>,
    /// The observing limits that were short.
    short: Vec<LimitStatus>,
}

impl Lease {
    /// Asks the buckets of a part for more of one limit. The future does not borrow the lease.
    pub(crate) fn ask(
        &self,
        part: PartIndex,
        name: &str,
        tokens: u64,
    ) -> Result<impl Future<Output = Result<More, Error>> + Send + use<>, Error> {
        self.ask_all(part, &[(name, tokens)])
    }

    /// Asks the buckets of a part for more of several limits, all or none. The future does not
    /// borrow the lease.
    pub(crate) fn ask_all(
        &self,
        part: PartIndex,
        cost: &[(&str, u64)],
    ) -> Result<impl Future<Output = Result<More, Error>> + Send + use<>, Error> {
        let extras = self.extras();
        let uncharged = extras.is_some_and(|extras| extras.uncharged);
        let observes = |name: &str| extras.is_some_and(|extras| extras.covers(name));
        let passes_all = extras.is_some_and(LeaseExtras::covers_all);
        let resource = (part > 0).then(|| self.part_at(part).resource());
        let mut asked = Vec::with_capacity(1);
        for &(name, tokens) in cost {
            if uncharged {
                continue;
            }
            if self.part_at(part).position(name).is_none() {
                return Err(Invalid::UnknownLimit(name.into()).into());
            }
            if !extras.is_some_and(|extras| extras.leaves_alone(resource, name)) {
                asked.push((LimitName::new(name)?, tokens));
            }
        }
        let mut short = Vec::new();
        let charges = loop {
            if asked.is_empty() {
                break None;
            }
            match self.charges(part, &asked) {
                Ok(charges) => break Some(charges),
                Err(Error::ExceedsCapacity(error)) if observes(error.limit.as_str()) => {
                    asked.retain(|(name, _)| *name != error.limit);
                    let asked = |status| LimitStatus {
                        requested: error.requested,
                        retry_after: None,
                        ..status
                    };
                    let statuses = self.part_at(part).statuses().into_iter();
                    short.extend(
                        statuses
                            .filter(|status| *status.limit.name() == error.limit)
                            .map(asked),
                    );
                }
                Err(error) => return Err(labelled(error, resource)),
            }
        };
        asked.retain(|(name, _)| observes(name.as_str()));
        let deadline = self.deadline();
        let resource = resource.cloned();
        // If limits that only observe deny the charge, it is made again without them.
        let mut rest = charges.as_ref().filter(|_| !asked.is_empty()).cloned();
        let started = charges.map(|charges| charge(charges, deadline));
        Ok(async move {
            let mut granted = None;
            let mut started = started;
            while let Some(charging) = started.take() {
                let result = charging.result().await;
                telemetry::topped_up(result.as_ref().err());
                match result.map_err(|error| labelled(error, resource.as_ref())) {
                    Ok(grants) => granted = Some(grants.own),
                    Err(Error::Denied(denied)) => {
                        let covered = |status: &LimitStatus| {
                            asked.iter().any(|(name, _)| status.limit.name() == name)
                        };
                        let Some(rest) = rest.as_mut().filter(|_| {
                            denied.violated().all(covered) && denied.violated().next().is_some()
                        }) else {
                            return Err(Error::Denied(denied));
                        };
                        for status in denied.violated() {
                            rest.leave_out(status.limit.name());
                            short.push(status.clone());
                        }
                        asked.retain(|(name, _)| {
                            !denied.violated().any(|status| status.limit.name() == name)
                        });
                        if rest.asks_for_something() {
                            started = Some(charge(rest.clone(), deadline));
                        }
                    }
                    Err(Error::Unavailable(_)) if passes_all => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(More {
                part,
                granted,
                short,
            })
        })
    }

    fn charges(&self, part: PartIndex, asked: &[(LimitName, u64)]) -> Result<Charges, Error> {
        let grants = match &self.form {
            LeaseForm::Inline(inline) => {
                let bucket = inline.bucket().ok_or(Invalid::LeaseClosed)?;
                let own = Charge::more(&bucket, Owner::Entity, false, asked)?;
                let others = Vec::new();
                return Ok(Charges { own, others });
            }
            LeaseForm::Boxed(boxed) => self.also_at(part).unwrap_or(&boxed.grants),
        };
        let parents = grants.parents.iter();
        Ok(Charges {
            own: Charge::more_of(&grants.own, asked)?,
            others: parents
                .map(|parent| Charge::more_of(parent, asked))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Adds the tokens that were granted in addition.
    pub(crate) fn absorb(&mut self, more: More) {
        if let Some(granted) = more.granted {
            if let Some(also) = self.also_at_mut(more.part) {
                also.absorb(granted);
            } else if let Some(boxed) = self.boxed_mut() {
                boxed.grants.absorb(granted);
            }
        }
        if !more.short.is_empty() {
            telemetry::shadow_denial(self.resource(), &more.short);
            self.observe(more.short, false);
        }
    }
}

/// Returns the error with the added resource, as an error of the whole request has it.
fn labelled(mut error: Error, resource: Option<&Resource>) -> Error {
    match &mut error {
        Error::Denied(denied) => {
            for status in &mut denied.limits {
                status.resource = resource.cloned();
            }
        }
        Error::ExceedsCapacity(exceeded) => exceeded.added = resource.cloned(),
        _ => {}
    }
    error
}
