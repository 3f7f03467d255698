//! Observes store calls: a span, a counter and a duration for each.
//!
//! | span | level | fields |
//! |---|---|---|
//! | `store_call` | debug | `tollgate.call`, `tollgate.resource`, `tollgate.result` |

use std::{future::Future, time::Instant};

use tracing::{Instrument, Span, field::Empty};

use super::{count, names, observe};
use crate::{
    error::store_error::{StoreError, StoreErrorKind},
    model::Resource,
    store::{LookUp, WriteOutcome},
};

/// The kind of a store call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreCall {
    Read,
    Update,
    Create,
    Transact,
    Split,
    LookUp,
}

impl StoreCall {
    /// The number of kinds.
    pub(super) const ALL: usize = 6;

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Update => "update",
            Self::Create => "create",
            Self::Transact => "transact",
            Self::Split => "split",
            Self::LookUp => "look_up",
        }
    }

    /// Observes a call.
    pub(crate) async fn watch<T: StoreAnswer>(
        self,
        resource: &Resource,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let span = tracing::debug_span!(target: "tollgate", "store_call", tollgate.call = self.label(), tollgate.resource = %resource, tollgate.result = Empty);
        let watched = ObservedCall {
            call: self,
            span: span.clone(),
            begun: Instant::now(),
            over: false,
        };
        let result = call.instrument(span).await;
        watched.answered(&result);
        result
    }
}

/// The answer of a store.
pub(crate) trait StoreAnswer {
    /// Returns `true` if all conditions held.
    fn applied(&self) -> bool {
        true
    }
}

impl<T> StoreAnswer for Option<T> {}

impl StoreAnswer for LookUp {}

impl StoreAnswer for WriteOutcome {
    fn applied(&self) -> bool {
        matches!(self, Self::Applied(_))
    }
}

impl StoreAnswer for bool {
    fn applied(&self) -> bool {
        *self
    }
}

/// A call in flight. If the value is dropped before the answer, the answer counts as lost.
struct ObservedCall {
    call: StoreCall,
    span: Span,
    begun: Instant,
    over: bool,
}

impl ObservedCall {
    fn answered<T: StoreAnswer>(mut self, result: &Result<T, StoreError>) {
        self.over = true;
        let (label, down) = match result {
            Ok(answer) if answer.applied() => ("ok", Some(false)),
            Ok(_) => ("refused", Some(false)),
            Err(error) => match error.kind() {
                StoreErrorKind::Busy | StoreErrorKind::HotKey => ("busy", None),
                StoreErrorKind::NotApplied => ("not_applied", Some(true)),
                StoreErrorKind::Rejected => ("rejected", Some(false)),
                StoreErrorKind::Full => ("full", Some(false)),
                StoreErrorKind::NotOurs => ("rejected", Some(false)),
                StoreErrorKind::Missing => ("missing", Some(false)),
                StoreErrorKind::Unknown => ("unknown", Some(true)),
                StoreErrorKind::Corrupt => ("corrupt", Some(false)),
            },
        };
        self.end(label, down);
    }

    fn end(&self, result: &'static str, down: Option<bool>) {
        self.span.record("tollgate.result", result);
        count(
            names::STORE_CALLS,
            &[("call", self.call.label()), ("result", result)],
            1,
        );
        observe(
            names::STORE_CALL_DURATION,
            &[("call", self.call.label())],
            self.begun.elapsed(),
        );
        if let Some(down) = down {
            store_down(down);
        }
    }
}

impl Drop for ObservedCall {
    fn drop(&mut self) {
        if !self.over {
            self.end("unknown", Some(true));
        }
    }
}

/// Reports if the last call failed.
fn store_down(down: bool) {
    #[cfg(feature = "metrics")]
    super::meters::with(|meters| meters.store_down(down));
    #[cfg(not(feature = "metrics"))]
    let _ = down;
}

/// The reason why a write is sent or planned again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// A condition failed, because another write came first.
    Condition,
    /// The store rejected the write for now.
    Busy,
    /// It is unknown if the first write was applied.
    LostAnswer,
}

/// Counts a write that is sent or planned again.
pub(crate) fn store_retried(why: Retry) {
    let reason = match why {
        Retry::Condition => "condition",
        Retry::Busy => "busy",
        Retry::LostAnswer => "lost_answer",
    };
    count(names::STORE_RETRIES, &[("reason", reason)], 1);
}

/// Counts the write units of a call: those that were reported, else at least `least`.
#[cfg(feature = "dynamodb")]
pub(crate) fn write_units(call: StoreCall, reported: Option<f64>, least: u64) {
    let units = reported
        .filter(|units| *units > 0.0)
        .map_or(least, |units| units.round() as u64);
    count(names::WRITE_UNITS, &[("call", call.label())], units);
}
