//! The process that serves the local table.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    panic,
    sync::Arc,
    time::Duration,
};

use dynoxide::Database;
use tokio::{runtime, sync::oneshot};
use tollgate::model::StackName;

use super::{
    aggregator::Aggregation,
    engine,
    folder::{Folder, remove},
    instance::Instance,
    lock::Lock,
    log::Log,
    stream::Stream,
    table, unfinished, upkeep,
};
use crate::failure::Failure;

/// The time that requests have to end when the server stops.
const ENDING: Duration = Duration::from_secs(3);

/// The time between two looks for the request to stop.
const LOOK: Duration = Duration::from_millis(100);

/// A server that is to be started.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) folder: Folder,
    pub(crate) port: u16,
    pub(crate) stack: StackName,
    /// True to count usage.
    pub(crate) aggregates: bool,
}

/// Serves until the process is asked to stop. Calls `ready` when the table is there.
pub(crate) fn serve(
    server: &Server,
    ready: impl FnOnce(&Instance) -> io::Result<()>,
) -> Result<(), Failure> {
    let Server {
        folder,
        port,
        stack,
        aggregates,
    } = server;
    folder.create()?;
    let Some(_lock) = Lock::take(folder)? else {
        return Err(Failure::Refused(format!(
            "another server runs in {}",
            folder.path().display()
        )));
    };
    // Both are of a server that was killed.
    Instance::forget(folder)?;
    remove(&folder.stop())?;
    let log = Arc::new(Log::open(folder)?);
    log_panics(&log);
    let (database, stream) = engine::open(folder)?;
    let data = folder.data();
    let removed = unfinished::remove(&database, &data, stack.as_str());
    if removed.map_err(|reason| engine::unusable(&data, &reason))? {
        log.write(format!("the table {stack} was empty, and is created anew"));
    }
    let listener = listen(*port)?;
    let address = listener
        .local_addr()
        .map_err(|error| no_port(*port, &error))?;
    let instance = Instance::of_this_process(address.port(), stack.clone(), *aggregates);
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| unserved(&error))?;
    let served = runtime.block_on(async {
        instance.write(folder)?;
        run(server, &instance, listener, (database, stream), &log, ready).await
    });
    let forgotten = Instance::forget(folder);
    runtime.shutdown_timeout(ENDING);
    match &served {
        Ok(reason) => log.write(format!("stopped: {reason}")),
        Err(failure) => log.write(format!("failed: {failure}")),
    }
    remove(&folder.stop())?;
    served.and(forgotten)
}

/// Serves, and returns the reason why the server stops.
async fn run(
    server: &Server,
    instance: &Instance,
    listener: TcpListener,
    (database, stream): (Database, Stream),
    log: &Arc<Log>,
    ready: impl FnOnce(&Instance) -> io::Result<()>,
) -> Result<&'static str, Failure> {
    let listener = tokio::net::TcpListener::from_std(listener);
    let listener = listener.map_err(|error| unserved(&error))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let serving = dynoxide::server::serve_with_shutdown(listener, database.clone(), stopped);
    let mut serving = tokio::spawn(serving);
    table::create(&instance.endpoint, &server.stack).await?;
    let Instance { endpoint, pid, .. } = instance;
    log.write(format!(
        "started at {endpoint}, pid {pid}, table {}",
        server.stack
    ));
    ready(instance)?;
    let aggregation = (server.aggregates).then(|| Aggregation::start(endpoint, log));
    let reason = tokio::select! {
        reason = asked_to_stop(&server.folder) => reason?,
        () = upkeep::run(database, stream, Arc::clone(log)) => "the upkeep has ended",
        ended = &mut serving => return Err(ended_early(ended)),
    };
    // From now on, other commands wait for the end of this process.
    Instance::forget(&server.folder)?;
    if let Some(aggregation) = aggregation {
        // What it does not finish, the next server counts.
        let _ = tokio::time::timeout(ENDING, aggregation.end()).await;
    }
    drop(stop);
    // A request that does not end must not keep the process.
    let _ = tokio::time::timeout(ENDING, serving).await;
    Ok(reason)
}

/// Waits until a signal or the file for it asks the server to stop.
async fn asked_to_stop(folder: &Folder) -> Result<&'static str, Failure> {
    let path = folder.stop();
    let requested = async {
        while !fs::exists(&path).unwrap_or(false) {
            tokio::time::sleep(LOOK).await;
        }
    };
    let asked = tokio::select! {
        () = requested => Ok("by `tollgate local down`"),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| "interrupted"),
        terminated = terminated() => terminated.map(|()| "terminated"),
    };
    asked.map_err(|error| unserved(&error))
}

/// Waits for the signal that ends processes. The end of the terminal does not end this one.
#[cfg(unix)]
async fn terminated() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let _ignored = signal(SignalKind::hangup())?;
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> io::Result<()> {
    std::future::pending().await
}

fn listen(port: u16) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = listener.map_err(|error| no_port(port, &error))?;
    let set = listener.set_nonblocking(true);
    set.map_err(|error| no_port(port, &error))?;
    Ok(listener)
}

/// Returns an error if a server cannot listen on the port.
pub(crate) fn ensure_free(port: u16) -> Result<(), Failure> {
    listen(port).map(drop)
}

fn unserved(error: &io::Error) -> Failure {
    Failure::Refused(format!("the local table cannot be served: {error}"))
}

fn no_port(port: u16, error: &io::Error) -> Failure {
    Failure::Refused(match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {port} is taken by another program: choose another one with --port, or 0 for any"
        ),
        _ => format!("cannot listen on port {port}: {error}"),
    })
}

fn ended_early(ended: Result<Result<(), String>, tokio::task::JoinError>) -> Failure {
    Failure::Refused(match ended {
        Ok(Ok(())) => "the server ended by itself".into(),
        Ok(Err(error)) => error,
        Err(error) => error.to_string(),
    })
}

/// Writes panics of the engine into the log too.
fn log_panics(log: &Arc<Log>) {
    let log = Arc::clone(log);
    panic::set_hook(Box::new(move |panic| log.write(panic.to_string())));
}
