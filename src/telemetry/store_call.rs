//! Watching store calls: a span, a count, a time.
//!
//! | span | level | fields |
//! |---|---|---|
//! | `store_call` | debug | `tollgate.call`, `tollgate.resource`, `tollgate.result` |

use std::{future::Future, time::Instant};

use tracing::{Instrument, Span, field::Empty};

use super::{count, names, observe};
use crate::{
    model::Resource,
    store::{LookUp, Outcome, StoreError, StoreErrorKind},
};

/// What the store is asked for.
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
    /// How many there are.
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

    /// Watches a call.
    pub(crate) async fn watch<T: Answer>(
        self,
        resource: &Resource,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let span = tracing::debug_span!(target: "tollgate", "store_call", tollgate.call = self.label(), tollgate.resource = %resource, tollgate.result = Empty);
        let watched = Watched { call: self, span: span.clone(), begun: Instant::now(), over: false };
        let result = call.instrument(span).await;
        watched.answered(&result);
        result
    }
}

/// What a store answers.
pub(crate) trait Answer {
    /// Returns `true` if all conditions held.
    fn applied(&self) -> bool {
        true
    }
}

impl<T> Answer for Option<T> {}

impl Answer for LookUp {}

impl Answer for Outcome {
    fn applied(&self) -> bool {
        matches!(self, Self::Applied(_))
    }
}

impl Answer for bool {
    fn applied(&self) -> bool {
        *self
    }
}

/// A call under way. Dropped before it was answered, its answer is lost.
struct Watched {
    call: StoreCall,
    span: Span,
    begun: Instant,
    over: bool,
}

impl Watched {
    fn answered<T: Answer>(mut self, result: &Result<T, StoreError>) {
        self.over = true;
        let (label, down) = match result {
            Ok(answer) if answer.applied() => ("ok", Some(false)),
            Ok(_) => ("refused", Some(false)),
            Err(error) => match error.kind() {
                StoreErrorKind::Busy | StoreErrorKind::HotKey => ("busy", None),
                StoreErrorKind::NotApplied => ("not_applied", Some(true)),
                StoreErrorKind::Rejected => ("rejected", Some(false)),
                StoreErrorKind::Missing => ("missing", Some(false)),
                StoreErrorKind::Unknown => ("unknown", Some(true)),
                StoreErrorKind::Corrupt => ("corrupt", Some(false)),
            },
        };
        self.end(label, down);
    }

    fn end(&self, result: &'static str, down: Option<bool>) {
        self.span.record("tollgate.result", result);
        count(names::STORE_CALLS, &[("call", self.call.label()), ("result", result)], 1);
        observe(names::STORE_CALL_DURATION, &[("call", self.call.label())], self.begun.elapsed());
        if let Some(down) = down {
            store_down(down);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.over {
            self.end("unknown", Some(true));
        }
    }
}

/// Says whether the last call has failed.
fn store_down(down: bool) {
    #[cfg(feature = "metrics")]
    super::meters::with(|meters| meters.store_down(down));
    #[cfg(not(feature = "metrics"))]
    let _ = down;
}

/// Why a write is sent again, or planned anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// A condition failed: somebody else was first.
    Condition,
    /// The store refused for now.
    Busy,
    /// Nobody knows whether the first one has landed.
    LostAnswer,
}

/// A write is sent again, or planned anew.
pub(crate) fn store_retried(why: Retry) {
    let reason = match why {
        Retry::Condition => "condition",
        Retry::Busy => "busy",
        Retry::LostAnswer => "lost_answer",
    };
    count(names::STORE_RETRIES, &[("reason", reason)], 1);
}

/// Write units of a call: as reported, else at least so many.
#[cfg(feature = "dynamodb")]
pub(crate) fn write_units(call: StoreCall, reported: Option<f64>, least: u64) {
    let units = reported.filter(|units| *units > 0.0).map_or(least, |units| units.round() as u64);
    count(names::WRITE_UNITS, &[("call", call.label())], units);
}
