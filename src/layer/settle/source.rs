//! The sources of the real use of a limit.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName};

use super::ResponseHead;
use crate::layer::terms::{BadAmount, in_bounds, single_amount};
#[cfg(feature = "usage-body")]
use crate::layer::usage::Usage;
use crate::{model::LimitName, telemetry};

pub(super) type Find = dyn Fn(&ResponseHead<'_>) -> Option<u64> + Send + Sync;
type Count = dyn Fn(u64) -> u64 + Send + Sync;

/// The part of a response in which a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourcePlace {
    Head,
    Body,
    Trailers,
}

/// The source of the real use of a limit in a response. A new source has its [place](Self::place),
/// and its arms in the other functions here.
#[derive(Clone)]
pub(crate) enum Source {
    Headers(Box<[HeaderName]>),
    Head(Arc<Find>),
    Trailers(Box<[HeaderName]>),
    Bytes(Arc<Count>),
    Events(Arc<Count>),
    #[cfg(feature = "usage-body")]
    Usage(Usage),
}

impl Source {
    pub(crate) fn place(&self) -> SourcePlace {
        match self {
            Self::Headers(_) | Self::Head(_) => SourcePlace::Head,
            Self::Bytes(_) | Self::Events(_) => SourcePlace::Body,
            #[cfg(feature = "usage-body")]
            Self::Usage(_) => SourcePlace::Body,
            Self::Trailers(_) => SourcePlace::Trailers,
        }
    }

    /// Returns `true` if the source reads the content of the body.
    pub(crate) fn reads(&self) -> bool {
        match self {
            Self::Headers(_) | Self::Head(_) | Self::Bytes(_) | Self::Trailers(_) => false,
            Self::Events(_) => true,
            #[cfg(feature = "usage-body")]
            Self::Usage(_) => true,
        }
    }

    /// Returns the names of the headers or trailers that give the use.
    pub(crate) fn names(&self) -> &[HeaderName] {
        match self {
            Self::Headers(names) | Self::Trailers(names) => names,
            Self::Head(_) | Self::Bytes(_) | Self::Events(_) => &[],
            #[cfg(feature = "usage-body")]
            Self::Usage(_) => &[],
        }
    }

    /// Removes the headers or trailers that give the use.
    pub(crate) fn strip_from(&self, fields: &mut HeaderMap) {
        self.names()
            .iter()
            .for_each(|name| drop(fields.remove(name)));
    }

    /// Returns the use of a limit that the head gives.
    ///
    /// # Errors
    /// [`BadAmount`] if a value is not an amount. A warning is emitted here.
    pub(crate) fn in_head(
        &self,
        limit: &LimitName,
        head: &ResponseHead<'_>,
    ) -> Result<Option<u64>, BadAmount> {
        match (self.place(), self) {
            (SourcePlace::Head, Self::Head(find)) => found(limit, &**find, head),
            (SourcePlace::Head, _) => sum(limit, self.names(), head.headers),
            (SourcePlace::Body | SourcePlace::Trailers, _) => Ok(None),
        }
    }

    /// Returns the use of a limit that the trailers give.
    ///
    /// # Errors
    /// As [`in_head`](Self::in_head).
    pub(crate) fn in_trailers(
        &self,
        limit: &LimitName,
        trailers: &HeaderMap,
    ) -> Result<Option<u64>, BadAmount> {
        match self.place() {
            SourcePlace::Trailers => sum(limit, self.names(), trailers),
            SourcePlace::Head | SourcePlace::Body => Ok(None),
        }
    }
}

/// Returns the sum of the values of the headers that are present.
///
/// # Errors
/// [`BadAmount`] if a value is not an amount, or if the sum is more than a limit can have. A
/// warning is emitted here.
fn sum(
    limit: &LimitName,
    names: &[HeaderName],
    headers: &HeaderMap,
) -> Result<Option<u64>, BadAmount> {
    let mut sum: Option<u64> = None;
    for name in names {
        let added = single_amount(headers, name).and_then(|value| match value {
            None => Ok(sum),
            Some(value) => in_bounds(sum.unwrap_or(0).saturating_add(value)).map(Some),
        });
        sum = added.inspect_err(|problem| ignored(limit, name.as_str(), *problem))?;
    }
    Ok(sum)
}

/// Returns the amount that a closure finds in the head.
///
/// # Errors
/// [`BadAmount`] if the amount is more than a limit can have. A warning is emitted here.
pub(super) fn found(
    limit: &LimitName,
    find: &Find,
    head: &ResponseHead<'_>,
) -> Result<Option<u64>, BadAmount> {
    find(head)
        .map(in_bounds)
        .transpose()
        .inspect_err(|problem| ignored(limit, "a closure", *problem))
}

fn ignored(limit: &LimitName, source: &str, problem: BadAmount) {
    telemetry::settle_value_ignored(limit, source, problem.label(), problem.reason());
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(names) => f.debug_tuple("Headers").field(names).finish(),
            Self::Head(_) => f.write_str("Head"),
            Self::Trailers(names) => f.debug_tuple("Trailers").field(names).finish(),
            Self::Bytes(_) => f.write_str("Bytes"),
            Self::Events(_) => f.write_str("Events"),
            #[cfg(feature = "usage-body")]
            Self::Usage(usage) => f.debug_tuple("Usage").field(usage).finish(),
        }
    }
}
