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
        terms::Started,
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
    /// `None` if the limit only observes and was not charged.
    granted: Option<Grants>,
    /// The observing limit, if it was short.
    short: Vec<LimitStatus>,
}

impl Lease {
    /// Asks the buckets of a part for more. The future does not borrow the lease.
    pub(crate) fn ask(
        &self,
        part: PartIndex,
        name: &str,
        tokens: u64,
    ) -> Result<impl Future<Output = Result<More, Error>> + Send + use<>, Error> {
        if self.part_at(part).position(name).is_none() {
            return Err(Invalid::UnknownLimit(name.into()).into());
        }
        let extras = self.extras();
        let observes = extras.is_some_and(|extras| extras.covers(name));
        let passes_all = extras.is_some_and(LeaseExtras::covers_all);
        let mut short = Vec::new();
        let resource = (part > 0).then(|| self.part_at(part).resource());
        let started = if extras.is_some_and(|extras| extras.leaves_alone(resource, name)) {
            None
        } else {
            Some(
                self.charges(part, name, tokens)
                    .map(|charges| charge(charges, self.deadline())),
            )
        };
        let started = match started {
            Some(Err(Error::ExceedsCapacity(_))) if observes => {
                let asked = |status| LimitStatus {
                    requested: tokens,
                    retry_after: None,
                    ..status
                };
                short.extend(
                    self.part_at(part)
                        .statuses()
                        .into_iter()
                        .filter(|status| *status.limit.name() == name)
                        .map(asked),
                );
                None
            }
            started => started.transpose()?,
        };
        let name = LimitName::new(name)?;
        let resource = resource.cloned();
        Ok(async move {
            let more = match started {
                None => {
                    return Ok(More {
                        part,
                        granted: None,
                        short,
                    });
                }
                Some(Started::Now(result)) => result,
                Some(Started::Later(charging)) => charging.await,
            };
            telemetry::topped_up(more.as_ref().err());
            match more.map_err(|error| labelled(error, resource)) {
                Ok(granted) => Ok(More {
                    part,
                    granted: Some(granted.own),
                    short: Vec::new(),
                }),
                Err(Error::Denied(denied)) if observes => {
                    let short = denied
                        .limits
                        .into_iter()
                        .filter(|status| *status.limit.name() == name);
                    Ok(More {
                        part,
                        granted: None,
                        short: short.filter(LimitStatus::exceeded).collect(),
                    })
                }
                Err(Error::Unavailable(_)) if passes_all => Ok(More {
                    part,
                    granted: None,
                    short,
                }),
                Err(error) => Err(error),
            }
        })
    }

    fn charges(&self, part: PartIndex, name: &str, tokens: u64) -> Result<Charges, Error> {
        let grants = match &self.form {
            LeaseForm::Inline(inline) => {
                let bucket = inline.bucket().ok_or(Invalid::LeaseClosed)?;
                let own = Charge::more(&bucket, Owner::Entity, false, name, tokens)?;
                let others = Vec::new();
                return Ok(Charges { own, others });
            }
            LeaseForm::Boxed(boxed) => self.also_at(part).unwrap_or(&boxed.grants),
        };
        let parents = grants.parents.iter();
        Ok(Charges {
            own: Charge::more_of(&grants.own, name, tokens)?,
            others: parents
                .map(|parent| Charge::more_of(parent, name, tokens))
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

/// Returns the error with the resource of its statuses, as a denial of the whole request has them.
fn labelled(mut error: Error, resource: Option<Resource>) -> Error {
    if let Error::Denied(denied) = &mut error {
        for status in &mut denied.limits {
            status.resource.clone_from(&resource);
        }
    }
    error
}
