//! What was changed, by whom.

use super::listing::Listing;
use crate::limiter::rate_limiter::RateLimiter;
use crate::model::{AuditEvent, AuditSubject};

/// The history of changes: [`RateLimiter::audit`].
#[derive(Clone, Debug)]
pub struct Audit {
    limiter: RateLimiter,
}

impl RateLimiter {
    /// The history of changes.
    pub fn audit(&self) -> Audit {
        Audit { limiter: self.clone() }
    }
}

impl Audit {
    /// The events of a subject, newest first. One round trip a page. A table keeps them for
    /// [`Builder::audit_retention`](crate::limiter::Builder::audit_retention), a memory store until it is
    /// dropped.
    pub fn events(&self, subject: &AuditSubject) -> Listing<AuditEvent> {
        let subject = subject.clone();
        Listing::of_records(self.limiter.store(), move |records, from| {
            let subject = subject.clone();
            Box::pin(async move { records.list_audit(&subject, from).await })
        })
    }
}
