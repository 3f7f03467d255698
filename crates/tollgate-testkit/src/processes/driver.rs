//! Runs a scenario: starts engine, proxies and workers, disturbs them, and collects the records of
//! both sides.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::{error::DisplayErrorContext, types::AttributeValue};
use serde_json::{Value, json};
use tokio::time::Instant;
use tollgate::{EntityId, RateLimiter, model::Entity, store::dynamodb::CreateTable};

use super::{
    demand::Demand,
    event::Event,
    log,
    order::{ENTITY, NAMESPACE, Order, PARENT, STACK},
    process::Process,
    report::{Evidence, Report, Worked},
    scenario::Scenario,
    store::{self, Image, Recorder},
    time,
};
use crate::{Engine, Fault, Proxy};

/// The time that writes may still be in transit after all workers have ended, in addition to the
/// distance.
const SETTLING: Duration = Duration::from_millis(200);

pub(super) async fn run(scenario: &Scenario) -> Report {
    let folder = Folder::create();
    let engine = Engine::start().await;
    create_table(&engine, scenario.parent).await;
    let mut driver = Driver {
        scenario,
        folder: &folder.path,
        engine: &engine,
        recorder: Arc::new(Recorder::default()),
        workers: Vec::new(),
        proxies: Vec::new(),
        clocks: vec![0; scenario.processes],
    };
    driver.run().await
}

struct Driver<'a> {
    scenario: &'a Scenario,
    folder: &'a Path,
    engine: &'a Engine,
    recorder: Arc<Recorder>,
    /// All workers that were ever started, with the indexes of their processes. A worker's number
    /// is its position.
    workers: Vec<(usize, Process)>,
    proxies: Vec<Proxy>,
    /// The milliseconds by which the clock of each process is ahead.
    clocks: Vec<i64>,
}

impl Driver<'_> {
    async fn run(&mut self) -> Report {
        for process in 0..self.scenario.processes {
            self.start(process).await;
        }
        for (_, worker) in &mut self.workers {
            worker.until_ready().await;
        }
        let start = Instant::now();
        let end =
            time::now() + i64::try_from(self.scenario.time.as_micros()).unwrap_or(i64::MAX / 2);
        for (_, worker) in &mut self.workers {
            worker.run(end);
        }
        let mut events = self.scenario.events.clone();
        events.sort_by_key(|(at, _)| *at);
        for (at, event) in events {
            tokio::time::sleep_until(start + at).await;
            self.disturb(event, end).await;
        }
        for (_, worker) in self.workers.iter_mut().filter(|(_, worker)| !worker.killed) {
            worker.end().await;
        }
        let farthest = self
            .scenario
            .distances
            .iter()
            .max()
            .copied()
            .unwrap_or_default();
        tokio::time::sleep(farthest + SETTLING).await;
        let items = items(self.engine).await;
        let (writes, mut counts) = self.recorder.take();
        let worked = self
            .workers
            .iter()
            .enumerate()
            .map(|(number, (process, worker))| Worked {
                process: *process,
                killed: worker.killed,
                distance: self.scenario.distance_of(*process),
                log: log::read(&worker.log),
                counts: counts.remove(&number).unwrap_or_default(),
            });
        Report::of(
            self.scenario,
            Evidence {
                worked: worked.collect(),
                writes,
                items,
            },
        )
    }

    async fn start(&mut self, process: usize) {
        let number = self.workers.len();
        let proxy = Proxy::observed(self.engine.address(), self.recorder.of(number)).await;
        let distance = self.scenario.distance_of(process);
        if !distance.is_zero() {
            proxy.set_fault(Fault::distance(distance));
        }
        let demand = match self.scenario.demand {
            Demand::Open { per_second } => Demand::Open {
                per_second: per_second / self.scenario.processes as f64,
            },
            closed @ Demand::Closed { .. } => closed,
        };
        let order = Order {
            endpoint: proxy.endpoint(),
            log: self.folder.join(format!("{number}.log")),
            limits: self.scenario.limits_or_default(),
            cost: self.scenario.cost,
            mode: self.scenario.mode,
            parent: self.scenario.parent,
            tasks: self.scenario.tasks,
            demand,
            deadline: self.scenario.deadline_or_default(),
            // A different seed for each worker.
            seed: self
                .scenario
                .seed
                .wrapping_mul(1_000_003)
                .wrapping_add(number as u64),
            ahead: self.clocks[process],
        };
        self.workers
            .push((process, Process::start(&self.scenario.workers, &order)));
        self.proxies.push(proxy);
    }

    async fn disturb(&mut self, event: Event, end: i64) {
        match event {
            Event::Kill(process) => {
                if let Some(worker) = self.worker(process) {
                    worker.kill();
                    self.start(process).await;
                    self.worker(process)
                        .into_iter()
                        .for_each(|worker| worker.run(end));
                }
            }
            Event::RestartEngine(down) => {
                self.engine.stop().await;
                tokio::time::sleep(down).await;
                self.engine.resume().await;
            }
            Event::StepClock { process, ahead } => {
                if let Some(clock) = self.clocks.get_mut(process) {
                    *clock = ahead;
                }
                self.worker(process)
                    .into_iter()
                    .for_each(|worker| worker.step_clock(ahead));
            }
        }
    }

    /// Returns the current worker of this process.
    fn worker(&mut self, process: usize) -> Option<&mut Process> {
        self.workers
            .iter_mut()
            .rev()
            .find(|(of, _)| *of == process)
            .map(|(_, worker)| worker)
    }
}

