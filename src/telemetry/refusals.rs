//! Failures of the store that last until an operator repairs their cause.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::StoreCall;
use crate::{error::store_error::StoreError, model::Resource};

/// The interval between two events for the same kind of call, because every request may meet the
/// same refusal.
const EVERY: Duration = Duration::from_secs(10);

/// Emits an event for calls that the store refuses permanently: at once for the first one of each
/// kind of call, then one in ten seconds, with the number of refusals in between.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<[LastWarning; StoreCall::ALL]>);

#[derive(Clone, Copy, Debug, Default)]
struct LastWarning {
    last: Option<Instant>,
    since: u64,
}

impl Refusals {
    /// Records the error of a call.
    pub(crate) fn note(&self, call: StoreCall, resource: &Resource, error: &StoreError) {
        if error.kind().is_lasting_refusal()
            && let Some(untold) = self.untold(call, Instant::now())
        {
            super::events::store_refuses(call.label(), resource, error, untold);
        }
    }

    /// Returns the number of refusals without an event since the last one, if this refusal gets an
    /// event.
    fn untold(&self, call: StoreCall, now: Instant) -> Option<u64> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = calls.get_mut(call as usize)?;
        if warning
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < EVERY)
        {
            warning.since += 1;
            return None;
        }
        warning.last = Some(now);
        Some(std::mem::take(&mut warning.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_in_ten_seconds_is_reported_for_each_kind_of_call() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let untold = |call, seconds| refusals.untold(call, start + Duration::from_secs(seconds));
        assert_eq!(untold(StoreCall::Update, 0), Some(0));
        assert_eq!(untold(StoreCall::Update, 1), None);
        assert_eq!(untold(StoreCall::Update, 9), None);
        assert_eq!(untold(StoreCall::LookUp, 9), Some(0));
        assert_eq!(untold(StoreCall::Update, 10), Some(2));
        assert_eq!(untold(StoreCall::Update, 19), None);
    }
}
