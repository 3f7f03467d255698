//! The part that all examples share: a port that is checked, errors in one readable line, and a shutdown that loses
//! nothing.

use std::{env, error::Error, io, process::ExitCode};

use tokio::net::TcpListener;

/// An error that ends an example.
pub(crate) type Failure = Box<dyn Error>;

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
