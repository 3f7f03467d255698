//! Charging the buckets of one request, all or none: the entity's, and its parent's if it cascades.
#![allow(clippy::disallowed_methods, reason = "no owner yet: the time left until a deadline")]

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use smallvec::SmallVec;
use tokio::time::Instant;

use super::{
    bucket::{Acquiring, Asked, Bucket, Refusal, Verdict},
    deadline::Deadline,
    lease::{Amounts, Grant, Holding, Holdings},
    prefetch::Prefetch,
    together,
};
use crate::{
    error::{Disabled, Error, Invalid, Unavailable},
    model::{Denied, KeyParts, LimitStatus, Limits, Lineage, Owner},
};

/// A charge of one bucket.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) bucket: Bucket,
    pub(super) owner: Owner,
    pub(super) mode: Mode,
    pub(super) amounts: Amounts,
}

/// The context of a charge: all that a bucket needs to know beside the amounts.
#[derive(Clone, Debug)]
pub(super) struct Mode {
    /// The time at which the limits were looked up, epoch ms. `i64::MAX` if the caller set them.
    pub(super) known_at: i64,
    /// `true` if the limits are the entity's own: its bucket is never taken for expired then.
    pub(super) own: bool,
    /// The parent of the bucket's entity, if one is known.
    pub(super) lineage: Option<Arc<Lineage>>,
    pub(super) prefetch: Option<Prefetch>,
    /// `true` if a child and its parent are charged in one transaction.
    pub(super) together: bool,
    /// Set for a request that waits.
    pub(super) patience: Option<Box<Patience>>,
}

/// How long a request waits, and the debt that it may leave.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// The longest wait in ms.
    pub(super) most: i64,
    /// The refill of each limit in that time, in millitokens: the largest debt that the bucket may have.
    pub(super) debts: Amounts,
}

impl Patience {
    /// Computes the debts for other parameters of the limits. A limit without a debt stays without.
    pub(super) fn follow(&mut self, limits: &Limits) {
        for (debt, limit) in self.debts.iter_mut().zip(limits.iter()).filter(|(debt, _)| **debt > 0) {
            *debt = limit.refill_in(self.most);
        }
    }

    pub(super) fn time(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.most).unwrap_or(0))
    }
}

impl Mode {
    /// Returns the same mode for a request that does not wait.
    pub(super) fn impatient(&self) -> Self {
        Self { patience: None, ..self.clone() }
    }
}

/// The charges of a request.
#[derive(Debug)]
pub(super) struct Charges {
    pub(super) own: Charge,
    pub(super) parent: Option<Box<Charge>>,
}

impl Charges {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Charge> + Clone {
        std::iter::once(&self.own).chain(self.parent.as_deref())
    }
}

/// The result of asking all buckets of a request.
#[derive(Debug)]
pub(super) enum Charged {
    /// All buckets have answered.
    Done(Result<Holdings, Error>),
    /// The store was asked and has not answered yet.
    Waiting(Box<Charging>),
}

/// Asks all buckets.
#[inline]
pub(super) fn charge(charges: Charges, deadline: Deadline) -> Charged {
    let Charges { own: mut charge, parent } = charges;
    if let Some(parent) = parent {
        return charge_both(charge, *parent, deadline);
    }
    match charge.bucket.acquire(&charge.mode, &charge.amounts, deadline) {
        Asked::Granted(shares, starts_at) => {
            let Charge { bucket, owner, mode, .. } = charge;
            let grant = Grant::new(bucket, shares).starting_at(starts_at);
            Charged::Done(Ok(Holdings::one(Holding::new(grant, owner, mode.own))))
        }
        Asked::Refused(refusal) => Charged::Done(Err(refused(&charge.bucket, refusal))),
        Asked::Denied(statuses) => Charged::Done(Err(denied(charge.bucket.key(), statuses))),
        Asked::Unavailable(error) => Charged::Done(Err(error.into())),
        Asked::Waiting(acquiring) => {
            Charged::Waiting(Box::new(Charging::new([(charge, Answer::Coming(acquiring))], deadline)))
        }
    }
}

