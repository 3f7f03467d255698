//! Waiting for answers without async (feature `blocking`).
//!
//! [`Wait::wait`] does for plain threads what `.await` does for async code, on every future of this
//! crate:
//!
//! ```
//! use tollgate::{Limit, RateLimiter, blocking::Wait};
//!
//! let limiter = RateLimiter::memory();
//! let limits = Limit::per_minute("tpm", 1000);
//! let mut lease = limiter.acquire("user-1", "gpt-4").limits(limits).cost("tpm", 100).wait()?;
//! lease.settle("tpm", 180)?;
//! lease.commit().wait()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Store calls and background writes need a tokio runtime. The process has a runtime for this
//! purpose. The only thread of that runtime starts with the first call and never ends. A limiter
//! that [`RateLimiter::open`](crate::RateLimiter::open) makes here lives on that runtime. A limiter
//! that is built over a store of your own needs [`runtime`].

use std::{future::IntoFuture, io, sync::OnceLock};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::{
    error::{Error, SettleError, Unavailable},
    model::{BreakerState, Sealed, Status, StoreStatus},
};

/// Waits on the calling thread for the answer of a future.
///
/// `wait` may be called on plain threads and in [`spawn_blocking`](tokio::task::spawn_blocking).
/// Use `.await` on an async task, because `wait` blocks the thread of the task.
///
/// # Blocking for ever
/// On an async task of a `current_thread` runtime, a limiter that lives on the same runtime does
/// nothing while `wait` blocks its only thread. Acquires and most other calls end at their
/// deadlines there. Two futures have no deadline, and never end: a settlement that has something to
/// write, and an acquire with [`until_ready`](crate::limiter::Acquire::until_ready) that waits in
/// its queue. `wait` cannot find out that it is called there.
pub trait Wait: IntoFuture + Sized {
    /// Waits for the answer. Decisions that need no store call are made on the calling thread.
    ///
    /// # Errors
    /// The errors of the future; [`Unavailable::NoThread`] if the operating system gives no thread.
    fn wait(self) -> Self::Output;
}

impl<F> Wait for F
where
    F: IntoFuture<Output: WaitOutput>,
{
    fn wait(self) -> F::Output {
        match start() {
            Ok(runtime) => {
                let _entered = runtime.enter();
                pollster::block_on(self)
            }
            Err(_) => F::Output::without_thread(|| pollster::block_on(self)),
        }
    }
}

/// Returns the runtime on which [`wait`](Wait::wait) has store calls made, for
/// [`RateLimiterBuilder::runtime`](crate::limiter::RateLimiterBuilder::runtime). Starts it if need
/// be.
///
/// ```
/// use tollgate::{Limit, RateLimiter, blocking::{self, Wait}, store::MemoryStore};
///
/// let limiter = RateLimiter::builder().runtime(blocking::runtime()?).build(MemoryStore::new())?;
/// limiter.acquire("user-1", "api").limits(Limit::per_minute("rpm", 60)).wait()?.commit();
/// limiter.shutdown().wait();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The operating system gives no thread.
pub fn runtime() -> io::Result<Handle> {
    start().map(|runtime| runtime.handle().clone())
}

fn start() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();

    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("tollgate")
        .enable_all()
        .build()?;
    if let Err(second) = RUNTIME.set(runtime) {
        // Another thread has set the runtime first. This runtime is not needed. Waiting for its end
        // could block one of its own threads, so do not wait.
        second.shutdown_background();
    }
    RUNTIME
        .get()
        .ok_or_else(|| io::Error::other("the runtime was not kept"))
}

/// The output of a future that can be waited for.
pub trait WaitOutput: Sealed + Sized {
    /// Returns the answer if there is no thread for store calls. `poll` waits for the future
    /// without such a thread.
    #[doc(hidden)]
    fn without_thread(poll: impl FnOnce() -> Self) -> Self;
}

impl<T, E: From<Error>> Sealed for Result<T, E> {}
impl<T, E: From<Error>> WaitOutput for Result<T, E> {
    fn without_thread(_: impl FnOnce() -> Self) -> Self {
        Err(Error::from(Unavailable::NoThread).into())
    }
}

impl Sealed for Result<(), SettleError> {}
impl WaitOutput for Result<(), SettleError> {
    /// Waits: the settlement is written in the background, without such a thread.
    fn without_thread(poll: impl FnOnce() -> Self) -> Self {
        poll()
    }
}

/// A row of a listing.
impl<T> Sealed for Option<Result<T, Error>> {}
impl<T> WaitOutput for Option<Result<T, Error>> {
    fn without_thread(_: impl FnOnce() -> Self) -> Self {
        Some(Err(Unavailable::NoThread.into()))
    }
}

impl Sealed for () {}
impl WaitOutput for () {
    /// Waits: a flush or a shutdown runs in the background, without such a thread.
    fn without_thread(poll: impl FnOnce() -> Self) -> Self {
        poll()
    }
}

impl Sealed for Status {}
impl WaitOutput for Status {
    fn without_thread(_: impl FnOnce() -> Self) -> Self {
        let problem = Some(Unavailable::NoThread.to_string());
        Self::new(
            None,
            BreakerState::Closed,
            StoreStatus {
                problem,
                ..StoreStatus::default()
            },
        )
    }
}
