//! The faults of a proxy, in order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::{Effect, Fault};

/// Returns the effect of the first fault that applies to each request, and counts down the limited
/// faults.
#[derive(Default)]
pub(super) struct Plan {
    faults: Mutex<Vec<Fault>>,
}

impl Plan {
    pub(super) fn replace(&self, fault: Option<Fault>) {
        *self.faults() = fault.into_iter().filter(strikes).collect();
    }

    pub(super) fn add(&self, fault: Fault) {
        self.faults().extend(Some(fault).filter(strikes));
    }

    /// Returns the effect on a request for `operation`, and uses the fault once.
    pub(super) fn strike(&self, operation: &str) -> Option<Effect> {
        let mut faults = self.faults();
        let index = faults.iter().position(|fault| {
            fault
                .operation
                .as_deref()
                .is_none_or(|only| only == operation)
        })?;
        Some(spend(&mut faults, index))
    }

    /// Returns `true` if a connection must be refused before its first request is known: only if no
    /// other fault could apply to that request instead.
    pub(super) fn refuses_connection(&self) -> bool {
        let mut faults = self.faults();
        let refuses = faults.first().is_some_and(|fault| {
            fault.operation.is_none() && matches!(fault.effect, Effect::Refuse)
        });
        if refuses {
            spend(&mut faults, 0);
        }
        refuses
    }

    fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn strikes(fault: &Fault) -> bool {
    fault.left != Some(0)
}

fn spend(faults: &mut Vec<Fault>, index: usize) -> Effect {
    let fault = &mut faults[index];
    let effect = fault.effect.clone();
    fault.left = fault.left.map(|left| left - 1);
    if !strikes(fault) {
        let _ = faults.remove(index);
    }
    effect
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan(faults: impl IntoIterator<Item = Fault>) -> Plan {
        let plan = Plan::default();
        for fault in faults {
            plan.add(fault);
        }
        plan
    }

    #[test]
    fn the_first_fault_that_applies_strikes() {
        let plan = plan([
            Fault::black_hole().on("PutItem"),
            Fault::lose_response().once(),
            Fault::delay(Duration::ZERO),
        ]);
        assert!(matches!(plan.strike("GetItem"), Some(Effect::LoseResponse)));
        assert!(matches!(plan.strike("GetItem"), Some(Effect::Delay(_))));
        assert!(matches!(plan.strike("PutItem"), Some(Effect::BlackHole)));
    }

    #[test]
    fn a_limited_fault_ends() {
        let plan = plan([Fault::lose_response().times(2), Fault::refuse().times(0)]);
        assert!(plan.strike("GetItem").is_some());
        assert!(plan.strike("GetItem").is_some());
        assert!(plan.strike("GetItem").is_none());
    }

    #[test]
    fn a_connection_is_refused_only_if_its_request_would_be() {
        assert!(plan([Fault::refuse()]).refuses_connection());
        assert!(plan([Fault::lose_response().times(0), Fault::refuse()]).refuses_connection());
        assert!(!plan([Fault::refuse().on("PutItem")]).refuses_connection());
        assert!(
            !plan([Fault::lose_response().on("PutItem"), Fault::refuse()]).refuses_connection()
        );
        assert!(!plan([]).refuses_connection());
    }

    #[test]
    fn a_refused_connection_counts() {
        let plan = plan([Fault::refuse().once()]);
        assert!(plan.refuses_connection());
        assert!(!plan.refuses_connection());
    }
}
