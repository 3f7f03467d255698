//! Watching acquires: a span, a count, a time.
//!
//! | span | level | fields |
//! |---|---|---|
//! | `acquire` | debug | `tollgate.entity`, `tollgate.resource`, `tollgate.outcome`, `tollgate.path`, `tollgate.wait_ms`, `tollgate.degraded` |

use tracing::{Level, Span, field::Empty};

use super::outcome::{Outcome, Path};
use crate::{
    error::Error,
    model::{KeyParts, Resource},
};

/// When an acquire began. Nothing without the feature `metrics`.
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

/// Returns `true` if anybody wants a span for each acquire. A load and a comparison where nobody does.
#[inline]
pub(crate) fn traces_acquires() -> bool {
    tracing::enabled!(target: "tollgate", Level::DEBUG)
}

/// Counts an acquire that was decided in memory. Allocates nothing for a grant.
#[inline]
pub(crate) fn decided_in_memory(begun: Begun, resource: &Resource, error: Option<&Error>) {
    record(begun, resource, Outcome::of(error), Path::Memory, error);
}

/// An acquire that takes its time, or that somebody traces.
#[derive(Debug)]
pub(crate) struct Watch {
    span: Span,
    begun: Begun,
    resource: Resource,
    in_memory: bool,
    /// `true` if it passes where it is denied.
    observed: bool,
    over: bool,
}

impl Watch {
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
        Self { span, begun, resource: key.resource.clone(), in_memory, observed, over: false }
    }

    /// Does a part of it.
    pub(crate) fn within<T>(&self, part: impl FnOnce() -> T) -> T {
        self.span.in_scope(part)
    }

    /// It was decided; `waited`: the store was asked; `degraded`: in vain, or it was not.
    pub(crate) fn decided(mut self, waited: bool, degraded: bool, error: Option<&Error>) {
        self.over = true;
        // What limits that only observe would have denied is told in a metric of its own.
        let passes = self.observed && matches!(error, Some(Error::Denied(_)));
        let outcome = if passes { Outcome::Granted } else { Outcome::of(error) };
        let path = Path::of(self.in_memory, waited, degraded, Outcome::of(error));
        if !self.span.is_disabled() {
            self.span.record("tollgate.outcome", outcome.label());
            self.span.record("tollgate.path", path.label());
            self.span.record("tollgate.degraded", degraded);
            if let Some(Error::Denied(denied)) = error
                && let Some(wait) = denied.retry_after()
            {
                self.span.record("tollgate.wait_ms", u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            }
        }
        record(self.begun, &self.resource, outcome, path, error.filter(|_| !passes));
    }
}

/// Dropped before it was decided: nobody waits for the answer any more.
impl Drop for Watch {
    fn drop(&mut self) {
        if !self.over {
            self.span.record("tollgate.outcome", Outcome::Cancelled.label());
            record(self.begun, &self.resource, Outcome::Cancelled, Path::Write, None);
        }
    }
}

/// Counts a request for more of a lease that is held.
pub(crate) fn topped_up(error: Option<&Error>) {
    super::count(super::names::TOP_UPS, &[("outcome", Outcome::of(error).label())], 1);
}

#[cfg(not(feature = "metrics"))]
#[inline]
fn record(_: Begun, _: &Resource, _: Outcome, _: Path, _: Option<&Error>) {}

#[cfg(feature = "metrics")]
#[inline]
fn record(begun: Begun, resource: &Resource, outcome: Outcome, path: Path, error: Option<&Error>) {
    use super::{meters, series::ResourceSeries};
    use crate::model::Owner;

    let took = begun.at.elapsed();
    let series = ResourceSeries::of(resource);
    meters::with(|meters| {
        meters.decisions(series, outcome).increment(1);
        if matches!(outcome, Outcome::Granted | Outcome::Denied) {
            meters.acquire(path).record(took.as_secs_f64());
        }
        if let Some(Error::Denied(denied)) = error {
            for status in denied.violated() {
                let limit = series.limit(status.limit.name());
                meters.denials(series, limit, status.owner == Owner::Parent).increment(1);
            }
        }
    });
}
