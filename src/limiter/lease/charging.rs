//! Charging the buckets of one request, all or none: for each resource the entity's, and those of
//! its parents if it cascades.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use smallvec::SmallVec;

use crate::{
    error::{Disabled, Error, Invalid, Unavailable},
    limiter::{
        bucket::{Acquiring, Bucket, Charged, Grant, GrantedResources, Grants},
        gate::{
            ShardedRequest,
            transaction::{self, TransactionPart},
        },
        lease::charge::{Charge, Charges, StatusLabels},
        terms::{BucketDecision, BucketRefusal, Deadline, Started, Stopwatch},
    },
    model::{Denied, KeyParts, LimitStatus, Owner},
};

/// The grants of all buckets of a request; or the request, if the store was asked and has not
/// answered yet.
pub(crate) type StartedCharge = Started<Result<GrantedResources, Error>, Box<Charging>>;

/// Asks all buckets.
#[inline]
pub(crate) fn charge(charges: Charges, deadline: Deadline) -> StartedCharge {
    let Charges {
        own: mut charge,
        others,
    } = charges;
    if !others.is_empty() {
        return charge_all(charge, others, deadline);
    }
    let asked = charge
        .bucket
        .acquire(&charge.context, &charge.amounts, deadline);
    let decision = match asked {
        Started::Now(decision) => decision,
        Started::Later(acquiring) => {
            return Started::Later(Box::new(Charging::new(
                [(charge, ChargeState::Coming(acquiring))],
                deadline,
            )));
        }
    };
    Started::Now(match decision {
        BucketDecision::Granted(charged) => {
            let own = charge.context.own;
            let grant = Grant::new(charge.bucket, charged, charge.owner, own);
            grant.report_overdraft();
            Ok(GrantedResources::one(Grants::one(grant)))
        }
        BucketDecision::Denied(statuses) => Err(denied(charge.bucket.key(), statuses)),
        BucketDecision::Refused(refusal) => Err(refused(&charge.bucket, refusal)),
        BucketDecision::Unavailable(error) => Err(error.into()),
    })
}

/// The error of a transaction of a bucket that is not in a store. This error cannot happen.
const WITHOUT_GATE: Unavailable = Unavailable::Internal("a transaction without a gate");

/// Asks the own bucket and others, which are charged all or not at all.
fn charge_all(own: Charge, others: Vec<Charge>, deadline: Deadline) -> StartedCharge {
    let mut charges: SmallVec<[Charge; 2]> = SmallVec::with_capacity(1 + others.len());
    charges.push(own);
    charges.extend(others);
    for charge in &charges {
        if let Some(refusal) = charge.bucket.known_refusal() {
            return Started::Now(Err(refused(&charge.bucket, refusal)));
        }
    }
    // Check all before any is charged: if one is known to be short, the request costs nothing.
    let known: SmallVec<[_; 2]> = charges
        .iter()
        .map(|charge| charge.bucket.known_denial(&charge.context, &charge.amounts))
        .collect();
    if known.iter().any(Option::is_some) {
        return Started::Now(Err(denied_among(charges.iter().zip(known))));
    }
    if charges
        .first()
        .is_some_and(|own| own.context.in_one_transaction)
        && let Some(parts) = charges
            .iter()
            .map(|charge| part(charge, deadline))
            .collect()
    {
        let answers = match transaction::start(parts) {
            Ok(answers) => answers,
            Err(error) => return Started::Now(Err(error.into())),
        };
        let asked = charges.into_iter().zip(answers).map(|(charge, answer)| {
            let answer = match &charge.bucket {
                Bucket::Gated { gate, .. } => {
                    ChargeState::Coming(Box::new(Acquiring::transaction(gate, answer, deadline)))
                }
                _ => ChargeState::Decided(BucketDecision::Unavailable(WITHOUT_GATE)),
            };
            (charge, answer)
        });
        return Started::Later(Box::new(Charging::new(asked, deadline)));
    }
    // If a bucket was short when it was last seen, but too long ago to deny by that image, ask this
    // bucket alone. If this bucket is still short, the other buckets need no charge and no
    // give-back.
    let first = charges
        .iter()
        .position(|charge| charge.bucket.seems_short(&charge.context, &charge.amounts));
    let asked = charges.into_iter().enumerate().map(|(index, mut charge)| {
        let later = first.is_some_and(|first| first != index);
        let answer = if later {
            ChargeState::Later
        } else {
            ChargeState::to(&mut charge, deadline)
        };
        (charge, answer)
    });
    let charging = Charging::new(asked, deadline);
    if charging.is_complete() {
        Started::Now(charging.conclude())
    } else {
        Started::Later(Box::new(charging))
    }
}

