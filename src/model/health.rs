//! How a store does, and what it is.

use std::time::Duration;

use serde::Serialize;

use super::{IncompatibleVersion, VersionRecord};

/// What a store says about itself; what it does not know is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreStatus {
    /// The table, which is named as its stack.
    pub table: Option<String>,
    /// The AWS region.
    pub region: Option<String>,
    /// DynamoDB's word for the table's state: `ACTIVE`.
    pub table_status: Option<String>,
    /// Items in the table, of all namespaces; some hours old.
    pub items: Option<u64>,
    /// Bytes in the table; some hours old.
    pub bytes: Option<u64>,
    /// The id of the namespace.
    pub namespace_id: Option<String>,
    /// The name of the namespace.
    pub namespace: Option<String>,
    /// The version record.
    pub version: Option<VersionRecord>,
    /// What could not be found out, and why.
    pub problem: Option<String>,
}

/// Whether a limiter asks its store: [`Breaker`](crate::limiter::Breaker).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BreakerState {
    /// As ever.
    #[default]
    Closed,
    /// Not until its cool-down is over: it has kept failing.
    Open,
    /// One request asks it, to find out whether it answers again.
    HalfOpen,
}

/// How a limiter's store does: [`RateLimiter::status`](crate::RateLimiter::status).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// `true` if the store answers.
    pub available: bool,
    /// How long it took to; `None` where it does not.
    #[serde(rename = "latency_seconds", serialize_with = "seconds")]
    pub latency: Option<Duration>,
    /// Whether requests ask it.
    pub breaker: BreakerState,
    /// The version of this crate.
    pub client_version: &'static str,
    /// What the store says about itself.
    pub store: StoreStatus,
}

impl Status {
    pub(crate) fn new(latency: Option<Duration>, breaker: BreakerState, store: StoreStatus) -> Self {
        Self { available: latency.is_some(), latency, breaker, client_version: env!("CARGO_PKG_VERSION"), store }
    }

    /// Whether this crate can work with what the store holds; a store without a version record is
    /// as this crate makes it.
    ///
    /// # Errors
    /// As [`VersionRecord::check`].
    pub fn compatibility(&self) -> Result<(), IncompatibleVersion> {
        self.store.version.as_ref().map_or(Ok(()), VersionRecord::check)
    }
}

fn seconds<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_some(&time.as_secs_f64()),
        None => serializer.serialize_none(),
    }
}
