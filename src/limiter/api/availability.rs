//! Queries of availability, which charge nothing.

use std::{
    future::{IntoFuture, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use crate::{
    error::{Error, Unavailable},
    limiter::request::{LimitsSource, Request, Target},
    model::{Availability, Cost, IntoLimits, IntoName, LimitName, Owner, Resource},
};

/// Builds a query: await it for an [`Availability`].
///
/// # Errors
/// [`Error::Unavailable`] if the store gave no answer, [`Error::Invalid`] if an argument is wrong.
///
/// # Cost
/// One consistent read for each bucket: of the entity, its parent, and each resource that
/// [`also`](Self::also) adds. No write. In memory no round trip.
#[derive(Clone, Debug)]
#[must_use = "a query does nothing until it is awaited"]
pub struct AvailabilityRequest {
    request: Result<Request, Error>,
}

/// An [`AvailabilityRequest`] that returns the time until the cost would be granted.
#[derive(Clone, Debug)]
#[must_use = "a query does nothing until it is awaited"]
pub struct WaitRequest(AvailabilityRequest);

impl AvailabilityRequest {
    /// Creates a query that fails if the answer takes longer than `deadline`.
    pub(crate) fn new(target: Result<Target, Error>, deadline: Duration) -> Self {
        Self {
            request: target
                .map(|target| Request::new(target, LimitsSource::Stored, deadline.into())),
        }
    }

    /// Sets the limits of the bucket, as [`Acquire::limits`](crate::limiter::Acquire::limits) does.
    pub fn limits(mut self, limits: impl IntoLimits) -> Self {
        self.edit(|request| Ok(request.set_limits(limits)?));
        self
    }

    /// Sets the limits of the bucket for the case that none are stored.
    pub fn default_limits(mut self, limits: impl IntoLimits) -> Self {
        self.edit(|request| Ok(request.set_default_limits(limits)?));
        self
    }

    /// Asks about another resource of the entity too, as [`Acquire::also`](super::Acquire::also)
    /// does. One more read.
    pub fn also<N>(
        mut self,
        resource: impl IntoName<Resource>,
        amounts: impl IntoIterator<Item = (N, u64)>,
    ) -> Self
    where
        N: IntoName<LimitName>,
    {
        self.edit(|request| {
            let mut cost = Cost::new();
            for (name, tokens) in amounts {
                cost.set(name.into_name()?, tokens);
            }
            request.also(resource.into_name()?, cost)
        });
        self
    }

    /// Sets the limits of a resource that [`also`](Self::also) has added.
    pub fn also_limits(mut self, resource: &str, limits: impl IntoLimits) -> Self {
        self.edit(|request| request.set_also_limits(resource, limits));
        self
    }

    /// Sets the limits of a resource that [`also`](Self::also) has added, for the case that none are
    /// stored.
    pub fn also_default_limits(mut self, resource: &str, limits: impl IntoLimits) -> Self {
        self.edit(|request| request.set_also_default_limits(resource, limits));
        self
    }

    /// Asks about `tokens` of the limit `name`. A limit that no cost names counts 1.
    pub fn cost(mut self, name: impl IntoName<LimitName>, tokens: u64) -> Self {
        self.edit(|request| request.add_cost(name.as_text(), tokens));
        self
    }

    /// Asks about all amounts of `cost`.
    pub fn costs(mut self, cost: &Cost) -> Self {
        self.edit(|request| {
            request.add_costs(cost);
            Ok(())
        });
        self
    }

    pub(crate) fn wait(self) -> WaitRequest {
        WaitRequest(self)
    }

    fn edit(&mut self, change: impl FnOnce(&mut Request) -> Result<(), Error>) {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(error);
        }
    }

    async fn ask(self) -> Result<Availability, Error> {
        let request = self.request?;
        let Some(mut late) = request.timeout() else {
            return look(request).await;
        };
        let mut looking = pin!(look(request));
        poll_fn(|context| {
            if let Poll::Ready(found) = looking.as_mut().poll(context) {
                return Poll::Ready(found);
            }
            Pin::new(&mut late)
                .poll(context)
                .map(|()| Err(Unavailable::Deadline.into()))
        })
        .await
    }
}

async fn look(request: Request) -> Result<Availability, Error> {
    let mut limits = Vec::new();
    let charges = request.look_up(false).await?;
    let mut bypassed = false;
    for charge in charges.iter() {
        let (statuses, stamped) = charge.bucket.statuses(&charge.amounts).await?;
        let waived = charge.context.flags.bypassed || stamped;
        bypassed |= waived && charge.owner == Owner::Entity;
        let labels = charges.labels(charge);
        limits.extend(statuses.into_iter().map(|status| {
            let mut status = labels.on(status);
            if waived {
                status.retry_after = Some(Duration::ZERO);
            }
            status
        }));
    }
    Ok(Availability { limits, bypassed })
}

impl WaitRequest {
    /// See [`AvailabilityRequest::limits`].
    pub fn limits(self, limits: impl IntoLimits) -> Self {
        Self(self.0.limits(limits))
    }

    /// See [`AvailabilityRequest::default_limits`].
    pub fn default_limits(self, limits: impl IntoLimits) -> Self {
        Self(self.0.default_limits(limits))
    }

    /// See [`AvailabilityRequest::also`].
    pub fn also<N>(
        self,
        resource: impl IntoName<Resource>,
        amounts: impl IntoIterator<Item = (N, u64)>,
    ) -> Self
    where
        N: IntoName<LimitName>,
    {
        Self(self.0.also(resource, amounts))
    }

    /// See [`AvailabilityRequest::also_limits`].
    pub fn also_limits(self, resource: &str, limits: impl IntoLimits) -> Self {
        Self(self.0.also_limits(resource, limits))
    }

    /// See [`AvailabilityRequest::also_default_limits`].
    pub fn also_default_limits(self, resource: &str, limits: impl IntoLimits) -> Self {
        Self(self.0.also_default_limits(resource, limits))
    }

    /// See [`AvailabilityRequest::cost`].
    pub fn cost(self, name: impl IntoName<LimitName>, tokens: u64) -> Self {
        Self(self.0.cost(name, tokens))
    }

    /// See [`AvailabilityRequest::costs`].
    pub fn costs(self, cost: &Cost) -> Self {
        Self(self.0.costs(cost))
    }
}

impl IntoFuture for AvailabilityRequest {
    type Output = Result<Availability, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}

impl IntoFuture for WaitRequest {
    type Output = Result<Option<Duration>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(self.0.ask().await?.retry_after()) })
    }
}