/// Returns the part of a transaction that charges a bucket in a store.
fn part(charge: &Charge, deadline: Deadline) -> Option<TransactionPart> {
    let Bucket::Gated { gate, limits } = &charge.bucket else {
        return None;
    };
    let until = gate.deadline(deadline.into()).until();
    let request = ShardedRequest {
        limits: limits.clone(),
        context: charge.context.clone(),
        amounts: charge.amounts.clone(),
        until,
    };
    Some((gate.first()?, request))
}

/// A request that waits for its buckets. If the request is dropped, its grants are given back, but
/// only a limited number of times.
#[derive(Debug)]
pub(crate) struct Charging {
    /// The entity's bucket is the first.
    asked: SmallVec<[(Charge, ChargeState); 2]>,
    begun: Stopwatch,
    deadline: Deadline,
}

/// The state of the decision of one bucket.
#[derive(Debug)]
enum ChargeState {
    /// The bucket is not asked before all others have granted.
    Later,
    Decided(BucketDecision<Grant>),
    Coming(Box<Acquiring>),
}

impl ChargeState {
    /// Asks the bucket of `charge`.
    fn to(charge: &mut Charge, deadline: Deadline) -> Self {
        match charge
            .bucket
            .acquire(&charge.context, &charge.amounts, deadline)
        {
            Started::Now(decision) => Self::decided(charge, decision),
            Started::Later(acquiring) => Self::Coming(acquiring),
        }
    }

    fn decided(charge: &Charge, decision: BucketDecision<Charged>) -> Self {
        let grant = |charged| {
            let grant = Grant::new(
                charge.bucket.clone(),
                charged,
                charge.owner,
                charge.context.own,
            )
            .in_one_transaction(charge.context.in_one_transaction);
            grant.report_overdraft();
            grant
        };
        Self::Decided(decision.map(grant))
    }

    fn is_granted(&self) -> bool {
        matches!(self, Self::Decided(BucketDecision::Granted(_)))
    }
}

impl Charging {
    fn new(asked: impl IntoIterator<Item = (Charge, ChargeState)>, deadline: Deadline) -> Self {
        Self {
            asked: asked.into_iter().collect(),
            begun: Stopwatch::start(),
            deadline,
        }
    }

    /// Asks the buckets that were left for later if all others have granted. Returns `true` if
    /// there were any.
    fn ask_later(&mut self) -> bool {
        let may_go_on = |(_, answer): &(_, ChargeState)| {
            answer.is_granted() || matches!(answer, ChargeState::Later)
        };
        if !self.asked.iter().all(may_go_on) {
            return false;
        }
        let left = self.begun.left(self.deadline);
        let mut any = false;
        for (charge, answer) in self
            .asked
            .iter_mut()
            .filter(|(_, answer)| matches!(answer, ChargeState::Later))
        {
            *answer = ChargeState::to(charge, left.into());
            any = true;
        }
        any
    }

    fn is_complete(&self) -> bool {
        let any =
            |which: fn(&ChargeState) -> bool| self.asked.iter().any(|(_, answer)| which(answer));
        let failed = |answer: &ChargeState| {
            matches!(answer, ChargeState::Decided(_)) && !answer.is_granted()
        };
        !any(|answer| matches!(answer, ChargeState::Coming(_)))
            && (any(failed) || !any(|answer| matches!(answer, ChargeState::Later)))
    }

