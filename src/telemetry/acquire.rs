//! Observes acquires: a span, a counter and a duration for each.
//!
//! | span | level | fields |
//! |---|---|---|
//! | `acquire` | debug | `tollgate.entity`, `tollgate.resource`, `tollgate.outcome`, `tollgate.path`, `tollgate.wait_ms`, `tollgate.degraded` |

use tracing::{Level, Span, field::Empty};

use super::outcome::{AcquireOutcome, Path};
use crate::{
    error::Error,
    model::{KeyParts, Resource},
};

/// The start time of an acquire. Empty without the feature `metrics`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    #[cfg(feature = "metrics")]
    at: quanta::Instant,
}

impl Begun {
    #[inline]
    pub(crate) fn now() -> Self {
        Self {
            #[cfg(feature = "metrics")]
            at: quanta::Instant::now(),
        }
    }
}

/// Returns `true` if a subscriber wants a span for each acquire. If none does, this costs a load
/// and a comparison.
#[inline]
pub(crate) fn traces_acquires() -> bool {
    tracing::enabled!(target: "tollgate", Level::DEBUG)
}

/// Counts an acquire that was decided in memory. Allocates nothing for a grant.
#[inline]
pub(crate) fn decided_in_memory(begun: Begun, resource: &Resource, error: Option<&Error>) {
    record(
        begun,
        resource,
        AcquireOutcome::of(error),
        Path::Memory,
        error,
    );
}

/// Observes an acquire that is not decided at once, or that is traced.
#[derive(Debug)]
pub(crate) struct ObservedAcquire {
    span: Span,
    begun: Begun,
    resource: Resource,
    in_memory: bool,
    /// `true` if the request passes even if it is denied, because the limits only observe.
    observed: bool,
    over: bool,
}

impl ObservedAcquire {
    pub(crate) fn new(begun: Begun, key: KeyParts<'_>, in_memory: bool, observed: bool) -> Self {
        let span = tracing::debug_span!(
            target: "tollgate",
            "acquire",
            tollgate.entity = %key.entity,
            tollgate.resource = %key.resource,
            tollgate.outcome = Empty,
            tollgate.path = Empty,
            tollgate.wait_ms = Empty,
            tollgate.degraded = Empty,
        );
        Self {
            span,
            begun,
            resource: key.resource.clone(),
            in_memory,
            observed,
            over: false,
        }
    }

    /// Runs a part of the acquire within its span.
    pub(crate) fn within<T>(&self, part: impl FnOnce() -> T) -> T {
        self.span.in_scope(part)
    }

    /// Records the decision. `waited` is `true` if the store was asked, `degraded` if the store has
    /// not decided.
    pub(crate) fn decided(mut self, waited: bool, degraded: bool, error: Option<&Error>) {
        self.over = true;
        // A denial by limits that only observe has a metric of its own.
        let passes = self.observed && matches!(error, Some(Error::Denied(_)));
        let outcome = if passes {
            AcquireOutcome::Granted
        } else {
            AcquireOutcome::of(error)
        };
        let path = Path::of(self.in_memory, waited, degraded, AcquireOutcome::of(error));
        if !self.span.is_disabled() {
            self.span.record("tollgate.outcome", outcome.label());
            self.span.record("tollgate.path", path.label());
            self.span.record("tollgate.degraded", degraded);
            if let Some(denied) = error.and_then(Error::denied)
                && let Some(wait) = denied.retry_after()
            {
                self.span.record(
                    "tollgate.wait_ms",
                    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                );
            }
        }
        record(
            self.begun,
            &self.resource,
            outcome,
            path,
            error.filter(|_| !passes),
        );
    }
}

/// Dropping this value before the decision means that the request was cancelled.
impl Drop for ObservedAcquire {
    fn drop(&mut self) {
        if !self.over {
            self.span
                .record("tollgate.outcome", AcquireOutcome::Cancelled.label());
            record(
                self.begun,
                &self.resource,
                AcquireOutcome::Cancelled,
                Path::Write,
                None,
            );
        }
    }
}

/// Counts a request for more tokens of a lease that is held already.
pub(crate) fn topped_up(error: Option<&Error>) {
    super::count(
        super::names::TOP_UPS,
        &[("outcome", AcquireOutcome::of(error).label())],
        1,
    );
}

#[cfg(not(feature = "metrics"))]
#[inline]
fn record(_: Begun, _: &Resource, _: AcquireOutcome, _: Path, _: Option<&Error>) {}

#[cfg(feature = "metrics")]
#[inline]
fn record(
    begun: Begun,
    resource: &Resource,
    outcome: AcquireOutcome,
    path: Path,
    error: Option<&Error>,
) {
    use super::{meters, series::ResourceSeries};
    use crate::model::Owner;

    let took = begun.at.elapsed();
    let series = ResourceSeries::of(resource);
    meters::with(|meters| {
        meters.decisions(series, outcome).increment(1);
        if matches!(outcome, AcquireOutcome::Granted | AcquireOutcome::Denied) {
            meters.acquire(path).record(took.as_secs_f64());
        }
        if let Some(denied) = error.and_then(Error::denied) {
            for status in denied.violated() {
                let series = match &status.resource {
                    Some(resource) => ResourceSeries::of(resource),
                    None => series,
                };
                let limit = series.limit(status.limit.name());
                meters
                    .denials(series, limit, status.owner == Owner::Parent)
                    .increment(1);
            }
        }
    });
}
