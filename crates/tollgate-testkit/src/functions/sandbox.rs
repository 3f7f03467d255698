//! A process of a function, with a Runtime API of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use super::{
    api::{Event, Message, RuntimeServer},
    function::Function,
    reply::Reply,
};

/// The longest time until a process asks for its first event, as Lambda has it.
const START: Duration = Duration::from_secs(10);

/// The time between two looks at a process.
const LOOK: Duration = Duration::from_millis(5);

/// A place for a process of a function: what Lambda calls an execution environment.
///
/// It starts the process with the first event, and again after the process has ended.
#[derive(Debug)]
pub struct Sandbox {
    function: Function,
    process: Option<Process>,
    events: u64,
    log: Arc<Mutex<Vec<String>>>,
    /// The times from the start of a process until it asked for an event.
    pub(super) starts: Vec<Duration>,
    /// The largest number of bytes that a process had in memory.
    pub(super) memory: u64,
}

#[derive(Debug)]
struct Process {
    child: Child,
    api: RuntimeServer,
    /// Reads what the process writes, to the end.
    reader: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Creates a place without a process.
    pub fn new(function: Function) -> Self {
        Self {
            function,
            process: None,
            events: 0,
            log: Arc::default(),
            starts: Vec::new(),
            memory: 0,
        }
    }

    /// Gives an event to the process, and waits for the reply.
    ///
    /// # Panics
    /// If the program cannot be run.
    pub async fn invoke(&mut self, event: &Value) -> Reply {
        self.invoke_until(event, None).await
    }

    /// Does the same as [`invoke`](Self::invoke), but kills the process after a time.
    pub(super) async fn invoke_until(&mut self, event: &Value, kill: Option<Duration>) -> Reply {
        if let Err(reply) = self.start().await {
            self.process = None;
            return reply;
        }
        let reply = self.exchange(event, kill).await;
        self.measure();
        if matches!(reply, Reply::Late | Reply::Ended | Reply::NotStarted(_)) {
            self.process = None;
        }
        reply
    }

    /// Ends the process, and returns the lines that processes wrote on their standard output.
    pub fn into_log(mut self) -> Vec<String> {
        self.process = None;
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }

    /// Returns the time that each process took from its start until it asked for an event.
    pub fn starts(&self) -> &[Duration] {
        &self.starts
    }

    /// Starts a process if there is none.
    async fn start(&mut self) -> Result<(), Reply> {
        if let Some(process) = &mut self.process
            && matches!(process.child.try_wait(), Ok(None))
        {
            return Ok(());
        }
        let api = RuntimeServer::start().await;
        let begun = Instant::now();
        let mut command = self.function.command(&api.address);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let output = child.stdout.take();
        let log = Arc::clone(&self.log);
        // To the end, so that the process never blocks on a full pipe.
        let reader = output.map(|output| thread::spawn(move || read(output, &log)));
        let process = self.process.insert(Process { child, api, reader });
        match process.next(START).await {
            Some(Message::Ready) => {
                self.starts.push(begun.elapsed());
                Ok(())
            }
            Some(Message::NotStarted(told)) => Err(Reply::NotStarted(told)),
            _ => Err(Reply::Ended),
        }
    }

    async fn exchange(&mut self, event: &Value, kill: Option<Duration>) -> Reply {
        let Some(process) = &mut self.process else {
            return Reply::Ended;
        };
        self.events += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.events);
        let event = Event {
            id: id.clone(),
            body: event.to_string().into(),
            deadline: SystemTime::now() + self.function.timeout,
        };
        if process.api.events.send(event).await.is_err() {
            return Reply::Ended;
        }
        let wait = kill.unwrap_or(self.function.timeout);
        let end = Instant::now() + wait;
        loop {
            match process
                .next(end.saturating_duration_since(Instant::now()))
                .await
            {
                Some(Message::Answered(of, answer)) if of == id => return Reply::Answered(answer),
                Some(Message::Failed(of, told)) if of == id => return Reply::Failed(told),
                Some(Message::NotStarted(told)) => return Reply::NotStarted(told),
                Some(_) => {}
                None if Instant::now() < end || kill.is_some() => return Reply::Ended,
                None => return Reply::Late,
            }
        }
    }

    fn measure(&mut self) {
        if let Some(process) = &self.process {
            self.memory = self.memory.max(resident(process.child.id()).unwrap_or(0));
        }
    }
}

impl Process {
    /// Waits for a message. Returns `None` when the time is over, or when the process has ended.
    async fn next(&mut self, time: Duration) -> Option<Message> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now()).min(LOOK);
            match tokio::time::timeout(left, self.api.messages.recv()).await {
                Ok(message) => return message,
                Err(_) if Instant::now() >= end => return None,
                // What the process sent before its end may be on its way.
                Err(_) if !matches!(self.child.try_wait(), Ok(None)) => {
                    let last = tokio::time::timeout(LOOK * 4, self.api.messages.recv()).await;
                    return last.ok().flatten();
                }
                Err(_) => {}
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn read(output: ChildStdout, log: &Mutex<Vec<String>>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
}

/// Returns the largest number of bytes that a process had in memory, on systems that tell it.
fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