    /// Returns all grants. If one grant is missing, the others are given back.
    fn conclude(mut self) -> Result<GrantedResources, Error> {
        let asked = std::mem::take(&mut self.asked);
        if asked.iter().all(|(_, answer)| answer.is_granted()) {
            let granted = asked.into_iter().filter_map(|(_, answer)| match answer {
                ChargeState::Decided(BucketDecision::Granted(grant)) => Some(grant),
                _ => None,
            });
            return GrantedResources::new(granted)
                .ok_or(Unavailable::Internal("a grant without a bucket").into());
        }
        let mut statuses: SmallVec<[_; 2]> = SmallVec::new();
        let mut unavailable = Unavailable::Internal("no answer");
        let mut short = false;
        let mut refusal = None;
        for (charge, answer) in asked {
            let ChargeState::Decided(decision) = answer else {
                statuses.push((charge, None));
                continue;
            };
            let status = match decision {
                BucketDecision::Granted(grant) => Some(grant.statuses()),
                BucketDecision::Denied(status) => {
                    short = true;
                    // A transaction that was decided by another bucket has no statuses of this one.
                    Some(status).filter(|status| !status.is_empty())
                }
                BucketDecision::Refused(why) => {
                    refusal.get_or_insert_with(|| refused(&charge.bucket, why));
                    None
                }
                BucketDecision::Unavailable(error) => {
                    unavailable = error;
                    None
                }
            };
            statuses.push((charge, status));
        }
        if let Some(error) = refusal {
            return Err(error);
        }
        if short {
            Err(denied_among(
                statuses
                    .iter_mut()
                    .map(|(charge, status)| (&*charge, status.take())),
            ))
        } else {
            Err(unavailable.into())
        }
    }
}

impl Drop for Charging {
    fn drop(&mut self) {
        for (_, answer) in &mut self.asked {
            if let ChargeState::Decided(BucketDecision::Granted(grant)) = answer {
                grant.cancel();
            }
        }
    }
}

impl Future for Charging {
    type Output = Result<GrantedResources, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            for (charge, answer) in &mut self.asked {
                let (ChargeState::Coming(acquiring), Bucket::Gated { gate, limits }) =
                    (&mut *answer, &charge.bucket)
                else {
                    continue;
                };
                if let Poll::Ready(decision) =
                    acquiring.poll(gate, limits, &charge.context, &charge.amounts, cx)
                {
                    *answer = ChargeState::decided(charge, decision.map(Charged::Gate));
                }
            }
            if !self.ask_later() {
                break;
            }
        }
        if self.is_complete() {
            Poll::Ready(Charging::new(std::mem::take(&mut self.asked), self.deadline).conclude())
        } else {
            Poll::Pending
        }
    }
}

/// Returns the error of a bucket that grants nothing, even if the request waits or costs nothing.
fn refused(bucket: &Bucket, refusal: BucketRefusal) -> Error {
    let KeyParts {
        entity, resource, ..
    } = bucket.key();
    match refusal {
        BucketRefusal::Disabled(level) => {
            Disabled::new(entity.clone(), resource.clone(), level).into()
        }
        BucketRefusal::NotUnderstood(attribute) => Invalid::NotUnderstood(attribute).into(),
        BucketRefusal::Zones(invalid) => Invalid::Limits(invalid).into(),
        BucketRefusal::Scripted(error) => *error,
    }
}

/// Returns the denial of a request that charges one bucket.
#[cold]
fn denied(
    KeyParts {
        entity, resource, ..
    }: KeyParts<'_>,
    statuses: Vec<LimitStatus>,
) -> Error {
    Denied::new(entity.clone(), resource.clone(), statuses).into()
}

/// Returns the denial of a request, with the statuses of all its limits as far as they are known.
fn denied_among<'a>(
    charges: impl Iterator<Item = (&'a Charge, Option<Vec<LimitStatus>>)>,
) -> Error {
    let mut own = None;
    let mut parent = None;
    let mut limits = Vec::new();
    for (charge, known) in charges {
        let known = known.unwrap_or_else(|| charge.bucket.glance(&charge.amounts));
        if known.iter().any(LimitStatus::exceeded) {
            charge.bucket.write_debts();
        }
        let labels = StatusLabels::new(charge, own.get_or_insert(charge));
        limits.extend(known.into_iter().map(|status| labels.on(status)));
        if charge.owner == Owner::Parent {
            parent = Some(charge.bucket.key().entity.clone());
        }
    }
    match own {
        Some(own) => {
            let KeyParts {
                entity, resource, ..
            } = own.bucket.key();
            let mut denied = Denied::new(entity.clone(), resource.clone(), limits);
            denied.parent = parent;
            denied.into()
        }
        // Cannot happen: every request has a bucket.
        None => Unavailable::Internal("a denial without a bucket").into(),
    }
}
