//! A request that waits for the decision of a bucket in a store.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{sync::oneshot, time::Instant};

use crate::{
    limiter::{
        gate::{Ask, Gate, GateDecision, PendingDecision, router},
        runtime::Timeout,
        terms::{Amounts, BucketDecision, ChargeContext, Deadline},
    },
    model::Limits,
};

/// A request that waits for its decision. If the request is dropped before the decision, its grant
/// is given back.
#[derive(Debug)]
pub(crate) struct Acquiring {
    step: Step,
    late: Timeout,
}

/// The source of the decision that a request waits for.
enum Step {
    /// The only shard of a bucket, as far as is known.
    One(PendingDecision),
    /// A transaction that charges the buckets of a child and its parent.
    Together(PendingDecision),
    /// Several shards.
    Shards(Pin<Box<dyn Future<Output = GateDecision> + Send>>),
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::One(_) => "Step::One",
            Self::Together(_) => "Step::Together",
            Self::Shards(_) => "Step::Shards",
        })
    }
}

impl Step {
    fn shards(
        first: Arc<Gate>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &Amounts,
        until: Instant,
    ) -> Self {
        let ask = Ask {
            limits: limits.clone(),
            context: context.clone(),
            amounts: amounts.clone(),
            until,
        };
        Self::Shards(Box::pin(router::acquire(first, ask)))
    }
}

impl Acquiring {
    /// Waits for the decision of the only shard of a bucket, as far as is known.
    pub(crate) fn one(gate: &Gate, pending: PendingDecision, deadline: Deadline) -> Self {
        Self {
            step: Step::One(pending),
            late: gate.deadline(deadline.into()),
        }
    }

    /// Asks several shards.
    pub(crate) fn shards(
        first: Arc<Gate>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &Amounts,
        deadline: Deadline,
    ) -> Self {
        let late = first.deadline(deadline.into());
        Self {
            step: Step::shards(first, limits, context, amounts, late.until()),
            late,
        }
    }

    /// Waits for the decision of a transaction that charges this bucket with another one.
    pub(crate) fn together(
        gate: &Gate,
        answer: oneshot::Receiver<GateDecision>,
        deadline: Deadline,
    ) -> Self {
        Self {
            step: Step::Together(PendingDecision::new(answer)),
            late: gate.deadline(deadline.into()),
        }
    }

    /// Polls for the decision. `context` and `amounts` must be those that the bucket was asked
    /// with. These values are not kept here, because all requests of one bucket share the data that
    /// they refer to, and every clone of a reference counter costs time.
    pub(crate) fn poll(
        &mut self,
        gate: &Arc<Gate>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &Amounts,
        cx: &mut Context<'_>,
    ) -> Poll<GateDecision> {
        let decision = loop {
            match &mut self.step {
                Step::Shards(answer) => break answer.as_mut().poll(cx),
                Step::Together(answer) => break Pin::new(answer).poll(cx),
                Step::One(answer) => match Pin::new(answer).poll(cx) {
                    // The bucket turned out to have several shards. Ask the other shards: they may
                    // hold the tokens that this one lacks.
                    Poll::Ready(BucketDecision::Denied(statuses)) => match split(gate) {
                        Some(first) => {
                            self.step =
                                Step::shards(first, limits, context, amounts, self.late.until())
                        }
                        None => return Poll::Ready(BucketDecision::Denied(statuses)),
                    },
                    decision => break decision,
                },
            }
        };
        match decision {
            Poll::Ready(decision) => Poll::Ready(decision),
            Poll::Pending => Pin::new(&mut self.late)
                .poll(cx)
                .map(|()| BucketDecision::Unavailable(gate.missed_deadline())),
        }
    }
}

/// Returns the gate of the first shard if the bucket has several.
pub(super) fn split(gate: &Arc<Gate>) -> Option<Arc<Gate>> {
    if gate.shard_count() > 1 {
        gate.first()
    } else {
        None
    }
}
