//! The health and the description of a store.

use std::time::Duration;

use serde::Serialize;

use super::{IncompatibleVersion, NamespaceId, VersionRecord};

/// The description of a store. A field that the store does not know is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreStatus {
    /// The table's name, which is also the name of its stack.
    pub table: Option<String>,
    /// The AWS region.
    pub region: Option<String>,
    /// The table's state in DynamoDB's words, such as `ACTIVE`.
    pub table_status: Option<String>,
    /// The number of items in the table, of all namespaces. Some hours old.
    pub items: Option<u64>,
    /// The size of the table in bytes. Some hours old.
    pub bytes: Option<u64>,
    /// The id of the namespace.
    pub namespace_id: Option<NamespaceId>,
    /// The name of the namespace.
    pub namespace: Option<String>,
    /// The version record.
    pub version: Option<VersionRecord>,
    /// A description of the part that could not be found out, and the reason.
    pub problem: Option<String>,
}

/// The state of a limiter's circuit breaker: [`Breaker`](crate::limiter::Breaker).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BreakerState {
    /// Requests call the store.
    #[default]
    Closed,
    /// Requests do not call the store until the cool-down ends, because it kept failing.
    Open,
    /// One request calls the store, to find out if it answers again.
    HalfOpen,
}

/// The health of a limiter's store: [`RateLimiter::status`](crate::RateLimiter::status).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// `true` if the store answers.
    pub available: bool,
    /// The time that the store took to answer; `None` if it does not answer.
    #[serde(rename = "latency_seconds", serialize_with = "seconds")]
    pub latency: Option<Duration>,
    /// The state of the circuit breaker.
    pub breaker: BreakerState,
    /// The version of this crate.
    pub client_version: &'static str,
    /// The description of the store.
    pub store: StoreStatus,
}

impl Status {
    pub(crate) fn new(
        latency: Option<Duration>,
        breaker: BreakerState,
        store: StoreStatus,
    ) -> Self {
        Self {
            available: latency.is_some(),
            latency,
            breaker,
            client_version: env!("CARGO_PKG_VERSION"),
            store,
        }
    }

    /// Checks that this crate can work with the data in the store. A store without a version record
    /// is compatible.
    ///
    /// # Errors
    /// The errors of [`VersionRecord::check`].
    pub fn compatibility(&self) -> Result<(), IncompatibleVersion> {
        self.store
            .version
            .as_ref()
            .map_or(Ok(()), VersionRecord::check)
    }
}

fn seconds<S: serde::Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_some(&time.as_secs_f64()),
        None => serializer.serialize_none(),
    }
}
