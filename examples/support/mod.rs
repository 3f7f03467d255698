//! The part that all examples share: a port that is checked, a limiter to begin with, errors in one readable line, and a
//! shutdown that loses nothing.
#![allow(dead_code, reason = "some examples need a part of it only")]

use std::{env, error::Error, io, process::ExitCode};

use tokio::net::TcpListener;
use tollgate::RateLimiter;
use tollgate_testkit::Engine;

/// An error that ends an example.
pub(crate) type Failure = Box<dyn Error>;

/// Names the table to use in place of the embedded engine's.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// Returns the exit code of an example. An error is one line on stderr.
pub(crate) fn exit(ended: Result<(), Failure>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Listens on 127.0.0.1, on the port that `PORT` names, or on 3000. Port 0 is a free one.
pub(crate) async fn listen() -> Result<TcpListener, Failure> {
    let port = env::var("PORT").ok();
    let port = port_of(port.as_deref())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    listener.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {port} is in use: set PORT to another one, or to 0 for a free one").into()
        }
        _ => format!("cannot listen on port {port}: {error}. Set PORT to another one").into(),
    })
}

/// Returns the port that the value of `PORT` stands for.
pub(crate) fn port_of(value: Option<&str>) -> Result<u16, Failure> {
    match value {
        None => Ok(3000),
        Some(text) => text.parse().map_err(|_| format!("PORT={text} is not a port: set it to 0 to 65535").into()),
    }
}

/// Opens a limiter over the table that `AWS_ENDPOINT_URL_DYNAMODB` leads to. Without that variable the table lives in
/// an embedded engine, as long as the second value does.
pub(crate) async fn open() -> Result<(RateLimiter, Option<Engine>), Failure> {
    let Some(endpoint) = env::var_os(ENDPOINT) else {
        let engine = Engine::start().await;
        let limiter = RateLimiter::open().client(engine.client()).await?;
        return Ok((limiter, Some(engine)));
    };
    match RateLimiter::open().await {
        Ok(limiter) => Ok((limiter, None)),
        Err(error) => Err(format!(
            "the table behind {ENDPOINT}={} does not open: {}. Check that variable (http://host:port), AWS_REGION and \
             the AWS credentials; without {ENDPOINT} an embedded engine is used",
            endpoint.to_string_lossy(),
            root_cause(&error),
        )
        .into()),
    }
}

/// Returns the first line of the innermost cause: those around it repeat it, and the SDK prints whole requests.
fn root_cause(error: &tollgate::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Waits for ctrl-c, or for the signal with which containers are stopped.
pub(crate) async fn stopped() {
    let interrupted = async {
        // Without a signal handler the server runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}
