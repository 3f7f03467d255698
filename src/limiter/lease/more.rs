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
    /// Asks the buckets for more of one limit. The future does not borrow the lease.
    pub(crate) fn ask(
        &self,
        name: &str,
        tokens: u64,
    ) -> Result<impl Future<Output = Result<More, Error>> + Send + use<>, Error> {
        self.ask_all(&[(name, tokens)])
    }

    /// Asks the buckets for more of several limits, all or none. The future does not borrow the
    /// lease.
    pub(crate) fn ask_all(
        &self,
        cost: &[(&str, u64)],
    ) -> Result<impl Future<Output = Result<More, Error>> + Send + use<>, Error> {
        let extras = self.extras();
        let uncharged = extras.is_some_and(|extras| extras.uncharged);
        let observes = |name: &str| extras.is_some_and(|extras| extras.covers(name));
        let passes_all = extras.is_some_and(LeaseExtras::covers_all);
        let mut asked = Vec::with_capacity(1);
        for &(name, tokens) in cost {
            if uncharged {
                continue;
            }
            if self.position(name).is_none() {
                return Err(Invalid::UnknownLimit(name.into()).into());
            }
            if !extras.is_some_and(|extras| extras.leaves_alone(name)) {
                asked.push((LimitName::new(name)?, tokens));
            }
        }
        let mut short = Vec::new();
        let charges = loop {
            if asked.is_empty() {
                break None;
            }
            match self.charges(&asked) {
                Ok(charges) => break Some(charges),
                Err(Error::ExceedsCapacity(error)) if observes(error.limit.as_str()) => {
                    asked.retain(|(name, _)| *name != error.limit);
                    let asked = |status| LimitStatus {
                        requested: error.requested,
                        retry_after: None,
                        ..status
                    };
                    let statuses = self.each_status();
                    short.extend(
                        statuses
                            .filter(|status| *status.limit.name() == error.limit)
                            .map(asked),
                    );
                }
                Err(error) => return Err(error),
            }
        };
        asked.retain(|(name, _)| observes(name.as_str()));
        let deadline = self.deadline();
        // If limits that only observe deny the charge, it is made again without them.
        let mut rest = charges.as_ref().filter(|_| !asked.is_empty()).cloned();
        let started = charges.map(|charges| charge(charges, deadline));
        Ok(async move {
            let mut granted = None;
            let mut started = started;
            while let Some(charging) = started.take() {
                let result = charging.result().await;
                telemetry::topped_up(result.as_ref().err());
                match result {
                    Ok(grants) => granted = Some(grants),
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
            Ok(More { granted, short })
        })
    }

    fn charges(&self, asked: &[(LimitName, u64)]) -> Result<Charges, Error> {
        match &self.form {
            LeaseForm::Inline(inline) => {
                let bucket = inline.bucket().ok_or(Invalid::LeaseClosed)?;
                let own = Charge::more(&bucket, Owner::Entity, false, asked)?;
                Ok(Charges { own, parent: None })
            }
            LeaseForm::Boxed(boxed) => {
                let parent = boxed.grants.parent.as_deref();
                Ok(Charges {
                    own: Charge::more_of(&boxed.grants.own, asked)?,
                    parent: parent
                        .map(|parent| Charge::more_of(parent, asked))
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
