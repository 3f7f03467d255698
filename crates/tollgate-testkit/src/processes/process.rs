//! A worker process, as the driver sees it.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Stdio},
    thread,
    time::Duration,
};

use tokio::sync::watch;

use super::{
    order::{Order, VARIABLE},
    worker::READY,
    workers::Workers,
};

/// The longest wait until a worker has opened its limiter, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker. Dropping it kills the process.
pub(super) struct Process {
    child: Child,
    commands: ChildStdin,
    ready: watch::Receiver<bool>,
    pub(super) log: PathBuf,
    pub(super) killed: bool,
}

impl Process {
    pub(super) fn start(workers: &Workers, order: &Order) -> Self {
        let mut command = workers.command();
        command
            .env(VARIABLE, order.to_json())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (Some(commands), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            panic!("the worker has no pipes");
        };
        let (is_ready, ready) = watch::channel(false);
        // Reads to the end, so that the worker never blocks on a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.contains(READY) {
                    is_ready.send_replace(true);
                }
            }
        });
        Self {
            child,
            commands,
            ready,
            log: order.log.clone(),
            killed: false,
        }
    }

    /// Waits until the worker's limiter is open.
    pub(super) async fn until_ready(&mut self) {
        let ready = tokio::time::timeout(PATIENCE, self.ready.wait_for(|ready| *ready)).await;
        assert!(
            matches!(ready, Ok(Ok(_))),
            "a worker has ended early, or does not start: {:?}",
            self.child.try_wait()
        );
    }

    /// Tells the worker to make requests until `end` (epoch µs), as soon as its limiter is open.
    pub(super) fn run(&mut self, end: i64) {
        self.tell(&format!("run {end}\n"));
    }

    /// Sets the milliseconds by which the worker's wall clock is ahead.
    pub(super) fn step_clock(&mut self, ahead: i64) {
        self.tell(&format!("step {ahead}\n"));
    }

    /// Sends a command. Errors are ignored, because the worker may have ended. If the worker has
    /// failed, [`end`](Self::end) panics.
    fn tell(&mut self, line: &str) {
        let _ = self
            .commands
            .write_all(line.as_bytes())
            .and_then(|()| self.commands.flush());
    }

    /// Kills the process, without a chance for it to clean up.
    pub(super) fn kill(&mut self) {
        self.killed = true;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until the process has ended.
    pub(super) async fn end(&mut self) {
        let ended = async {
            loop {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let status = tokio::time::timeout(PATIENCE, ended).await;
        assert!(
            status.as_ref().is_ok_and(|status| status.success()),
            "a worker has failed: {status:?}"
        );
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
