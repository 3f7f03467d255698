//! Starts a server in the background.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use super::{instance::Instance, server::Server};
use crate::failure::Failure;

/// The longest time until a server answers. Old data may need to be brought up to date first.
const DEADLINE: Duration = Duration::from_secs(60);

/// The result of a start.
#[derive(Debug)]
pub(crate) enum Started {
    /// This server was started.
    Now(Instance),
    /// This server ran before.
    Before(Instance),
}

/// Starts a server as a process that outlives this one, unless one runs. Returns when it answers.
pub(crate) fn start(server: &Server) -> Result<Started, Failure> {
    if let Some(instance) = Instance::find(&server.folder)? {
        return Ok(Started::Before(instance));
    }
    server.folder.create()?;
    let mut child = spawn(server)?;
    let Some(line) = first_line(&mut child) else {
        let _ = child.kill();
        return Err(Failure::Refused(format!(
            "the local table did not start within {} s: its log is {}",
            DEADLINE.as_secs(),
            server.folder.log().display()
        )));
    };
    if let Ok(instance) = serde_json::from_str(&line) {
        return Ok(Started::Now(instance));
    }
    // Another command may have started one at the same time.
    if let Some(instance) = Instance::find(&server.folder)? {
        return Ok(Started::Before(instance));
    }
    Err(failure_of(child))
}

fn spawn(server: &Server) -> Result<Child, Failure> {
    let failed = |error| Failure::Refused(format!("the local table cannot be started: {error}"));
    let mut command = Command::new(env::current_exe().map_err(failed)?);
    command
        .args(["local", "serve", "--name", server.stack.as_str()])
        .args(["--port", &server.port.to_string(), "--data"])
        .arg(server.folder.path())
        .args((!server.aggregates).then_some("--no-aggregator"))
        .current_dir(server.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Ctrl-C in the terminal is not for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(failed)
}

/// Returns the first line that the server prints, an empty one if it ends without any, and `None`
/// if it takes too long.
fn first_line(child: &mut Child) -> Option<String> {
    let out = child.stdout.take()?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(out).read_line(&mut line);
        let _ = sender.send(line);
    });
    match receiver.recv_timeout(DEADLINE) {
        Ok(line) => Some(line),
        Err(RecvTimeoutError::Disconnected) => Some(String::new()),
        Err(RecvTimeoutError::Timeout) => None,
    }
}

/// Returns the failure of a server that has ended: its own words, and its own exit code.
fn failure_of(mut child: Child) -> Failure {
    let mut text = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut text);
    }
    let code = child.wait().ok().and_then(|status| status.code());
    let text = text.trim();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    match code {
        Some(2) => Failure::Usage(text.to_owned()),
        _ if text.is_empty() => {
            Failure::Refused("the local table was ended while it started".into())
        }
        _ => Failure::Refused(text.to_owned()),
    }
}
