//! Records the bucket writes that pass through the proxies.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use super::{super::time, wire, write::Write};
use crate::proxy::{Observed, Observer};

/// The records of all proxies.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    writes: Vec<Write>,
    counts: BTreeMap<usize, Counts>,
}

/// The request counts of one worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// The number of bucket writes that the engine has answered. Each item of a transaction counts.
    pub(crate) writes: u64,
    /// The number of bucket writes whose condition failed.
    pub(crate) failed_conditions: u64,
    /// The number of other requests.
    pub(crate) others: u64,
    /// The times from a request's arrival at the proxy to the engine's answer, µs.
    pub(crate) ways: Vec<i64>,
}

impl Recorder {
    /// Returns an observer for the proxy of one worker.
    pub(crate) fn of(self: &Arc<Self>, worker: usize) -> Arc<dyn Observer> {
        Arc::new(OfWorker {
            recorder: Arc::clone(self),
            worker,
        })
    }

    /// Takes the records out.
    pub(crate) fn take(&self) -> (Vec<Write>, BTreeMap<usize, Counts>) {
        let record = std::mem::take(&mut *self.record());
        (record.writes, record.counts)
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct OfWorker {
    recorder: Arc<Recorder>,
    worker: usize,
}

impl Observer for OfWorker {
    fn observe(&self, observed: &Observed<'_>) {
        let answered = time::now();
        let (received, sent) = (time::micros(observed.received), time::micros(observed.sent));
        let request: Value = serde_json::from_slice(observed.request).unwrap_or_default();
        let asked = wire::asked(observed.operation, &request);
        let (done, image, refused) = match observed.answer {
            Ok(answer) => {
                let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
                let kind = body["__type"].as_str().unwrap_or_default();
                let refused = kind.ends_with("ConditionalCheckFailedException")
                    || kind.ends_with("TransactionCanceledException");
                // The answer to an update contains the new item. A put leaves the item in its
                // request.
                let new = if observed.operation == "PutItem" {
                    &request["Item"]
                } else {
                    &body["Attributes"]
                };
                (
                    Some(answer.status().is_success()),
                    wire::image(new),
                    refused,
                )
            }
            // If the connection was never made, nothing was sent.
            Err(error) if never_connected(error.as_ref()) => (Some(false), None, false),
            Err(_) => (None, None, false),
        };
        let mut record = self.recorder.record();
        let counts = record.counts.entry(self.worker).or_default();
        counts.ways.push(answered - received);
        if asked.is_empty() {
            counts.others += 1;
            return;
        }
        if observed.answer.is_ok() {
            counts.writes += asked.len() as u64;
            counts.failed_conditions += if refused { asked.len() as u64 } else { 0 };
        }
        if done == Some(false) {
            return;
        }
        let image = image.filter(|_| done == Some(true));
        for wire::Asked { item, charges } in asked {
            let (worker, image) = (self.worker, image.clone());
            record.writes.push(Write {
                worker,
                item,
                sent,
                answered,
                charges,
                done,
                image,
            });
        }
    }
}

fn never_connected(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<hyper_util::client::legacy::Error>()
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
}
