//! Changes: the errors and interrupts that may leave a part of them done.

use std::{
    future::IntoFuture,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tollgate::{Error, error::EntityError};

use crate::{failure::Failure, interrupt, progress::Progress};

/// The hint for a change of which nobody knows if it was made. For example the limits may be stored
/// without the event of the history.
const LOOK: &str = "the change may have been made, with or without its event in the history: look before you repeat it";

/// The hint for a change that may have stopped halfway, and that a repeat finishes.
const AGAIN: &str = "a part may be done: run the same command again to finish it";

/// True from the first call on that changes something.
static STARTED: AtomicBool = AtomicBool::new(false);

/// True while a change that was interrupted takes its last steps, until the next interrupt.
static LAST_STEPS: AtomicBool = AtomicBool::new(false);

/// Takes the last steps of a change that was interrupted. Another interrupt ends them.
pub(crate) async fn last_steps<T>(steps: impl Future<Output = T>) -> T {
    LAST_STEPS.store(true, Ordering::Relaxed);
    steps.await
}

/// Returns true if a change takes its last steps, and no interrupt has come since they began.
pub(crate) fn takes_last_steps() -> bool {
    LAST_STEPS.swap(false, Ordering::Relaxed)
}

/// Returns the failure of a command that is interrupted between its calls.
pub(crate) fn interrupted() -> Failure {
    let started = STARTED.load(Ordering::Relaxed);
    let text = if started { LOOK } else { "nothing was changed" };
    Failure::Interrupted(text.to_owned())
}

/// Awaits a call that changes something.
///
/// # Errors
/// The call's error, or an interrupt: with a hint if a part of the change may have been made.
pub(crate) async fn change<T>(
    call: impl IntoFuture<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    hinted(call, LOOK).await
}

/// Awaits a call that makes many changes, and that a repeat finishes.
///
/// # Errors
/// The call's error, or an interrupt: with a hint to repeat the command.
pub(crate) async fn repeatable<T>(
    call: impl IntoFuture<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    hinted(call, AGAIN).await
}

async fn hinted<T>(
    call: impl IntoFuture<Output = Result<T, Error>>,
    hint: &str,
) -> Result<T, Failure> {
    STARTED.store(true, Ordering::Relaxed);
    tokio::select! {
        biased;
        () = interrupt::wait() => Err(Failure::Interrupted(hint.to_owned())),
        result = call.into_future() => result.map_err(|error| midway(error, hint)),
    }
}

/// Awaits a call that makes many changes, says itself how far it came, and continues if it is
/// repeated.
///
/// # Errors
/// The call's failure, or an interrupt: with a hint to repeat the command.
pub(crate) async fn resumable<T>(
    call: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    STARTED.store(true, Ordering::Relaxed);
    tokio::select! {
        biased;
        () = interrupt::wait() => Err(Failure::Interrupted(AGAIN.to_owned())),
        result = call => result,
    }
}

/// The writes of a change that makes many.
#[derive(Debug)]
pub(crate) struct ManyWrites {
    counter: Arc<AtomicU64>,
    /// The past of what is done to what: `buckets written`.
    done: &'static str,
}

impl ManyWrites {
    /// Counts what was `done`: `buckets written`.
    pub(crate) fn new(done: &'static str) -> Self {
        let counter = Arc::default();
        Self { counter, done }
    }

    /// Returns the counter for the call.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        self.counter.clone()
    }

    /// Awaits the call, and shows its progress on a terminal. The call can be repeated to finish
    /// it.
    ///
    /// # Errors
    /// The call's error, or an interrupt: with the number of writes that were made.
    pub(crate) async fn run<T>(
        self,
        call: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        STARTED.store(true, Ordering::Relaxed);
        let mut call = pin!(call.into_future());
        let mut interrupted = pin!(interrupt::wait());
        let mut progress = Progress::new(self.done);
        let result = loop {
            tokio::select! {
                biased;
                () = &mut interrupted => break None,
                result = &mut call => break Some(result),
                () = progress.tick() => progress.show(self.count()),
            }
        };
        drop(progress);
        let so_far = format!(
            "{} {} before that; run the same command again to finish it",
            self.count(),
            self.done
        );
        match result {
            Some(Ok(value)) => Ok(value),
            // These say how far the call came, and what to do.
            Some(Err(
                error @ (Error::FanOut(_) | Error::Entity(EntityError::MoveIncomplete { .. })),
            )) => Err(error.into()),
            Some(Err(error)) => Err(Failure::from(error).with_hint(Some(so_far))),
            None => Err(Failure::Interrupted(so_far)),
        }
    }

    fn count(&self) -> u64 {
        self.counter.load(Ordering::Relaxed)
    }
}

/// Returns the failure of a call that changes something.
fn midway(error: Error, hint: &str) -> Failure {
    let is_told = matches!(error, Error::FanOut(_));
    let hint = (!is_told).then(|| hint.to_owned());
    Failure::from(error).with_hint(hint)
}