fn charge_both(own: Charge, parent: Charge, deadline: Deadline) -> Charged {
    let charges = [own, parent];
    for charge in &charges {
        if let Some(refusal) = charge.bucket.known_refusal() {
            return Charged::Done(Err(refused(&charge.bucket, refusal)));
        }
    }
    // Check both before either is charged: if the parent is known to be short, the request costs nothing.
    let known = charges.each_ref().map(|charge| charge.bucket.known_denial(&charge.mode, &charge.amounts));
    if known.iter().any(Option::is_some) {
        return Charged::Done(Err(denied_among(charges.iter().zip(known))));
    }
    if charges[0].mode.together
        && let Some(started) = together::start(&charges, deadline)
    {
        let [own, parent] = charges;
        let [own_answer, parent_answer] = match started {
            Ok(answers) => answers,
            Err(error) => return Charged::Done(Err(error.into())),
        };
        let asked = [(own, own_answer), (parent, parent_answer)].map(|(charge, answer)| {
            let answer = Acquiring::together(&charge.bucket, answer, deadline);
            (
                charge,
                answer.map_or(Answer::Unavailable(Unavailable::Internal("no answer of a transaction")), |answer| {
                    Answer::Coming(answer.into())
                }),
            )
        });
        return Charged::Waiting(Box::new(Charging::new(asked, deadline)));
    }
    // If one bucket was short when it was last seen, but too long ago to deny from that, it is asked alone. If it is
    // still short, the other one needs no charge and no give-back.
    let first = charges.iter().position(|charge| charge.bucket.seems_short(&charge.mode, &charge.amounts));
    let asked = [0, 1].into_iter().zip(charges).map(|(index, mut charge)| {
        let later = first.is_some_and(|first| first != index);
        let answer = if later { Answer::Later } else { Answer::to(&mut charge, deadline) };
        (charge, answer)
    });
    let charging = Charging::new(asked, deadline);
    match charging.is_complete() {
        true => Charged::Done(charging.conclude()),
        false => Charged::Waiting(Box::new(charging)),
    }
}

/// A request that waits for its buckets. If it is dropped, its grants are given back, but only a limited number of
/// times.
#[derive(Debug)]
pub(super) struct Charging {
    /// The entity's bucket is the first.
    asked: SmallVec<[(Charge, Answer); 2]>,
    begun: Instant,
    deadline: Deadline,
}

#[derive(Debug)]
enum Answer {
    /// The bucket is asked after all others have granted.
    Later,
    Granted(Grant),
    Denied(Vec<LimitStatus>),
    Refused(Refusal),
    Unavailable(Unavailable),
    Coming(Box<Acquiring>),
}

impl Answer {
    /// Asks the bucket of `charge`.
    fn to(charge: &mut Charge, deadline: Deadline) -> Self {
        match charge.bucket.acquire(&charge.mode, &charge.amounts, deadline) {
            Asked::Granted(shares, starts_at) => {
                Self::Granted(Grant::new(charge.bucket.clone(), shares).starting_at(starts_at))
            }
            Asked::Denied(statuses) => Self::Denied(statuses),
            Asked::Refused(refusal) => Self::Refused(refusal),
            Asked::Unavailable(error) => Self::Unavailable(error),
            Asked::Waiting(acquiring) => Self::Coming(acquiring),
        }
    }
}

impl Charging {
    fn new(asked: impl IntoIterator<Item = (Charge, Answer)>, deadline: Deadline) -> Self {
        Self { asked: asked.into_iter().collect(), begun: Instant::now(), deadline }
    }

    /// Asks the buckets that were left for later if all others have granted. Returns `true` if there were any.
    fn ask_later(&mut self) -> bool {
        let may_go_on = |(_, answer): &(_, Answer)| matches!(answer, Answer::Granted(_) | Answer::Later);
        if !self.asked.iter().all(may_go_on) {
            return false;
        }
        let left = Duration::from(self.deadline).saturating_sub(self.begun.elapsed());
        let mut any = false;
        for (charge, answer) in self.asked.iter_mut().filter(|(_, answer)| matches!(answer, Answer::Later)) {
            *answer = Answer::to(charge, left.into());
            any = true;
        }
        any
    }

    fn is_complete(&self) -> bool {
        let any = |which: fn(&Answer) -> bool| self.asked.iter().any(|(_, answer)| which(answer));
        let failed = |answer: &Answer| !matches!(answer, Answer::Granted(_) | Answer::Coming(_) | Answer::Later);
        !any(|answer| matches!(answer, Answer::Coming(_)))
            && (any(failed) || !any(|answer| matches!(answer, Answer::Later)))
    }

