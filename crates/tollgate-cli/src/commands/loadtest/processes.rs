//! Several processes that make a load together. Each runs this command with the same arguments.

use std::{env, ffi::OsString, future::poll_fn, pin::pin, process::Stdio, task::Poll};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tollgate_loadtest::{Progress, Report};

use super::{live::Live, message::Message, setup::Setup};
use crate::{failure::Failure, interrupt};

/// A process of the test.
#[derive(Debug)]
struct Worker {
    child: Child,
    /// It stops when this is closed.
    orders: Option<ChildStdin>,
    messages: Lines<BufReader<ChildStdout>>,
    progress: Progress,
    done: Option<(Report, f64)>,
}

/// Runs the test in `count` processes. Returns the merged report, and the write units. A `level` is
/// that of a search.
pub(super) async fn run(
    setup: &Setup,
    count: u32,
    level: Option<f64>,
) -> Result<(Report, f64), Failure> {
    let mut workers = Vec::new();
    for index in 0..count {
        workers.push(Worker::start(setup, index, count, level)?);
    }
    for worker in &mut workers {
        match worker.next().await? {
            Message::Ready => {}
            _ => return Err(worker.failure().await),
        }
    }
    for worker in &mut workers {
        worker.begin().await?;
    }
    let result = follow(&mut workers).await;
    for worker in &mut workers {
        worker.orders = None;
    }
    result?;
    let mut merged = Report::default();
    let mut units = 0.0;
    for worker in &mut workers {
        if let Some((report, more)) = worker.done.take() {
            merged.merge(&report);
            units += more;
        }
        worker.child.wait().await?;
    }
    Ok((merged, units))
}

/// Follows the processes until all have finished. The first interrupt stops them, the second one
/// does not wait.
async fn follow(workers: &mut [Worker]) -> Result<(), Failure> {
    let mut live = Live::new();
    let (mut interrupted, mut interrupts) = (pin!(interrupt::or_terminated()), 0);
    loop {
        if workers.iter().all(|worker| worker.done.is_some()) {
            return Ok(());
        }
        tokio::select! {
            received = next(workers) => {
                let (index, message) = received?;
                let Some(worker) = workers.get_mut(index) else { continue };
                match message {
                    Message::Ready => {}
                    Message::Progress(progress) => worker.progress = *progress,
                    Message::Done { report, write_units } => {
                        worker.done = Some((*report, write_units));
                    }
                }
            }
            () = live.tick() => {
                let mut progress = Progress::default();
                workers.iter().for_each(|worker| progress.merge(&worker.progress));
                live.show(&progress);
            }
            () = &mut interrupted => {
                interrupted.set(interrupt::or_terminated());
                interrupts += 1;
                if interrupts > 1 {
                    return Err(Failure::Interrupted("without a report".into()));
                }
                workers.iter_mut().for_each(|worker| worker.orders = None);
            }
        }
    }
}

/// Waits for the next message of any process.
async fn next(workers: &mut [Worker]) -> Result<(usize, Message), Failure> {
    let waiting = workers.iter_mut().enumerate();
    let waiting = waiting.filter(|(_, worker)| worker.done.is_none());
    let mut messages: Vec<_> = waiting
        .map(|(index, worker)| Box::pin(async move { (index, worker.next().await) }))
        .collect();
    let (index, message) = poll_fn(|cx| {
        for message in &mut messages {
            if let Poll::Ready(received) = message.as_mut().poll(cx) {
                return Poll::Ready(received);
            }
        }
        Poll::Pending
    })
    .await;
    Ok((index, message?))
}

impl Worker {
    fn start(setup: &Setup, index: u32, count: u32, level: Option<f64>) -> Result<Self, Failure> {
        let mut arguments: Vec<OsString> = env::args_os().skip(1).collect();
        arguments.push(format!("--part={index}/{count}").into());
        arguments.push(format!("--prefix={}", setup.prefix).into());
        if let Some(namespace) = &setup.namespace {
            arguments.push(format!("--joined={namespace}").into());
        }
        if setup.made.is_some() {
            arguments.push("--own".into());
        }
        if let Some(level) = level {
            arguments.push(format!("--level={level}").into());
        }
        let mut child = Command::new(env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                Failure::Refused(format!("process {index} cannot be started: {error}"))
            })?;
        let orders = child.stdin.take();
        let output = child.stdout.take();
        let output = output.ok_or_else(|| Failure::Refused("a process has no output".into()))?;
        Ok(Self {
            child,
            orders,
            messages: BufReader::new(output).lines(),
            progress: Progress::default(),
            done: None,
        })
    }

    async fn begin(&mut self) -> Result<(), Failure> {
        if let Some(orders) = &mut self.orders {
            orders.write_all(b"begin\n").await?;
            orders.flush().await?;
        }
        Ok(())
    }

    /// Returns the next message. It can be dropped and called again: a part of a line stays.
    async fn next(&mut self) -> Result<Message, Failure> {
        match self.messages.next_line().await? {
            Some(line) => serde_json::from_str(&line).map_err(|error| {
                Failure::Refused(format!("a process of the test wrote no message: {error}"))
            }),
            None => Err(self.failure().await),
        }
    }

    /// Returns the failure of a process that ended early: what it said.
    async fn failure(&mut self) -> Failure {
        let mut said = String::new();
        if let Some(error) = &mut self.child.stderr {
            let _ = error.read_to_string(&mut said).await;
        }
        let said = said.lines().last().unwrap_or("it said nothing");
        let said = said.trim_start_matches("error: ").to_owned();
        Failure::Refused(format!("a process of the test ended early: {said}"))
    }
}
