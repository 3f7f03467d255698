//! The code that all examples share: a checked port, errors in one readable line, and a graceful
//! shutdown.

use std::{env, error::Error, io, process::ExitCode};

use tokio::net::TcpListener;

/// An error that ends an example.
pub(crate) type Failure = Box<dyn Error>;

/// Returns the exit code of an example. Prints an error as one line on stderr.
pub(crate) fn exit(ended: Result<(), Failure>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Listens on 127.0.0.1, on the port in `PORT` or on 3000. Port 0 selects a free port.
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

/// Returns the port for a value of `PORT`.
pub(crate) fn port_of(value: Option<&str>) -> Result<u16, Failure> {
    match value {
        None => Ok(3000),
        Some(text) => text
            .parse()
            .map_err(|_| format!("PORT={text} is not a port: set it to 0 to 65535").into()),
    }
}

/// Waits for ctrl-c, or for the signal that stops containers.
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
