//! An event source: gives the records of a stream to a function.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    batch::{partition, sequence},
    faults::Faults,
    feed,
    function::Function,
    pool::Pool,
    report::Report,
    rules::Rules,
    shard::{Settings, Shard},
};
use crate::Engine;

/// The time between two reads of a stream.
const POLL: Duration = Duration::from_millis(20);

/// Gives the records of a stream to a function, by the rules of Lambda.
///
/// | option | default |
/// |---|---|
/// | [`batch_size`](Self::batch_size) | 100 |
/// | [`batch_window`](Self::batch_window) | 0 |
/// | [`retries`](Self::retries) | 3 |
/// | [`record_age`](Self::record_age) | 1 hour |
/// | [`bisect`](Self::bisect) | no |
/// | [`partial_answers`](Self::partial_answers) | yes |
/// | [`shards`](Self::shards) | 1 |
/// | [`processes`](Self::processes) | 1 for each shard |
/// | [`faults`](Self::faults) | none |
#[derive(Clone, Debug)]
pub struct EventSource {
    function: Function,
    settings: Settings,
    shards: usize,
    processes: Option<usize>,
}

impl EventSource {
    /// Creates an event source of a function.
    pub fn new(function: Function) -> Self {
        Self {
            function,
            settings: Settings {
                batch_size: 100,
                batch_window: Duration::ZERO,
                record_age: Duration::from_secs(3600),
                rules: Rules {
                    retries: 3,
                    bisect: false,
                    partial: true,
                },
                faults: Faults::new(0),
            },
            shards: 1,
            processes: None,
        }
    }

    /// Sets the number of records in a batch at the most.
    pub fn batch_size(mut self, records: usize) -> Self {
        self.settings.batch_size = records.max(1);
        self
    }

    /// Sets the time for which a batch that is not full waits.
    pub fn batch_window(mut self, window: Duration) -> Self {
        self.settings.batch_window = window;
        self
    }

    /// Sets the number of times that a batch comes again after it failed.
    pub fn retries(mut self, retries: u32) -> Self {
        self.settings.rules.retries = retries;
        self
    }

    /// Sets the age from which records are not delivered.
    pub fn record_age(mut self, age: Duration) -> Self {
        self.settings.record_age = age;
        self
    }

    /// Sets if a batch that fails is divided into two.
    pub fn bisect(mut self, bisect: bool) -> Self {
        self.settings.rules.bisect = bisect;
        self
    }

    /// Sets if `batchItemFailures` of answers count (`ReportBatchItemFailures`).
    pub fn partial_answers(mut self, partial: bool) -> Self {
        self.settings.rules.partial = partial;
        self
    }

    /// Sets the number of shards. The records of an item are in one of them.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards.max(1);
        self
    }

    /// Sets the number of processes. Each gets batches of any shard.
    pub fn processes(mut self, processes: usize) -> Self {
        self.processes = Some(processes.max(1));
        self
    }

    /// Sets the faults.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.settings.faults = faults;
        self
    }

    /// Delivers the records that a table's stream has now.
    ///
    /// # Panics
    /// If the table has no stream, or if the program cannot be run.
    pub async fn drain(&self, engine: &Engine, table: &str) -> Report {
        self.deliver(feed::records(engine, table, None)).await
    }

    /// Delivers given records, as [`records`](super::records) returns them.
    ///
    /// # Panics
    /// If the program cannot be run.
    pub async fn deliver(&self, records: Vec<Value>) -> Report {
        let mut run = self.prepare();
        // First all records, so that batches are as full as they can be.
        run.send(records);
        run.begin();
        run.end().await
    }

    /// Delivers the records of a table's stream as they come, until `stop` is ready and everything is
    /// delivered that was in the stream then.
    ///
    /// # Panics
    /// If the table has no stream, or if the program cannot be run.
    pub async fn follow(
        &self,
        engine: &Engine,
        table: &str,
        stop: impl Future<Output = ()>,
    ) -> Report {
        let mut run = self.prepare();
        run.begin();
        let mut stop = pin!(stop);
        let (mut last, mut stopped) = (None::<String>, false);
        loop {
            let records = feed::records(engine, table, last.as_deref());
            if let Some(record) = records.last() {
                last = Some(sequence(record).to_owned());
            }
            run.send(records);
            if stopped {
                return run.end().await;
            }
            tokio::select! {
                () = &mut stop => stopped = true,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Prepares a delivery, which has not begun.
    fn prepare(&self) -> Run {
        let places = self.processes.unwrap_or(self.shards);
        let pool = Arc::new(Pool::new(&self.function, places));
        let report = Arc::new(Mutex::new(Report::default()));
        let mut waiting = Vec::new();
        let shards = (0..self.shards).map(|number| {
            let (sender, records) = mpsc::unbounded_channel();
            let shard = Shard {
                number,
                settings: self.settings.clone(),
                pool: Arc::clone(&pool),
                report: Arc::clone(&report),
                rng: Rng::with_seed(self.settings.faults.seed ^ number as u64),
            };
            waiting.push((shard, records));
            sender
        });
        Run {
            shards: shards.collect(),
            waiting,
            tasks: JoinSet::new(),
            pool,
            report,
        }
    }
}

/// A delivery.
struct Run {
    shards: Vec<mpsc::UnboundedSender<Value>>,
    /// The shards that have not begun.
    waiting: Vec<(Shard, mpsc::UnboundedReceiver<Value>)>,
    tasks: JoinSet<()>,
    pool: Arc<Pool>,
    report: Arc<Mutex<Report>>,
}

impl Run {
    /// Gives each record to the shard of its partition key.
    fn send(&self, records: Vec<Value>) {
        for record in records {
            let mut hasher = DefaultHasher::new();
            partition(&record).hash(&mut hasher);
            let shard = hasher.finish() % self.shards.len() as u64;
            let shard = usize::try_from(shard).unwrap_or(0);
            let _ = self.shards[shard].send(record);
        }
    }

    /// Begins to deliver.
    fn begin(&mut self) {
        for (shard, records) in self.waiting.drain(..) {
            self.tasks.spawn(shard.run(records));
        }
    }

    /// Waits until everything is delivered.
    async fn end(mut self) -> Report {
        self.shards.clear();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        let report = Arc::into_inner(self.report).map(Mutex::into_inner);
        let report = report.map(|report| report.unwrap_or_else(PoisonError::into_inner));
        let mut report = report.unwrap_or_default();
        let sandboxes = Arc::into_inner(self.pool).map(Pool::into_sandboxes);
        for sandbox in sandboxes.into_iter().flatten() {
            report.memory = report.memory.max(sandbox.memory);
            report.starts.extend(&sandbox.starts);
            report.log.extend(sandbox.into_log());
        }
        report
    }
}
