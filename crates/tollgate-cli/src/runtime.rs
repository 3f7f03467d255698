//! Runs futures on this thread.

use std::pin::pin;

use tokio::runtime::Builder;

use crate::{change, failure::Failure, interrupt};

/// Runs a future until it ends.
pub(crate) fn run<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(future)
}

/// Runs a future until it ends, on this thread and others: `threads` in all, at least.
pub(crate) fn run_on<T>(
    threads: usize,
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder
        .worker_threads(threads.max(1))
        .enable_all()
        .build()?;
    runtime.block_on(future)
}

/// Runs a future until it ends or the user interrupts it.
pub(crate) fn until_interrupted(
    future: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    run(async {
        let mut future = pin!(future);
        loop {
            // The future comes first, because it may know what was done.
            tokio::select! {
                biased;
                result = &mut future => return result,
                () = interrupt::wait() => {}
            }
            // It has noticed the interrupt, and has something to do before it ends.
            if !change::takes_last_steps() {
                return Err(change::interrupted());
            }
        }
    })
}
