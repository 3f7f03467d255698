//! Interrupts of the user: Ctrl-C.

/// Waits until the user interrupts the command, or the system asks it to end.
#[cfg(feature = "loadtest")]
pub(crate) async fn or_terminated() {
    tokio::select! {
        () = wait() => {}
        () = terminated() => {}
    }
}

#[cfg(all(feature = "loadtest", unix))]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        // The system has no handler left: the signal ends the process.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(all(feature = "loadtest", not(unix)))]
async fn terminated() {
    std::future::pending().await
}

/// Waits until the user interrupts the command. From the first call on, an interrupt does not end
/// the process.
pub(crate) async fn wait() {
    if tokio::signal::ctrl_c().await.is_err() {
        // The system has no handler left: the interrupt ends the process.
        std::future::pending::<()>().await;
    }
}
