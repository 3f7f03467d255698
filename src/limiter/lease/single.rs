//! The simplest charge: one token of the only limit of a bucket in memory.

use std::sync::Arc;

use crate::{
    error::Error,
    limiter::{
        engine::{Backend, Engine},
        lease::{
            Lease,
            inline::{InlineBucket, InlineLease},
        },
        terms::{DEFAULT_COST, LimitShare},
    },
    model::{Denied, Limits, Resource},
    telemetry::{self, Begun},
};

impl Engine {
    /// Charges one token, if the bucket is in memory, `limits` is its only limit and nothing is
    /// stored. The decision is that of an acquire with the default cost. Returns `None` if these
    /// conditions do not hold, or if acquires are traced. Allocates nothing for a grant.
    #[inline]
    pub(crate) fn take_one(
        &self,
        entity: &[u8],
        resource: &Resource,
        limits: &Limits,
    ) -> Option<Result<Lease, Error>> {
        let Backend::Memory(memory) = self.backend() else {
            return None;
        };
        if telemetry::traces_acquires() {
            return None;
        }
        let begun = Begun::now();
        let entry = memory.store.find(entity, resource.as_str())?;
        if !Arc::ptr_eq(entry.home(), &memory.home) || !entry.limits().is(limits) {
            return None;
        }
        Some(match entry.spend_one(&memory.home, limits, DEFAULT_COST)? {
            Ok(left) => {
                telemetry::decided_in_memory(begun, resource, None);
                let share = LimitShare {
                    charged: DEFAULT_COST,
                    left,
                    used: DEFAULT_COST,
                };
                Ok(Lease::few(InlineLease::one(
                    InlineBucket::Entry(entry),
                    share,
                    self.deadline(),
                )))
            }
            Err(denied) => Err(refused(denied, begun)),
        })
    }
}

/// Reports a denial in memory, and returns it as an error.
#[cold]
pub(crate) fn refused(denied: Box<Denied>, begun: Begun) -> Error {
    let error = Error::Denied(denied);
    if let Error::Denied(denied) = &error {
        telemetry::decided_in_memory(begun, &denied.resource, Some(&error));
    }
    error
}