    /// Returns all grants. If one is missing, the others are given back.
    fn conclude(mut self) -> Result<Holdings, Error> {
        let asked = std::mem::take(&mut self.asked);
        if asked.iter().all(|(_, answer)| matches!(answer, Answer::Granted(_))) {
            let granted = asked.into_iter().filter_map(|(charge, answer)| match answer {
                Answer::Granted(grant) => {
                    Some(Holding::new(grant, charge.owner, charge.mode.own).together(charge.mode.together))
                }
                _ => None,
            });
            return Holdings::new(granted).ok_or(Unavailable::Internal("a grant without a bucket").into());
        }
        let mut statuses: SmallVec<[_; 2]> = SmallVec::new();
        let mut unavailable = Unavailable::Internal("no answer");
        let mut short = false;
        let mut refusal = None;
        for (charge, answer) in asked {
            let status = match answer {
                Answer::Granted(grant) => Some(grant.statuses()),
                Answer::Denied(status) => {
                    short = true;
                    Some(status)
                }
                Answer::Refused(why) => {
                    refusal.get_or_insert_with(|| refused(&charge.bucket, why));
                    None
                }
                Answer::Unavailable(error) => {
                    unavailable = error;
                    None
                }
                Answer::Coming(_) | Answer::Later => None,
            };
            statuses.push((charge, status));
        }
        if let Some(error) = refusal {
            return Err(error);
        }
        match short {
            true => Err(denied_among(statuses.iter_mut().map(|(charge, status)| (&*charge, status.take())))),
            false => Err(unavailable.into()),
        }
    }
}

impl Drop for Charging {
    fn drop(&mut self) {
        for (_, answer) in &mut self.asked {
            if let Answer::Granted(grant) = answer {
                grant.cancel();
            }
        }
    }
}

impl Future for Charging {
    type Output = Result<Holdings, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            for (charge, answer) in &mut self.asked {
                if let Answer::Coming(acquiring) = answer
                    && let Poll::Ready(verdict) = acquiring.poll(&charge.bucket, &charge.mode, &charge.amounts, context)
                {
                    *answer = match verdict {
                        Verdict::Granted(grant) => Answer::Granted(grant),
                        Verdict::Denied(statuses) => Answer::Denied(statuses),
                        Verdict::Refused(refusal) => Answer::Refused(refusal),
                        Verdict::Unavailable(error) => Answer::Unavailable(error),
                    };
                }
            }
            if !self.ask_later() {
                break;
            }
        }
        match self.is_complete() {
            true => Poll::Ready(Charging::new(std::mem::take(&mut self.asked), self.deadline).conclude()),
            false => Poll::Pending,
        }
    }
}

/// Returns the error of a bucket that grants nothing, however long the request waits and however small its cost is.
fn refused(bucket: &Bucket, refusal: Refusal) -> Error {
    let KeyParts { entity, resource, .. } = bucket.key();
    match refusal {
        Refusal::Disabled => Disabled::new(entity.clone(), resource.clone()).into(),
        Refusal::NotUnderstood(attribute) => Invalid::NotUnderstood(attribute).into(),
        Refusal::Scripted(error) => *error,
    }
}

/// Returns the denial of a request that charges one bucket.
#[cold]
pub(super) fn denied(KeyParts { entity, resource, .. }: KeyParts<'_>, statuses: Vec<LimitStatus>) -> Error {
    Denied::new(entity.clone(), resource.clone(), statuses).into()
}

/// Returns the denial of a request, with the statuses of all its limits as far as they are known.
fn denied_among<'a>(charges: impl Iterator<Item = (&'a Charge, Option<Vec<LimitStatus>>)>) -> Error {
    let mut first = None;
    let mut limits = Vec::new();
    for (charge, known) in charges {
        let known = known.unwrap_or_else(|| charge.bucket.glance(&charge.amounts));
        if known.iter().any(LimitStatus::exceeded) {
            charge.bucket.write_debts();
        }
        limits.extend(known.into_iter().map(|mut status| {
            status.owner = charge.owner;
            status
        }));
        first.get_or_insert(&charge.bucket);
    }
    match first {
        Some(bucket) => denied(bucket.key(), limits),
        // Cannot happen: every request has a bucket.
        None => Unavailable::Internal("a denial without a bucket").into(),
    }
}
