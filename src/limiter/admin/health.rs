//! The health of the store: its availability, its answer time and its description.
#![allow(
    clippy::disallowed_methods,
    reason = "no owner yet: how long a call takes"
)]

use std::{
    future::Future,
    time::{Duration, Instant},
};

use crate::{
    error::Error,
    limiter::{admin::records::answered, api::RateLimiter, engine::Backend},
    model::{BreakerState, BucketKey, EntityId, Resource, Status, StoreStatus},
    store::StoreError,
};

impl RateLimiter {
    /// Makes the smallest possible store call, and returns the time that its answer took. One round
    /// trip, within the store deadline; none in memory.
    ///
    /// ```
    /// use tollgate::RateLimiter;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// assert!(limiter.ping().await.is_ok());
    /// # });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails or does not answer in time.
    pub async fn ping(&self) -> Result<Duration, Error> {
        let store = self.store();
        let begun = Instant::now();
        match store.diagnostics() {
            Some(diagnostics) => self.in_time(diagnostics.ping()).await?,
            None => {
                // The bucket need not exist: any answer of the store counts.
                let key = BucketKey::new(EntityId::new("ping")?, Resource::new("ping")?);
                self.in_time(store.read(&key)).await?;
            }
        }
        Ok(begun.elapsed())
    }

    /// Returns the availability and the description of the store. Three round trips with DynamoDB.
    /// The table's state and size are left out if the credentials do not allow `DescribeTable`.
    ///
    /// This method does not fail. If the store does not answer, [`available`](Status::available) is
    /// false. [`problem`](StoreStatus::problem) says what could not be found out. The limiter does
    /// not know the other parts of the stack (functions, roles).
    pub async fn status(&self) -> Status {
        let problem = |error: Error| StoreStatus {
            problem: Some(error.to_string()),
            ..StoreStatus::default()
        };
        let latency = match self.ping().await {
            Ok(latency) => latency,
            Err(error) => return Status::new(None, self.breaker_state(), problem(error)),
        };
        let store = self.store();
        let described = match store.diagnostics() {
            Some(diagnostics) => self
                .in_time(diagnostics.describe())
                .await
                .unwrap_or_else(problem),
            None => StoreStatus::default(),
        };
        Status::new(Some(latency), self.breaker_state(), described)
    }

    /// Returns the state of the [`Breaker`](crate::limiter::Breaker), which decides if requests may
    /// ask the store. No round trip; always closed in memory.
    pub fn breaker_state(&self) -> BreakerState {
        match self.backend() {
            Backend::Gated(gates) => gates.context().breaker.state(),
            Backend::Memory(_) | Backend::Scripted(_) => BreakerState::Closed,
        }
    }

    /// Makes a store call with the store deadline.
    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Error> {
        match self.backend() {
            Backend::Gated(gates) => {
                self.answered_in(gates.context().settings.store_deadline, call)
                    .await
            }
            Backend::Memory(_) | Backend::Scripted(_) => answered(call.await),
        }
    }
}
