//! Counts the usage of all tables of the engine, in the process that serves them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time};

use super::{client::Clients, followed, log::Log};

/// The time between two looks for new tables.
const LOOK: Duration = Duration::from_secs(1);

/// The tasks that count usage. Whatever happens to them, the engine goes on.
#[derive(Debug)]
pub(super) struct Aggregation {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Aggregation {
    /// Starts to count.
    pub(super) fn start(endpoint: &str, log: &Arc<Log>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = run(Clients::new(endpoint), Arc::clone(log), stopped);
        Self {
            stop,
            task: tokio::spawn(task),
        }
    }

    /// Counts what was read, and saves the checkpoints.
    pub(super) async fn end(self) {
        self.stop.send_replace(true);
        // A panic is in the log.
        let _ = self.task.await;
    }
}

/// Follows each table with buckets, also those that are made later.
async fn run(clients: Clients, log: Arc<Log>, mut stop: watch::Receiver<bool>) {
    let mut tasks: HashMap<String, JoinHandle<()>> = HashMap::new();
    loop {
        tasks.retain(|_, task| !task.is_finished());
        // A failure to list the tables is one of the engine, and is told by its requests.
        for table in tables(&clients).await {
            tasks.entry(table).or_insert_with_key(|table| {
                let table = table.clone();
                let (clients, log) = (clients.clone(), Arc::clone(&log));
                tokio::spawn(followed::run(table, clients, log, stop.clone()))
            });
        }
        tokio::select! {
            () = followed::stopped(&mut stop) => break,
            () = time::sleep(LOOK) => {}
        }
    }
    for task in tasks.into_values() {
        let _ = task.await;
    }
}

async fn tables(clients: &Clients) -> Vec<String> {
    let request = clients.dynamodb.list_tables().into_paginator();
    let mut pages = request.items().send();
    let mut names = Vec::new();
    while let Some(Ok(name)) = pages.next().await {
        names.push(name);
    }
    names
}
