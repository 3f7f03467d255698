//! Ends a lease if the inner service panics.

use crate::layer::request::lease_slot::LeaseSlot;

/// Ends a lease on drop, as its policy says for a panic of the inner service, unless
/// [`disarm`](Self::disarm) was called before. The panic continues.
#[must_use]
pub(crate) struct PanicGuard<'a>(Option<&'a LeaseSlot>);

impl<'a> PanicGuard<'a> {
    pub(crate) fn new(lease: Option<&'a LeaseSlot>) -> Self {
        Self(lease)
    }

    pub(crate) fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for PanicGuard<'_> {
    #[cold]
    fn drop(&mut self) {
        if let Some(lease) = self.0 {
            lease.panicked();
        }
    }
}
