//! The history of changes.

use crate::{
    limiter::{admin::listing::Listing, api::RateLimiter},
    model::{AuditEvent, AuditSubject},
};

/// The history of changes. Returned by [`RateLimiter::audit`].
#[derive(Clone, Debug)]
pub struct Audit {
    limiter: RateLimiter,
}

impl RateLimiter {
    /// Returns the history of changes.
    pub fn audit(&self) -> Audit {
        Audit {
            limiter: self.clone(),
        }
    }
}

impl Audit {
    /// Lists the events of a subject, newest first. One round trip per page. A table keeps events
    /// for
    /// [`RateLimiterBuilder::audit_retention`](crate::limiter::RateLimiterBuilder::audit_retention),
    /// a memory store keeps them until it is dropped.
    pub fn events(&self, subject: &AuditSubject) -> Listing<AuditEvent> {
        let subject = subject.clone();
        let identity = ["events".to_owned(), subject.to_string()];
        Listing::of_records(self.limiter.store(), move |records, from| {
            let subject = subject.clone();
            Box::pin(async move { records.list_audit(&subject, from).await })
        })
        .identified(&identity, |event| event.event_id.clone())
    }
}
