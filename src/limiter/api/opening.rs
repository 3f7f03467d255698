//! The deadline of opening a limiter, and the events that it emits while it waits.
#![allow(
    clippy::disallowed_methods,
    reason = "no owner yet: the time left until a deadline"
)]

use std::{env, pin::pin, time::Duration};

use tokio::time::{Instant, timeout_at};

use crate::{
    error::{Error, StackError},
    store::StoreErrorKind,
    telemetry,
};

/// The time after which opening emits its first event. The pause doubles after each event.
const SAID_AFTER: Duration = Duration::from_secs(1);

/// The longest pause between two events.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Ends steps that take too long, and emits events that say what opening waits for.
#[derive(Debug)]
pub(crate) struct Opening {
    table: String,
    deadline: Duration,
    until: Option<Instant>,
}

impl Opening {
    /// Starts to open `table`, for at most `deadline` from now on.
    pub(crate) fn begin(table: String, deadline: Duration) -> Self {
        // If the time is too far away to be represented, there is no deadline.
        Self {
            table,
            deadline,
            until: Instant::now().checked_add(deadline),
        }
    }

    /// Runs a step of opening in the time that is left.
    pub(crate) async fn step<T, E: Into<Error>>(
        &self,
        action: &'static str,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        self.watch(action, self.until, step).await
    }

    /// Provisions the table. This time does not count, because provisioning has deadlines of its
    /// own.
    pub(crate) async fn provision<T, E: Into<Error>>(
        &mut self,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let result = self.watch("provisioning the table", None, step).await;
        self.until = self
            .until
            .and_then(|until| until.checked_add(begun.elapsed()));
        result
    }

    async fn watch<T, E: Into<Error>>(
        &self,
        action: &'static str,
        until: Option<Instant>,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        let (mut step, begun, mut pause) = (pin!(step), Instant::now(), SAID_AFTER);
        loop {
            let said = Instant::now() + pause;
            let next = until.map_or(said, |until| until.min(said));
            if let Ok(result) = timeout_at(next, &mut step).await {
                return result.map_err(Into::into);
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return Err(StackError::Deadline {
                    table: self.table.clone(),
                    action,
                    deadline: self.deadline,
                }
                .into());
            }
            telemetry::opening_waits(&self.table, action, begun.elapsed());
            pause = (pause * 2).min(SAID_EVERY);
        }
    }
}

/// Describes the place of the table: the endpoint that was set, or according to the environment the
/// endpoint with the variable that sets it, or the region.
pub(crate) fn way_to(region: &str, endpoint: Option<&str>) -> String {
    if let Some(endpoint) = endpoint {
        return format!("at {endpoint:?}, which `endpoint_url` names");
    }
    let named = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"];
    let endpoint = named
        .into_iter()
        .find_map(|variable| Some((variable, env::var(variable).ok()?)));
    match endpoint {
        Some((variable, endpoint)) => format!("at {endpoint:?}, which {variable} names"),
        None => format!("in region {region:?}, which `region`, AWS_REGION or the profile names"),
    }
}

/// Describes the place of the table according to a configuration that the caller gave.
pub(crate) fn way_of(region: &str, endpoint: Option<&str>) -> String {
    match endpoint {
        Some(endpoint) => format!("at {endpoint:?}"),
        None => format!("in region {region:?}"),
    }
}

/// Adds a hint about the endpoint or the region to `error` if the table was not reached.
pub(crate) fn told_the_way(error: Error, way: &str) -> Error {
    match error {
        Error::Stack(StackError::Call { action, error })
            if matches!(
                error.kind(),
                StoreErrorKind::NotApplied | StoreErrorKind::Unknown
            ) =>
        {
            StackError::Call {
                action,
                error: error.with_place(way),
            }
            .into()
        }
        error => error,
    }
}