/// Creates the table and the entity with its parent.
async fn create_table(engine: &Engine, parent: bool) {
    let create = async {
        let limiter = RateLimiter::open()
            .stack(STACK)
            .namespace(NAMESPACE)
            .client(engine.client())
            .provision(CreateTable::new().without_stream())
            .await?;
        if parent {
            let parent = EntityId::new(PARENT)?;
            limiter
                .entities()
                .create(Entity::new(parent.clone()))
                .await?;
            limiter
                .entities()
                .create(
                    Entity::new(EntityId::new(ENTITY)?)
                        .with_parent(parent)
                        .cascading(),
                )
                .await?;
        }
        limiter.shutdown().await;
        Ok::<_, tollgate::Error>(())
    };
    create
        .await
        .unwrap_or_else(|error| panic!("the table cannot be created: {error}"));
}

/// Returns the bucket items at the end, by partition key.
async fn items(engine: &Engine) -> Vec<(String, Image)> {
    let client = engine.client();
    let mut pages = client
        .scan()
        .table_name(STACK)
        .consistent_read(true)
        .into_paginator()
        .send();
    let mut items = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap_or_else(|error| {
            panic!("cannot read the table: {}", DisplayErrorContext(error))
        });
        items.extend(page.items.unwrap_or_default());
    }
    let bucket = |item: HashMap<String, AttributeValue>| {
        let key = item.get("PK")?.as_s().ok()?.clone();
        store::bucket_of(&key)?;
        Some((key, store::image(&numbers(&item))?))
    };
    items.into_iter().filter_map(bucket).collect()
}

/// Returns the number attributes of an item, in wire format.
fn numbers(item: &HashMap<String, AttributeValue>) -> Value {
    let number = |(name, value): (&String, &AttributeValue)| {
        Some((name.clone(), json!({ "N": value.as_n().ok()? })))
    };
    item.iter()
        .filter_map(number)
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The folder of the logs. The folder is deleted on drop, unless the run has failed.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn create() -> Self {
        static FOLDERS: AtomicU64 = AtomicU64::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("tollgate-processes-{}-{number}", process::id()));
        fs::create_dir_all(&path)
            .unwrap_or_else(|error| panic!("cannot create {}: {error}", path.display()));
        Self { path }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
