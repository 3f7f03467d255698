//! Charging the buckets of one request: the entity's, and its parent's where it cascades. All or
//! none.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use smallvec::SmallVec;

use super::{
    bucket::{Acquiring, Bucket, Verdict},
    grant::{Amounts, Grant},
};
use crate::{
    error::{Error, Unavailable},
    model::{BucketKey, Denied, LimitStatus, Limits, Lineage, Owner},
};

/// What is asked of one bucket.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) bucket: Bucket,
    pub(super) owner: Owner,
    pub(super) limits: Limits,
    /// Whether the limits are the entity's own: its bucket never counts as gone then.
    pub(super) own: bool,
    /// The parent of the bucket's entity, where it is known to have one.
    pub(super) lineage: Option<Arc<Lineage>>,
    pub(super) amounts: Amounts,
}

/// The charges of a request: the entity's first.
pub(super) type Charges = SmallVec<[Charge; 1]>;

/// The grants of a request, in the order of its charges.
pub(super) type Grants = SmallVec<[Grant; 1]>;

/// A request whose buckets were asked.
#[derive(Debug)]
pub(super) enum Charged {
    /// All have answered.
    Done(Result<Grants, Error>),
    /// The store is asked.
    Waiting(Charging),
}

/// Asks all buckets.
pub(super) fn charge(charges: Charges, deadline: Duration) -> Charged {
    if charges.len() > 1 {
        // Look at all of them before any is charged: a parent that is known to be short costs nothing.
        let known: SmallVec<[_; 2]> =
            charges.iter().map(|charge| charge.bucket.known_denial(&charge.limits, &charge.amounts)).collect();
        if known.iter().any(Option::is_some) {
            return Charged::Done(Err(denied(&charges, known)));
        }
    }
    let asked = charges.iter().map(|charge| {
        let acquiring = charge.bucket.acquire(charge, deadline);
        match acquiring.now_or_later() {
            Ok(verdict) => Answer::Here(verdict),
            Err(acquiring) => Answer::Coming(acquiring),
        }
    });
    let charging = Charging { answers: asked.collect(), charges };
    match charging.is_complete() {
        true => Charged::Done(charging.conclude()),
        false => Charged::Waiting(charging),
    }
}

/// A request on its way. Dropped: what was granted is given back.
#[derive(Debug)]
pub(super) struct Charging {
    answers: SmallVec<[Answer; 1]>,
    charges: Charges,
}

#[derive(Debug)]
enum Answer {
    Here(Verdict),
    Coming(Acquiring),
}

impl Charging {
    fn is_complete(&self) -> bool {
        self.answers.iter().all(|answer| matches!(answer, Answer::Here(_)))
    }

    /// All grants; or none, and those there are go back.
    fn conclude(mut self) -> Result<Grants, Error> {
        let mut grants = Grants::new();
        let mut statuses: SmallVec<[Option<Vec<LimitStatus>>; 2]> = SmallVec::new();
        let mut unavailable = None;
        let mut short = false;
        for (answer, charge) in std::mem::take(&mut self.answers).into_iter().zip(&self.charges) {
            let status = match answer {
                Answer::Here(Verdict::Granted(grant)) => {
                    let status = grant.statuses(&charge.amounts);
                    grants.push(grant);
                    Some(status)
                }
                Answer::Here(Verdict::Denied(status)) => {
                    short = true;
                    Some(status)
                }
                Answer::Here(Verdict::Unavailable(error)) => {
                    unavailable.get_or_insert(error);
                    None
                }
                Answer::Coming(_) => {
                    unavailable.get_or_insert(Unavailable::ShutDown);
                    None
                }
            };
            statuses.push(status);
        }
        match (short, unavailable) {
            (true, _) => Err(denied(&self.charges, statuses)),
            (false, Some(error)) => Err(error.into()),
            (false, None) => Ok(grants),
        }
    }
}

impl Future for Charging {
    type Output = Result<Grants, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        for answer in &mut self.answers {
            if let Answer::Coming(acquiring) = answer
                && let Poll::Ready(verdict) = Pin::new(acquiring).poll(context)
            {
                *answer = Answer::Here(verdict);
            }
        }
        if !self.is_complete() {
            return Poll::Pending;
        }
        let charges = std::mem::take(&mut self.charges);
        let answers = std::mem::take(&mut self.answers);
        Poll::Ready(Charging { answers, charges }.conclude())
    }
}

/// The denial of a request, with where all its limits stand as far as that is known.
fn denied(charges: &Charges, statuses: SmallVec<[Option<Vec<LimitStatus>>; 2]>) -> Error {
    let limits = charges.iter().zip(statuses).flat_map(|(charge, known)| {
        let known = known.unwrap_or_else(|| charge.bucket.glance(&charge.limits, &charge.amounts));
        known.into_iter().map(|mut status| {
            status.owner = charge.owner;
            status
        })
    });
    let limits = limits.collect();
    match charges.first() {
        Some(Charge { bucket, .. }) => {
            let BucketKey { entity, resource, .. } = bucket.key();
            Denied::new(entity.clone(), resource.clone(), limits).into()
        }
        // A request has a bucket.
        None => Unavailable::ShutDown.into(),
    }
}
