//! Code that all calls for stored limits, entities and history share.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    error::{Error, Invalid, Unavailable},
    limiter::{api::RateLimiter, resolver::Resolution},
    model::{AuditEvent, ConfigScope, EntityId, Resource, StoredOnUnavailable, to_seconds},
    store::{ReadConsistency, Records, Store, StoreError},
};

impl RateLimiter {
    /// Returns the store.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.engine().store()
    }

    /// Returns the resolution for an entity and a resource.
    pub(crate) async fn resolution(
        &self,
        entity: &EntityId,
        resource: &Resource,
    ) -> Result<Arc<Resolution>, Error> {
        self.engine()
            .resolve(entity, resource)
            .found()
            .await
            .map_err(Error::from)
    }

    pub(crate) fn stored_on_unavailable(&self) -> Option<StoredOnUnavailable> {
        self.engine().stored_on_unavailable()
    }

    /// Makes a call for stored data other than buckets, with the call deadline.
    pub(crate) async fn asked<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Error> {
        self.answered_in(self.engine().settings().longest_call(), call)
            .await
    }

    /// Makes a store call. Returns an error if its answer does not come within `deadline`.
    pub(crate) async fn answered_in<T>(
        &self,
        deadline: Duration,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Error> {
        let Some(mut late) = self.engine().late(deadline) else {
            return answered(call.await);
        };
        let mut call = pin!(call);
        poll_fn(|context| {
            if let Poll::Ready(answer) = call.as_mut().poll(context) {
                return Poll::Ready(answered(answer));
            }
            Pin::new(&mut late)
                .poll(context)
                .map(|()| Err(Unavailable::Deadline.into()))
        })
        .await
    }

    /// Returns the current time, for records.
    pub(crate) fn system_time(&self) -> SystemTime {
        let millis = u64::try_from(self.now()).unwrap_or(0);
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(millis));
        time.unwrap_or(UNIX_EPOCH)
    }

    /// Adds an event to the history. If it names no principal, the limiter's is recorded.
    pub(crate) async fn note(&self, event: AuditEvent) -> Result<(), Error> {
        let store = self.store();
        let records = records_of(&*store)?;
        let (event, expires_at) = self.signed(event, records).await;
        self.asked(records.append_audit(&event, expires_at)).await
    }

    /// Adds the principal to an event, unless it has one. Returns the event, and the time until
    /// which it is kept: epoch seconds.
    pub(crate) async fn signed(
        &self,
        mut event: AuditEvent,
        records: &dyn Records,
    ) -> (AuditEvent, i64) {
        if event.principal.is_none() {
            event.principal = match &self.engine().settings().principal {
                Some(principal) => Some(principal.clone()),
                // An event without a principal is better than none.
                None => records.principal().await.unwrap_or_default(),
            };
        }
        let kept = match self.engine().settings().audit_retention {
            Some(kept) => kept,
            None => self.stored_retention(records).await,
        };
        let kept = i64::try_from(kept.as_secs()).unwrap_or(i64::MAX);
        let expires_at = to_seconds(event.timestamp).saturating_add(kept);
        (event, expires_at)
    }
}

impl RateLimiter {
    /// Returns the time for which the history is kept according to the system's config. If it
    /// cannot be read, the event is kept for the usual time: an event is better than none.
    async fn stored_retention(&self, records: &dyn Records) -> Duration {
        const DAY: Duration = Duration::from_secs(86_400);
        const USUAL_DAYS: u32 = 90;
        let (engine, now) = (self.engine(), self.now());
        if let Some(days) = engine.retention().known_at(now) {
            return DAY * days;
        }
        let system = [ConfigScope::System];
        let found = records.look_up(None, &system, None, ReadConsistency::Eventual);
        let Ok(found) = self.asked(found).await else {
            return DAY * USUAL_DAYS;
        };
        let system = found.configs.into_iter().next().flatten();
        let days = system.and_then(|system| system.audit_retention_days);
        let days = days.filter(|days| *days > 0).unwrap_or(USUAL_DAYS);
        let until = i64::try_from(engine.settings().config_ttl.as_millis()).unwrap_or(i64::MAX);
        engine.retention().keep(days, now.saturating_add(until));
        DAY * days
    }
}

/// Returns the records of a store, or an error if it keeps none.
pub(crate) fn records_of(store: &dyn Store) -> Result<&dyn Records, Error> {
    store.records().ok_or_else(|| Invalid::NoRecords.into())
}

/// Converts a store's error to the caller's error.
pub(crate) fn answered<T>(result: Result<T, StoreError>) -> Result<T, Error> {
    result.map_err(|error| Unavailable::Store(error).into())
}
