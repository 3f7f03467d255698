//! The script and the records.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tollgate::limiter::{Script, ScriptDecision, ScriptEvent, ScriptRequest};

use super::{LeaseOutcome, Recorded, Step};

/// The state that a test and its limiter share.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    steps: Vec<Step>,
    records: Vec<Recorded>,
    /// The index of each lease's record.
    leases: HashMap<u64, usize>,
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, step: Step) {
        self.lock().steps.push(step);
    }

    pub(super) fn clear(&self) {
        self.lock().steps.clear();
    }

    pub(super) fn records(&self) -> Vec<Recorded> {
        self.lock().records.clone()
    }
}

impl Inner {
    fn note(&mut self, request: &ScriptRequest<'_>, outcome: LeaseOutcome) {
        let cost: BTreeMap<_, _> = request
            .cost()
            .map(|(limit, tokens)| (limit.to_string(), tokens))
            .collect();
        self.records.push(Recorded {
            entity: request.entity.to_string(),
            resource: request.resource.to_string(),
            used: if outcome == LeaseOutcome::Refused {
                BTreeMap::new()
            } else {
                cost.clone()
            },
            cost,
            outcome,
        });
    }

    fn of(&mut self, lease: u64) -> Option<&mut Recorded> {
        self.records.get_mut(*self.leases.get(&lease)?)
    }
}

/// The script of a limiter, which writes the records.
#[derive(Debug)]
pub(super) struct Recorder(pub(super) Arc<Notes>);

impl Script for Recorder {
    fn decide(&self, request: &ScriptRequest<'_>) -> ScriptDecision {
        let decision = self
            .0
            .lock()
            .steps
            .iter_mut()
            .find_map(|step| step.take(request));
        decision.unwrap_or(ScriptDecision::Bucket)
    }

    fn record(&self, event: ScriptEvent<'_>) {
        let mut notes = self.0.lock();
        match event {
            ScriptEvent::Granted {
                grant: lease,
                request,
            } => {
                let index = notes.records.len();
                notes.leases.insert(lease, index);
                notes.note(&request, LeaseOutcome::Held);
            }
            ScriptEvent::Refused { request } => notes.note(&request, LeaseOutcome::Refused),
            ScriptEvent::Settled {
                grant: lease,
                differences,
            } => {
                if let Some(record) = notes.of(lease) {
                    for (limit, difference) in differences {
                        record.settle(limit.as_str(), *difference);
                    }
                }
            }
            ScriptEvent::Ended { grant: lease } => {
                if let Some(record) = notes.of(lease) {
                    record.end();
                }
            }
            _ => {}
        }
    }
}
