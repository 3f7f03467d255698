//! Interrupts of the user: Ctrl-C.

/// Waits until the user interrupts the command. From the first call on, an interrupt does not end
/// the process.
pub(crate) async fn wait() {
    if tokio::signal::ctrl_c().await.is_err() {
        // The system has no handler left: the interrupt ends the process.
        std::future::pending::<()>().await;
    }
}
