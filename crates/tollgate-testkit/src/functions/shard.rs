//! One shard of a stream: its batches, one after the other.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fastrand::Rng;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    batch::Batch,
    dead_letter::{DeadLetter, Discarded},
    faults::Faults,
    pool::Pool,
    reply::Reply,
    report::Report,
    rules::{Next, Rules},
};

/// The settings that all shards share.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) batch_size: usize,
    pub(super) batch_window: Duration,
    pub(super) record_age: Duration,
    pub(super) rules: Rules,
    pub(super) faults: Faults,
}

/// A shard.
pub(super) struct Shard {
    pub(super) number: usize,
    pub(super) settings: Settings,
    pub(super) pool: Arc<Pool>,
    pub(super) report: Arc<Mutex<Report>>,
    pub(super) rng: Rng,
}

impl Shard {
    /// Delivers records until there are no more.
    pub(super) async fn run(mut self, mut records: mpsc::UnboundedReceiver<Value>) {
        let mut before: Option<Batch> = None;
        while let Some(first) = records.recv().await {
            let batch = Batch::new(self.gather(first, &mut records).await);
            self.deliver(batch.clone()).await;
            if self.one_in(self.settings.faults.repeat) {
                self.report().repeated += 1;
                let again = before.filter(|_| self.rng.bool());
                self.invoke(again.as_ref().unwrap_or(&batch)).await;
            }
            before = Some(batch);
        }
    }

    /// Waits until a batch is full, or its window is over.
    async fn gather(
        &self,
        first: Value,
        records: &mut mpsc::UnboundedReceiver<Value>,
    ) -> Vec<Value> {
        let end = tokio::time::Instant::now() + self.settings.batch_window;
        let mut batch = vec![first];
        while batch.len() < self.settings.batch_size {
            let next = if self.settings.batch_window.is_zero() {
                records.try_recv().ok()
            } else {
                let next = tokio::time::timeout_at(end, records.recv()).await;
                next.ok().flatten()
            };
            match next {
                Some(record) => batch.push(record),
                None => break,
            }
        }
        batch
    }

    /// Delivers a batch until it is done or given up.
    async fn deliver(&mut self, batch: Batch) {
        let mut open = vec![batch];
        while let Some(mut batch) = open.pop() {
            let expired = batch.expired(self.settings.record_age);
            if expired > 0 {
                let rest = batch.records.split_off(expired);
                self.give_up(Discarded::TooOld, &batch, None);
                batch.records = rest;
            }
            if batch.records.is_empty() {
                continue;
            }
            let reply = self.invoke(&batch).await;
            match self.settings.rules.next(batch.clone(), &reply) {
                Next::Done => {}
                Next::Again(batches) => open.extend(batches.into_iter().rev()),
                Next::GiveUp => {
                    let told = match reply {
                        Reply::Answered(told) | Reply::Failed(told) | Reply::NotStarted(told) => {
                            Some(told)
                        }
                        Reply::Late | Reply::Ended => None,
                    };
                    self.give_up(Discarded::RetriesExhausted, &batch, told);
                }
            }
        }
    }

    async fn invoke(&mut self, batch: &Batch) -> Reply {
        let kill = self.one_in(self.settings.faults.kill).then(|| {
            let within = self.settings.faults.kill_within.as_micros();
            Duration::from_micros(self.rng.u64(..=u64::try_from(within).unwrap_or(u64::MAX)))
        });
        let (mut sandbox, permit) = self.pool.take(self.rng.usize(..)).await;
        let begun = Instant::now();
        let reply = sandbox.invoke_until(&batch.event(), kill).await;
        self.report().add(&reply, begun.elapsed());
        self.pool.give(sandbox, permit);
        reply
    }

    fn give_up(&self, reason: Discarded, batch: &Batch, reply: Option<Value>) {
        let letter = DeadLetter::of(self.number, reason, batch, reply);
        self.report().dead_letters.push(letter);
    }

    fn one_in(&mut self, count: u32) -> bool {
        count > 0 && self.rng.u32(..count) == 0
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
