//! The charge of a request by its outcome.

use std::{
    fmt,
    ops::{Bound, RangeBounds},
    sync::Arc,
};

use super::ResponseHead;
use crate::model::{IntoName, LimitName};

/// The action on the cost of a request, by its outcome.
///
/// ```
/// use tollgate::{Limit, layer::{Outcome, Policy, keys}};
///
/// let policy = Policy::builder()
///     .entity(keys::header("x-api-key"))
///     .resource(keys::fixed("gpt-4"))
///     .limit(Limit::per_minute("rpm", 60))
///     .limit(Limit::per_minute("tpm", 1000))
///     // An invalid request counts as a request, but used no tokens.
///     .on_status(400..=499, Outcome::refund(["tpm"]))
///     .on_response(|head| head.headers.contains_key("x-cache-hit").then_some(Outcome::Refund))
///     .build()?;
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Charges what was used.
    Keep,
    /// Gives everything back.
    Refund,
    /// Gives these limits back. Limits that the lease does not have are ignored.
    RefundLimits(Vec<String>),
}

impl Outcome {
    /// Returns an outcome that gives these limits back.
    pub fn refund<N>(limits: impl IntoIterator<Item = N>) -> Self
    where
        N: IntoName<LimitName>,
    {
        let names = limits.into_iter().map(|name| name.as_text().to_owned());
        Self::RefundLimits(names.collect())
    }

    /// Returns the names of the limits that the outcome gives back.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::RefundLimits(names) => names,
            Self::Keep | Self::Refund => &[],
        }
    }
}

type Judge = dyn Fn(&ResponseHead<'_>) -> Option<Outcome> + Send + Sync;

/// A rule that sets the outcome for some responses.
#[derive(Clone)]
pub(crate) enum OutcomeRule {
    /// A range of statuses. Both ends are included.
    Status {
        from: u16,
        to: u16,
        outcome: Outcome,
    },
    Closure(Arc<Judge>),
}

impl OutcomeRule {
    pub(crate) fn status(statuses: impl RangeBounds<u16>, outcome: Outcome) -> Self {
        let from = match statuses.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(from) => from.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let to = match statuses.end_bound() {
            Bound::Included(to) => *to,
            Bound::Excluded(to) => to.saturating_sub(1),
            Bound::Unbounded => u16::MAX,
        };
        Self::Status { from, to, outcome }
    }

    pub(crate) fn closure(
        judge: impl Fn(&ResponseHead<'_>) -> Option<Outcome> + Send + Sync + 'static,
    ) -> Self {
        Self::Closure(Arc::new(judge))
    }

    /// Returns the outcome for a response. `None` if the rule does not apply to it.
    pub(crate) fn judge(&self, head: &ResponseHead<'_>) -> Option<Outcome> {
        match self {
            Self::Status { from, to, outcome } => (*from..=*to)
                .contains(&head.status.as_u16())
                .then(|| outcome.clone()),
            Self::Closure(judge) => judge(head),
        }
    }

    /// Returns the names of the limits that the rule gives back, if they are known before a
    /// response.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::Status { outcome, .. } => outcome.names(),
            Self::Closure(_) => &[],
        }
    }
}

impl fmt::Debug for OutcomeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { from, to, outcome } => write!(f, "{from}..={to}: {outcome:?}"),
            Self::Closure(_) => f.write_str("by closure"),
        }
    }
}
