//! The marks in a request's extensions: the lease of each layer that has granted it, by which a
//! second layer knows that it is charged already.

use std::sync::{Arc, Weak};

use http::Extensions;

use crate::layer::{LeaseHandle, Policy, lease::lease_slot::LeaseSlot};

/// The mark of a request whose handler gets no [`LeaseHandle`]. It does not keep the lease open.
#[derive(Clone)]
struct HiddenLease(Weak<LeaseSlot>);

impl Policy {
    /// Returns `true` if handlers get a handle of the lease.
    pub(crate) fn shares_lease(&self) -> bool {
        self.rules.settlement.shares_lease || self.rules.decision.in_handler
    }

    /// Marks a request with its lease: with a [`LeaseHandle`], unless the policy gives handlers
    /// none.
    pub(crate) fn mark(&self, lease: &Arc<LeaseSlot>, extensions: &mut Extensions) {
        if self.shares_lease() {
            if let Some(outer) = extensions.insert(LeaseHandle::new(lease.clone())) {
                lease.stands_inside(outer.link());
            }
        } else if let Some(HiddenLease(outer)) =
            extensions.insert(HiddenLease(Arc::downgrade(lease)))
        {
            lease.stands_inside(Some(outer));
        }
    }

    /// Returns the leases with which this policy and others have marked the request before, the
    /// last one first.
    pub(crate) fn marks(&self, extensions: &Extensions) -> impl Iterator<Item = Arc<LeaseSlot>> {
        let last = if self.shares_lease() {
            extensions.get::<LeaseHandle>().and_then(LeaseHandle::link)
        } else {
            extensions
                .get::<HiddenLease>()
                .map(|HiddenLease(lease)| lease.clone())
        };
        let last = last.and_then(|lease| lease.upgrade());
        std::iter::successors(last, |lease| {
            lease.outer().and_then(|outer| outer.upgrade())
        })
    }
}
