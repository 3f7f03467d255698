//! Runs futures on this thread.

use tokio::runtime::Builder;

use crate::failure::Failure;

/// Runs a future until it ends.
pub(crate) fn run<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(future)
}

/// Runs a future until it ends or the user interrupts it.
pub(crate) fn until_interrupted(
    future: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    run(async {
        tokio::select! {
            result = future => result,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    })
}
