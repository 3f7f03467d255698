//! Puts gates that nobody uses to rest.

use std::sync::{Arc, PoisonError};

use crate::limiter::gate::{
    gate::Gate,
    slot::{Resting, Slot},
};

impl Gate {
    /// Puts the gate to rest unless somebody has used it since the last call. Returns `true` if the
    /// gate then consists of its record alone.
    pub(crate) fn try_rest(&self, now: i64) -> bool {
        let mut slot = self.slot();
        if std::mem::take(&mut slot.used) {
            return false;
        }
        slot.rest(&self.context.interner, now);
        drop(slot);
        self.is_at_rest()
    }

    /// Returns `true` if the gate consists of its record alone. This is never so for a gate that
    /// knows other shards of its bucket: a record does not keep the links between the gates of
    /// shards.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.shards.get().is_none() && self.slot().awake.is_none()
    }

    /// Turns a gate at rest into its record. Returns the gate if it is awake, or if somebody else
    /// holds it.
    pub(crate) fn into_resting(mut self: Arc<Self>) -> Result<Resting, Arc<Self>> {
        if !Arc::get_mut(&mut self).is_some_and(|gate| gate.is_at_rest()) {
            return Err(self);
        }
        let Self { state, counted, .. } = Arc::try_unwrap(self)?;
        let Slot { record, .. } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Resting { record, counted })
    }
}
