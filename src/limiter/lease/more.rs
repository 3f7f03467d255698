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
        },
        terms::Started,
    },
    model::{LimitName, LimitStatus, Owner},
    telemetry,
};

/// Tokens that were granted in addition to a lease. If the value is dropped, the tokens are given
/// back.
#[derive(Debug)]
pub(crate) struct More {
    /// `None` if the limit only observes and was not charged.
    granted: Option<Grants>,
    /// The observing limit, if it was short.
    short: Vec<LimitStatus>,
}

impl Lease {
    /// Asks the buckets for more. The future does not borrow the lease.
    pub(crate) fn ask(
        &self,
        name: &str,
        tokens: u64,
    ) -> Result<impl Future<Output = Result<More, Error>> + Send + use<>, Error> {
        if self.position(name).is_none() {
            return Err(Invalid::UnknownLimit(name.into()).into());
        }
        let extras = self.extras();
        let observes = extras.is_some_and(|extras| extras.covers(name));
        let passes_all = extras.is_some_and(LeaseExtras::covers_all);
        let mut short = Vec::new();
        let started = if extras.is_some_and(|extras| extras.leaves_alone(name)) {
            None
        } else {
            Some(
                self.charges(name, tokens)
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
                    self.each_status()
                        .filter(|status| *status.limit.name() == name)
                        .map(asked),
                );
                None
            }
            started => started.transpose()?,
        };
        let name = LimitName::new(name)?;
        Ok(async move {
            let more = match started {
                None => {
                    return Ok(More {
                        granted: None,
                        short,
                    });
                }
                Some(Started::Now(result)) => result,
                Some(Started::Later(charging)) => charging.await,
            };
            telemetry::topped_up(more.as_ref().err());
            match more {
                Ok(granted) => Ok(More {
                    granted: Some(granted),
                    short: Vec::new(),
                }),
                Err(Error::Denied(denied)) if observes => {
                    let short = denied
                        .limits
                        .into_iter()
                        .filter(|status| *status.limit.name() == name);
                    Ok(More {
                        granted: None,
                        short: short.filter(LimitStatus::exceeded).collect(),
                    })
                }
                Err(Error::Unavailable(_)) if passes_all => Ok(More {
                    granted: None,
                    short,
                }),
                Err(error) => Err(error),
            }
        })
    }

    fn charges(&self, name: &str, tokens: u64) -> Result<Charges, Error> {
        match &self.form {
            LeaseForm::Inline(inline) => {
                let bucket = inline.bucket().ok_or(Invalid::LeaseClosed)?;
                let own = Charge::more(&bucket, Owner::Entity, false, name, tokens)?;
                Ok(Charges { own, parent: None })
            }
            LeaseForm::Boxed(boxed) => {
                let parent = boxed.grants.parent.as_deref();
                Ok(Charges {
                    own: Charge::more_of(&boxed.grants.own, name, tokens)?,
                    parent: parent
                        .map(|parent| Charge::more_of(parent, name, tokens))
                        .transpose()?
                        .map(Box::new),
                })
            }
        }
    }

    /// Adds the tokens that were granted in addition.
    pub(crate) fn absorb(&mut self, more: More) {
        if let Some(granted) = more.granted
            && let Some(boxed) = self.boxed_mut()
        {
            boxed.grants.absorb(granted);
        }
        if !more.short.is_empty() {
            telemetry::shadow_denial(self.resource(), &more.short);
            self.observe(more.short, false);
        }
    }
}
